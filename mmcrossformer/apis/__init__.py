"""Public API: training, predictors, predictions, drawing of predictions, and the cost of models.

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
    from mmcrossformer.engine.training import train as train

_MODULES = dict(
    Cost='apis.complexity',
    Prediction='apis.prediction',
    Predictor='apis.predictor',
    Tiling='apis.tiles',
    above='apis.prediction',
    analyze='apis.complexity',
    build_model='apis.model',
    class_name='apis.prediction',
    draw_fitted='apis.draw',
    draw_prediction='apis.draw',
    encode_jpeg='apis.draw',
    predict_tiled='apis.tiles',
    read_image='apis.predictor',
    train='engine.training',
)
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'mmcrossformer.{_MODULES[name]}'), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
