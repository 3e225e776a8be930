"""Draws truth and predictions of a test.

mmengine imports all hooks to find one, so what draws is imported when it is needed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import get_dist_info
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import write_bytes
from mmcrossformer.utils.names import result_names

_JPEG_QUALITY = 95


@HOOKS.register_module()
class PicturesHook(Hook):
    """Writes a picture of each test image: left the truth, if the data set has one, right the prediction.

    A picture has the path of its image below the deepest folder that contains all images, so that images of the same
    name in several folders have a picture each. The hooks of the host libraries keep the name alone.

    Args:
        out_dir: Folder for the pictures.
        score_thr: Lowest score of objects.
    """

    def __init__(self, out_dir: str, score_thr: float = 0.3) -> None:
        self.out_dir, self.score_thr = Path(out_dir), score_thr
        self._indices: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._seen = 0

    def before_test(self, runner: Runner) -> None:
        """Names the pictures."""
        dataset = runner.test_dataloader.dataset
        self._indices = {_path_of(dataset.get_data_info(index), index): index for index in range(len(dataset))}
        self._names = dict(zip(self._indices, result_names([*self._indices]), strict=True))
        self._seen = 0

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[Any] | None = None
    ) -> None:
        """Draws the images of a batch; an image that cannot be drawn is a warning in the log."""
        from mmcrossformer.apis.draw import encode_jpeg
        from mmcrossformer.apis.predictor import TASKS
        from mmcrossformer.apis.samples import draw_sample

        task, dataset = TASKS[runner.cfg.default_scope], runner.test_dataloader.dataset
        rank, processes = get_dist_info()
        for sample in outputs or ():
            place = self._seen * processes + rank
            self._seen += 1
            if place >= len(dataset):
                continue  # fills the last batch, and is drawn by another process
            path = _path_of(sample, sample.get('sample_idx'))
            file = self.out_dir / f'{self._names[path]}.jpg'
            try:
                drawn = draw_sample(sample, dataset, self._indices[path], task, self.score_thr)
                content = encode_jpeg(drawn, _JPEG_QUALITY)
            except UserError as error:
                runner.logger.warning(f'{file} was not written: {error}')
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, content)


def _path_of(entry: Any, index: int | None) -> str:
    """Returns the path of an image; for data sets that have no files, its number."""
    return entry.get('img_path') or f'{index:06d}'
