"""Event handlers of the page."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from mmcrossformer.commands.demo.images import builtin_images, find_pixel, read_upload
from mmcrossformer.commands.demo.models import Models
from mmcrossformer.commands.demo.result import Result, draw_attention, draw_pair
from mmcrossformer.config.package import list_configs
from mmcrossformer.utils.errors import UserError

_OWN = 'the trained model'
_LONGEST = 4000  # pixels of the long side of the model input


def show_user_errors(function: Callable) -> Callable:
    """Decorates a handler to show a `UserError` on the page."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise gr.Error(str(error), title='That does not work', duration=None) from error

    return wrapped


class Actions:
    """Event handlers; each returns the new values of components of the page.

    Args:
        trained: Config and checkpoint of the default model; None if there is none.
        models: Cache of loaded models.
    """

    def __init__(self, trained: tuple[Path, Path] | None, models: Models) -> None:
        self.trained, self._loader = trained, models
        self.images = builtin_images()
        self._configs = list_configs()

    @property
    def models(self) -> list[str]:
        """Names of the available models."""
        return ([_OWN] if self.trained else []) + list(self._configs)

    @show_user_errors
    def predict(
        self, name: str, file: str | None, model: str, checkpoint: str | None, short_side: float, score: float
    ) -> tuple[Any, ...]:
        """Returns result, image, classes and summary; hides point and groups of an earlier result."""
        result = self._run(name, file, model, checkpoint, short_side)
        best = result.scores()
        classes = gr.Label(best, visible=bool(best))
        return result, result.draw(score), classes, result.summary(score), '', gr.Image(visible=False)

    @show_user_errors
    def rescore(self, result: Result | None, pair: tuple[Result, Result] | None, score: float) -> tuple[Any, ...]:
        """Redraws the result and the pair, if there are any, at another score, without running a model."""
        drawn = (result.draw(score), result.summary(score)) if result else (gr.skip(), gr.skip())
        return (*drawn, *(draw_pair(pair, score) if pair else [gr.skip()] * 3))

    @show_user_errors
    def click(self, result: Result | None, event: gr.SelectData) -> tuple[gr.Image, str]:
        """Returns the groups of the clicked point and a line that describes it."""
        if result is None:
            raise UserError('press Predict first')
        row, col = find_pixel(result.image, *event.index)
        return gr.Image(draw_attention(result, (row, col)), visible=True), f'Where row {row}, column {col} attends'

    @show_user_errors
    def compare(
        self,
        name: str,
        file: str | None,
        model: str,
        checkpoint: str | None,
        first: float,
        second: float,
        score: float,
    ) -> tuple[Any, ...]:
        """Predicts at two resolutions; returns both results, both images and their summary."""
        first_result, second_result = (
            self._run(name, file, model, checkpoint, short_side) for short_side in (first, second)
        )
        pair = first_result, second_result
        return (pair, *draw_pair(pair, score))

    def _run(self, name: str, file: str | None, model: str, checkpoint: str | None, short_side: float) -> Result:
        image = read_upload(file) if file else self.images[name]
        long_side = short_side * max(image.shape[:2]) / min(image.shape[:2])
        if long_side > _LONGEST:
            raise UserError(
                f'with a short side of {short_side:.0f} pixels the long side of this image would have '
                f'{long_side:.0f} pixels, allowed are {_LONGEST}: choose a smaller short side'
            )
        if model == _OWN and self.trained:
            files = str(self.trained[0]), str(checkpoint or self.trained[1])
        else:
            files = str(self._configs[model]), str(checkpoint or '')
        predictor, changed = self._loader.load(*files)
        return Result(image, int(short_side), predictor(image, int(short_side)), predictor, changed)
