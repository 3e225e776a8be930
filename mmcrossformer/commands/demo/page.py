"""Layout of the page: choose image and model, see the prediction, click to see where a token attends."""

from pathlib import Path
from typing import Any

import gradio as gr

from mmcrossformer.commands.arguments import SCORE_THR
from mmcrossformer.commands.demo import cannot_listen
from mmcrossformer.commands.demo.actions import Actions
from mmcrossformer.commands.demo.models import Models

# Fonts of the system, so that the page loads nothing from the network.
_THEME = gr.themes.Soft(font=['system-ui', 'sans-serif'], font_mono=['monospace'])
_RESOLUTION, _OTHER_RESOLUTION = 112, 224


def build(trained: tuple[Path, Path] | None, models: Models) -> gr.Blocks:
    """Builds the page.

    Args:
        trained: Config and checkpoint of the default model; None if there is none, so that weights must be uploaded.
        models: Cache of loaded models.
    """
    do = Actions(trained, models)
    with gr.Blocks(title='mmcrossformer', analytics_enabled=False) as page:
        gr.Markdown('# CrossFormer\nImages and weights stay on this machine.')
        result, compared = gr.State(), gr.State()
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                image = gr.Dropdown(list(do.images), label='Image', elem_id='image')
                upload = gr.File(label='Or your own image', file_types=['image'], height=110, elem_id='upload')
                with gr.Accordion('Model', open=trained is None):
                    config = gr.Dropdown(do.models, label='Config', elem_id='config')
                    weights = gr.File(label='Checkpoint of this config', height=110, elem_id='weights')
                resolution = _resolution('Short side [pixels]', _RESOLUTION, 'resolution')
                score = gr.Slider(0, 1, SCORE_THR, step=0.01, label='Lowest score', elem_id='score')
                predict = gr.Button('Predict', variant='primary', elem_id='predict')
            with gr.Column(scale=3, min_width=280):
                with gr.Tab('Prediction'):
                    found = _output('Click a point to see where it attends', 'found')
                    classes = gr.Label(label='Classes', visible=False, elem_id='classes')
                    summary = gr.Markdown(elem_id='summary')
                    point = gr.Markdown(elem_id='point')
                    groups = _output(None, 'groups', visible=False)
                with gr.Tab('Two resolutions'):
                    other = _resolution('Other short side [pixels]', _OTHER_RESOLUTION, 'other')
                    compare = gr.Button('Compare', elem_id='compare')
                    with gr.Row():
                        left, right = _output('First', 'left'), _output('Other', 'right')
                    sides = gr.Markdown(elem_id='sides')

        sources, shown = (
            [image, upload, config, weights, resolution],
            [result, found, classes, summary, point, groups],
        )
        # Handlers run one at a time: a probe registers hooks on the model, and host libraries share one default scope.
        alone: dict[str, Any] = dict(concurrency_id='model', concurrency_limit=1)
        predict.click(do.predict, [*sources, score], shown, **alone)
        resolution.release(do.predict, [*sources, score], shown, **alone)
        image.input(lambda: None, None, upload).then(do.predict, [*sources, score], shown, **alone)
        upload.upload(do.predict, [*sources, score], shown, **alone)
        score.input(do.rescore, [result, compared, score], [found, summary, left, right, sides], show_progress='hidden')
        found.select(do.click, [result], [groups, point], **alone)
        compare.click(do.compare, [*sources, other, score], [compared, left, right, sides], **alone)
        if trained:
            page.load(do.predict, [*sources, score], shown, **alone)
    return page


def _resolution(label: str, value: int, name: str) -> gr.Slider:
    return gr.Slider(16, 1333, value, step=1, label=label, elem_id=name)


def _output(label: str | None, name: str, visible: bool = True) -> gr.Image:
    """Creates an image output without gradio's share button."""
    return gr.Image(
        label=label, show_label=label is not None, elem_id=name, buttons=['download', 'fullscreen'], visible=visible
    )


def launch(page: gr.Blocks, host: str, port: int, max_upload: int) -> None:
    """Serves the page until it is interrupted.

    Args:
        page: The page.
        host: Address to listen on; 127.0.0.1 is reachable from this machine only.
        port: Port to listen on.
        max_upload: Largest file that may be uploaded, in megabytes.

    Raises:
        UserError: The port is taken, or the address is not one of this machine.
    """
    print(f'the page is at http://{host}:{port} until it is interrupted')
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
            quiet=True,
        )
    except OSError as error:
        raise cannot_listen(host, port, error) from error
