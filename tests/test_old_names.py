"""Modules that have moved: the old names work for one release and warn, and configs name things as before."""

import importlib
import subprocess
import sys

import pytest
from quick import run_program

OLD = {
    'mmcrossformer.hooks': ['mmcrossformer.engine.hooks'],
    'mmcrossformer.optim': ['mmcrossformer.engine.optim'],
    'mmcrossformer.strategies': ['mmcrossformer.engine.strategies'],
    'mmcrossformer.engine.inference': ['mmcrossformer.apis.predictor', 'mmcrossformer.apis.prediction'],
}


@pytest.mark.parametrize('old', OLD)
def test_old_name_works_and_warns(old):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f'{old} is now {OLD[old][0]}.*version 0.2') as caught:
        module = importlib.import_module(old)
    assert len(caught) == 1
    places = [importlib.import_module(new) for new in OLD[old]]
    for name in module.__all__:
        assert any(getattr(module, name) is getattr(place, name, None) for place in places), name
    for place in places:
        assert {*getattr(place, '__all__', ())} <= {*module.__all__}


def test_the_warning_names_the_line_of_the_user(tmp_path):
    program = tmp_path / 'program.py'
    program.write_text('import mmengine\nfrom mmcrossformer.hooks import CurvesHook\n')
    result = run_program(program, [])
    assert result.returncode == 0, result.stderr
    assert f'{program}:2: DeprecationWarning: mmcrossformer.hooks is now mmcrossformer.engine.hooks' in result.stderr


NAMES = dict(
    MODELS=['CrossFormer', 'CAT', 'MultiResolutionClassifier'],
    DATASETS=['DigitsDetection', 'DigitsSegmentation', 'DigitsClassification'],
    HOOKS=[
        'AmplitudeHook',
        'AtomicCheckpointHook',
        'CurvesHook',
        'FiniteLossHook',
        'ProgressHook',
        'ProvenanceHook',
        'RandomStateHook',
        'ReportHook',
        'SkipUnreadableHook',
    ],
    OPTIM_WRAPPER_CONSTRUCTORS=['LayerDecayOptimWrapperConstructor'],
    STRATEGIES=['FSDPStrategy'],
    FUNCTIONS=['wrap_crossformer_blocks'],
)
# What a training that draws no report does without.
HEAVY = {'mmcv', 'mmdet', 'mmseg', 'mmpretrain', 'torchvision', 'pycocotools', 'matplotlib', 'jinja2'}


def test_names_of_configs_are_found_without_imports():
    """In a fresh process, by mmengine's registries, and by way of no old name; hooks import no host library."""
    program = (
        'import sys\n'
        'from mmengine import registry\n'
        "assert registry.HOOKS.get('mmcrossformer.ProgressHook') is not None\n"
        f'imported = {HEAVY} & {{*sys.modules}}\n'
        'assert not imported, imported\n'
        f'for kind, names in {NAMES}.items():\n'
        '    for name in names:\n'
        "        assert getattr(registry, kind).get(f'mmcrossformer.{name}') is not None, name\n"
    )
    command = [sys.executable, '-W', 'error:mmcrossformer:DeprecationWarning', '-c', program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
