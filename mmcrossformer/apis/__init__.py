"""Public API: predictors, predictions, drawing of predictions, and the cost of models.

Names are imported on first access: `Predictor` needs mmcv and torch, `Prediction` does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for type checkers
    from mmcrossformer.apis.complexity import Cost as Cost
    from mmcrossformer.apis.complexity import analyze as analyze
    from mmcrossformer.apis.draw import draw_fitted as draw_fitted
    from mmcrossformer.apis.draw import draw_prediction as draw_prediction
    from mmcrossformer.apis.draw import encode_jpeg as encode_jpeg
    from mmcrossformer.apis.model import build_model as build_model
    from mmcrossformer.apis.prediction import Prediction as Prediction
    from mmcrossformer.apis.prediction import above as above
    from mmcrossformer.apis.prediction import class_name as class_name
    from mmcrossformer.apis.predictor import Predictor as Predictor
    from mmcrossformer.apis.predictor import read_image as read_image
    from mmcrossformer.apis.tiles import Tiling as Tiling
    from mmcrossformer.apis.tiles import predict_tiled as predict_tiled

_MODULES = dict(
    Cost='complexity',
    Prediction='prediction',
    Predictor='predictor',
    Tiling='tiles',
    above='prediction',
    analyze='complexity',
    build_model='model',
    class_name='prediction',
    draw_fitted='draw',
    draw_prediction='draw',
    encode_jpeg='draw',
    predict_tiled='tiles',
    read_image='predictor',
)
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_MODULES[name]}'), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
