"""Builds the model of a config."""

from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS, init_default_scope

from mmcrossformer.config.channels import check_channels
from mmcrossformer.config.walk import model_settings
from mmcrossformer.utils.errors import UserError, innermost
from mmcrossformer.utils.weights import report_misfits


def build_model(cfg: Config) -> BaseModel:
    """Builds the model of a config with random weights, in evaluation mode.

    Raises:
        UserError: The model cannot be built, or the channels of its parts do not fit.
    """
    try:
        init_default_scope(cfg.default_scope)
        settings = model_settings(cfg)
        with report_misfits():
            model = MODELS.build(settings).eval()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f'the model of the config cannot be built: {innermost(error)}') from error
    check_channels(settings, getattr(model, 'backbone', None))
    return model
