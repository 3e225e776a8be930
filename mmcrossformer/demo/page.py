"""The page: pick a picture and a model, see what is found, click to see where a token attends."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from mmcrossformer import CrossFormer
from mmcrossformer.demo.models import configs_of_package, load
from mmcrossformer.demo.pictures import built_in, overlay, pixel_of, raster, read_upload
from mmcrossformer.engine.errors import UserError
from mmcrossformer.engine.inference import Prediction, Predictor
from mmcrossformer.visual import Placement, draw_groups, probe

_OWN = 'the trained model'
# Fonts that every system has: the page loads nothing from elsewhere.
_THEME = gr.themes.Soft(font=['system-ui', 'sans-serif'], font_mono=['monospace'])
_SMALLEST, _LARGEST = 16, 1333  # pixels of the short side
_RESOLUTION, _OTHER_RESOLUTION = 112, 224


@dataclass(frozen=True)
class Result:
    """What the page keeps of a prediction, so that another threshold needs no model.

    Attributes:
        image: Pixels [H, W, 3], uint8, RGB.
        short_side: Pixels of the short side that the model saw.
        prediction: What it found.
        predictor: The model.
    """

    image: np.ndarray
    short_side: int
    prediction: Prediction
    predictor: Predictor

    def picture(self, score: float) -> np.ndarray:
        """The image with what has at least this score."""
        return overlay(self.image, self.prediction, self.predictor, score)

    def scores(self) -> dict[str, float]:
        """Scores of the best classes of a classifier; empty for others."""
        if self.prediction.task != 'classification':
            return {}
        best = zip(self.prediction.labels[:5], self.prediction.scores[:5], strict=True)
        return {self.predictor.classes[label]: float(score) for label, score in best}

    def summary(self, score: float) -> str:
        """One line about it."""
        height, width = self.prediction.input_size
        seen = f'seen at {height} x {width} pixels, {self.prediction.seconds:.2f} s'
        if self.prediction.task != 'detection':
            return seen
        count = int((self.prediction.scores >= score).sum())
        return f'{count} object{"" if count == 1 else "s"} with a score of at least {score:.2f}, {seen}'


def build(trained: tuple[Path, Path] | None) -> gr.Blocks:
    """Builds the page.

    Args:
        trained: Config and checkpoint that are offered first; None where there are none, so that weights must be
            uploaded.
    """
    pictures = built_in()
    configs = configs_of_package()
    names = ([_OWN] if trained else []) + list(configs)
    with gr.Blocks(title='mmcrossformer', analytics_enabled=False) as page:
        gr.Markdown('# CrossFormer\nPictures and weights stay on this machine.')
        result, compared = gr.State(), gr.State()
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                picture = gr.Dropdown(list(pictures), value=next(iter(pictures)), label='Picture', elem_id='picture')
                upload = gr.File(label='Or one of your own', file_types=['image'], height=110, elem_id='upload')
                with gr.Accordion('Model', open=trained is None):
                    config = gr.Dropdown(names, value=names[0], label='Config', elem_id='config')
                    weights = gr.File(label='Checkpoint of this config', height=110, elem_id='weights')
                resolution = gr.Slider(
                    _SMALLEST, _LARGEST, _RESOLUTION, step=1, label='Short side [pixels]', elem_id='resolution'
                )
                score = gr.Slider(0, 1, 0.3, step=0.01, label='Least score', elem_id='score')
                predict = gr.Button('Predict', variant='primary', elem_id='predict')
            with gr.Column(scale=3, min_width=280):
                with gr.Tab('Found'):
                    found = _picture('Click a point to see where it attends', 'found')
                    classes = gr.Label(label='Classes', visible=False, elem_id='classes')
                    summary = gr.Markdown(elem_id='summary')
                    groups = _picture(None, 'groups', visible=False)
                with gr.Tab('Two resolutions'):
                    other = gr.Slider(
                        _SMALLEST,
                        _LARGEST,
                        _OTHER_RESOLUTION,
                        step=1,
                        label='Other short side [pixels]',
                        elem_id='other',
                    )
                    compare = gr.Button('Compare', elem_id='compare')
                    with gr.Row():
                        left = _picture('First', 'left')
                        right = _picture('Other', 'right')
                    sides = gr.Markdown(elem_id='sides')

        def run(name: str, file: str | None, model: str, checkpoint: str | None, short_side: float) -> Result:
            image = read_upload(file) if file else pictures[name]
            if model == _OWN and trained:
                predictor = load(str(trained[0]), str(checkpoint or trained[1]))
            else:
                predictor = load(str(configs[model]), str(checkpoint or ''))
            return Result(image, int(short_side), predictor(image, int(short_side)), predictor)

        def show(shown: Result, least: float) -> tuple[Any, ...]:
            best = shown.scores()
            return (
                shown,
                shown.picture(least),
                gr.Label(best, visible=bool(best)),
                shown.summary(least),
                gr.Image(visible=False),
            )

        @told
        def on_predict(
            name: str, file: str | None, model: str, checkpoint: str | None, short_side: float, least: float
        ) -> tuple[Any, ...]:
            return show(run(name, file, model, checkpoint, short_side), least)

        @told
        def on_score(shown: Result | None, pair: tuple[Result, Result] | None, least: float) -> tuple[Any, ...]:
            drawn = (shown.picture(least), shown.summary(least)) if shown else (gr.skip(), gr.skip())
            return (*drawn, *(draw_pair(pair, least) if pair else [gr.skip()] * 3))

        @told
        def on_click(shown: Result | None, event: gr.SelectData) -> Any:
            if shown is None:
                raise UserError('press Predict first')
            return gr.Image(attention(shown, pixel_of(shown.image, *event.index)), visible=True)

        @told
        def on_compare(
            name: str, file: str | None, model: str, checkpoint: str | None, first: float, second: float, least: float
        ) -> tuple[Any, ...]:
            pair = run(name, file, model, checkpoint, first), run(name, file, model, checkpoint, second)
            return (pair, *draw_pair(pair, least))

        sources = [picture, upload, config, weights, resolution]
        shown = [result, found, classes, summary, groups]
        predict.click(on_predict, [*sources, score], shown)
        resolution.release(on_predict, [*sources, score], shown)
        picture.input(lambda: None, None, upload).then(on_predict, [*sources, score], shown)
        upload.upload(on_predict, [*sources, score], shown)
        score.input(on_score, [result, compared, score], [found, summary, left, right, sides], show_progress='hidden')
        found.select(on_click, [result], groups)
        compare.click(on_compare, [*sources, other, score], [compared, left, right, sides])
        if trained:
            page.load(on_predict, [*sources, score], shown)
    return page


def _picture(label: str | None, name: str, visible: bool = True) -> gr.Image:
    """An output without gradio's button that sends pictures to others."""
    buttons = ['download', 'fullscreen']
    return gr.Image(label=label, show_label=label is not None, elem_id=name, buttons=buttons, visible=visible)


def launch(page: gr.Blocks, host: str, port: int, max_upload: int) -> None:
    """Serves the page until it is interrupted.

    Args:
        page: The page.
        host: Address to listen at; 127.0.0.1 is seen by this machine alone.
        port: Its port.
        max_upload: Largest file that may be uploaded, in megabytes.

    Raises:
        UserError: The port is taken, or the address is not of this machine.
    """
    try:
        page.launch(
            server_name=host,
            server_port=port,
            max_file_size=f'{max_upload}mb',
            theme=_THEME,
            share=False,
            inbrowser=False,
            ssr_mode=False,
            footer_links=[],
        )
    except OSError as error:
        raise UserError(f'cannot listen at {host}:{port} ({error}): choose another --port') from error


def told(function: Callable) -> Callable:
    """Shows a mistake of the user on the page."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise gr.Error(str(error), title='That does not work', duration=None) from error

    return wrapped


def attention(result: Result, pixel: tuple[int, int]) -> np.ndarray:
    """Draws the groups and weights of the tokens under a pixel of the image, stage by stage.

    Raises:
        UserError: The backbone is no CrossFormer, or does not see the pixel.
    """
    backbone = result.predictor.model.backbone
    if not isinstance(backbone, CrossFormer):
        raise UserError(f'the backbone of this model is {type(backbone).__name__}: it has no groups')
    batch = result.predictor.prepare(result.image, result.short_side)
    placement = Placement.of(result.image, batch)
    return raster(draw_groups(placement, probe(backbone, batch['inputs'], placement.pixel(*pixel))))


def draw_pair(pair: tuple[Result, Result], score: float) -> tuple[np.ndarray, np.ndarray, str]:
    """Draws two results, and a line about both."""
    first, second = pair
    return (
        first.picture(score),
        second.picture(score),
        f'First: {first.summary(score)}.  \nOther: {second.summary(score)}.',
    )
