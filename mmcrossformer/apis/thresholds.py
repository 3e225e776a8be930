"""Score thresholds of a trained model: the report writes them beside the checkpoints, and predictions use them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import file_digest, write_json

THRESHOLDS = 'score_thresholds.json'


@dataclass(frozen=True)
class Thresholds:
    """Scores from which on predictions have the best F1.

    Attributes:
        overall: That of all classes together; None for a model that finds nothing.
        classes: That of each class by name; None for classes without objects, or of which none is found.
    """

    overall: float | None
    classes: dict[str, float | None]

    def write(self, folder: Path, checkpoint: str | Path) -> None:
        """Writes `score_thresholds.json` into a folder, with name and SHA-256 of the checkpoint that they are of."""
        known = dict(checkpoint=Path(checkpoint).name, sha256=file_digest(checkpoint))
        write_json(folder / THRESHOLDS, dict(known, overall=self.overall, classes=self.classes))


def read_thresholds(checkpoint: str | Path, classes: Sequence[str]) -> np.ndarray:
    """Reads the thresholds beside a checkpoint.

    Args:
        checkpoint: File of the weights, in the work directory of its training.
        classes: Names of the model's classes.

    Returns:
        The threshold of each class [classes]; that of all classes together for those without one of their own.

    Raises:
        UserError: There is no such file, it is of other weights or classes, or it contains no threshold.
    """
    path = Path(checkpoint).parent / THRESHOLDS
    advice = 'pass a number from 0 to 1 in place of best'
    try:
        content = json.loads(path.read_text())
        thresholds = Thresholds(content['overall'], content['classes'])
        name, digest = content['checkpoint'], content['sha256']
    except OSError as error:
        raise UserError(
            f'--score-thr best: {path} cannot be read ({error.strerror}). Training of detectors and classifiers '
            f'writes it with its report, at its end; {advice}'
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f'--score-thr best: {path} is not as training writes it ({error}): {advice}') from error
    if file_digest(checkpoint) != digest:
        raise UserError(
            f'--score-thr best: {path} is of {name} as it was at the end of training, and {checkpoint} has other '
            f'content: name the weights that it is of, or {advice}'
        )
    if set(thresholds.classes) != set(classes):
        raise UserError(
            f'--score-thr best: {path} is of {len(thresholds.classes)} classes, and not of those of {checkpoint}: '
            f'{advice}'
        )
    if thresholds.overall is None:
        raise UserError(f'--score-thr best: {path} has no threshold, since the model found no object: {advice}')
    overall = thresholds.overall
    found = [thresholds.classes[name] for name in classes]
    return np.array([overall if score is None else score for score in found])
