"""Registries of the scope `mmcrossformer`.

mmengine imports this module when a config says `type='mmcrossformer.X'`, so that no `custom_imports` is needed.
"""

from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import STRATEGIES as MMENGINE_STRATEGIES
from mmengine.registry import Registry

MODELS = Registry(
    'model',
    parent=MMENGINE_MODELS,
    scope='mmcrossformer',
    locations=['mmcrossformer.models', 'mmcrossformer.classifiers'],
)
DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, scope='mmcrossformer', locations=['mmcrossformer.datasets'])
METRICS = Registry('metric', parent=MMENGINE_METRICS, scope='mmcrossformer', locations=['mmcrossformer.evaluators'])
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope='mmcrossformer', locations=['mmcrossformer.engine.hooks'])
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optim_wrapper_constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    scope='mmcrossformer',
    locations=['mmcrossformer.engine.optim'],
)
STRATEGIES = Registry(
    'strategy', parent=MMENGINE_STRATEGIES, scope='mmcrossformer', locations=['mmcrossformer.engine.strategies']
)
FUNCTIONS = Registry(
    'function', parent=MMENGINE_FUNCTIONS, scope='mmcrossformer', locations=['mmcrossformer.engine.strategies']
)
