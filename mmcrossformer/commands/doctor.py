"""Reports what is installed, what works and how to fix what does not.

Imports only the standard library, and is imported without the package, so that it runs without a working torch.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcrossformer.utils import hosts

FIX_TORCH = 'pip install torch torchvision (see pytorch.org for the build that fits your GPU)'


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        subject: What was checked.
        found: What was found.
        state: 'ok', 'note' (something is limited) or 'fails' (detectors cannot be trained).
        remedy: How to fix it.
    """

    subject: str
    found: str
    state: str = 'ok'
    remedy: str = ''


def main() -> None:
    """Prints all findings; exit code 0 if detectors can be trained here, else 1."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    sys.exit(examine())


def examine() -> int:
    """Prints all findings; returns 0 if detectors can be trained here, else 1."""
    # Output of libraries during import would hide the findings.
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()) as noise,
        contextlib.redirect_stderr(noise),
    ):
        warnings.simplefilter('ignore')
        findings = list(_run_checks())
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        print(f'{finding.state:5}  {finding.subject:{width}}  {finding.found}')
        if finding.remedy:
            print(f'{"":5}  {"":{width}}  -> {finding.remedy}')
    failed = any(finding.state == 'fails' for finding in findings)
    print('\nDetectors cannot be trained here.' if failed else '\nDetectors can be trained here.')
    return int(failed)


def _run_checks() -> Iterator[Finding]:
    python = '.'.join(map(str, sys.version_info[:3]))
    old = sys.version_info < (3, 10)
    yield Finding('python', python, 'fails' if old else 'ok', 'install Python >= 3.10' if old else '')
    yield _check_module('torch', FIX_TORCH)
    yield _check_module('torchvision', FIX_TORCH)
    yield from _check_gpu()
    yield from _check_families()
    served_early = _serve_operators()
    for module, owners in hosts.find_owners().items():
        needed = module in ('mmengine', 'mmcv', 'mmdet')
        yield _check_module(module, hosts.install_command(module), owners, 'fails' if needed else 'note')
    yield from _check_operators(served_early)
    yield _check_module(
        'timm', "only for models of timm, such as CrossViT: pip install 'mmcrossformer[timm]'", state='note'
    )
    yield _check_module('panopticapi', f'only for panoptic segmentation: {hosts.INSTALL_PANOPTIC}', state='note')
    yield _check_training()


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _check_families() -> Iterator[Finding]:
    """Reports which family of host libraries is installed, or that both are."""
    owners = hosts.find_owners()
    families = {hosts.family_of(name).name for names in owners.values() for name in names}
    shared = [f'{" and ".join(names)} own {module}' for module, names in owners.items() if len(names) > 1]
    if shared:
        found = f'{"; ".join(shared)}, so that each has replaced files of the other'
        yield Finding('libraries', found, 'fails', hosts.repair_command())
    elif len(families) > 1:
        found = ', '.join(name for names in owners.values() for name in names)
        remedy = f'if something below fails: {hosts.repair_command()}'
        yield Finding('libraries', f'of both families, not tested together: {found}', 'note', remedy)
    elif families:
        yield Finding('libraries', f'{families.pop()} OpenMMLab packages')
    if 'mmengine' in owners['mmengine'] and importlib.util.find_spec('pkg_resources') is None:
        found = 'without pkg_resources, in which the original mmengine looks up configs such as mmdet::...'
        yield Finding('setuptools', found, 'note', "pip install 'setuptools<81'")


def _check_module(name: str, remedy: str, owners: Sequence[str] = (), state: str = 'fails') -> Finding:
    """Imports a module and reports its version.

    Args:
        name: The module.
        remedy: How it is installed.
        owners: Distributions that own it, where their name is not that of the module.
        state: What it means if the module is missing or broken.
    """
    label = ' and '.join(f'{owner} {_version(owner)}'.removeprefix(f'{name} ') for owner in owners or [name])
    repair = hosts.repair_command() if owners else remedy
    try:
        # A folder that only some files are left in is a module without a file of its own.
        gone = importlib.import_module(name).__file__ is None
        if name in hosts.LIBRARIES:
            importlib.import_module(f'{name}.models')  # imports what may be broken
    except ModuleNotFoundError as error:
        missing = str(error.name)
        if missing.partition('.')[0] != name:
            return Finding(name, f'{label} needs {missing}, which is not installed', state, repair)
        if not owners:
            return Finding(name, 'not installed', state, remedy)
        gone = True
    except Exception as error:  # a broken installation can raise anything
        if '.so' in str(error) and 'cannot open shared object' in str(error):
            repair = (
                'install the system package of the library that it names (libGL: pip install opencv-python-headless)'
            )
        return Finding(name, f'{label} cannot be imported: {_first_line(error)}', state, repair)
    if gone and owners:
        again = f'pip install --force-reinstall --no-deps {owners[0]}=={_version(owners[0])}'
        return Finding(name, f'{label} is installed, but its files are missing', state, again)
    return Finding(name, label)


def _check_gpu() -> Iterator[Finding]:
    torch = sys.modules.get('torch')
    if torch is None:
        return
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        yield Finding('gpu', f'{", ".join(names)}, CUDA {torch.version.cuda}')
    else:
        built = f'torch is built for CUDA {torch.version.cuda}' if torch.version.cuda else 'torch is built for CPUs'
        yield Finding(
            'gpu', f'none found; {built}', 'note', 'enough for the digits; for COCO, train on a machine with GPUs'
        )


def _serve_operators() -> bool:
    """Does what `import mmcrossformer` does for mmcv; returns whether `import torch` has done it already."""
    stand_in: Any = importlib.import_module('mmcv_ext_torchvision')
    early = stand_in.is_installed()
    stand_in.install()
    return bool(early)


def _check_operators(served_early: bool) -> Iterator[Finding]:
    """Reports which implementation of its operators mmcv uses."""
    if 'mmcv' not in sys.modules:
        return
    stand_in: Any = importlib.import_module('mmcv_ext_torchvision')
    try:
        importlib.import_module('mmcv._ext')
    except Exception as error:
        remedy = f'a compiled operator library that does not fit this torch; reinstall mmcv: {hosts.repair_command()}'
        yield Finding('mmcv._ext', f'cannot be imported: {_first_line(error)}', 'fails', remedy)
        return
    if stand_in.is_served():
        served = ', '.join(name.rstrip('_') for name in stand_in.SERVED)
        remedy = 'fine unless a model needs another operator; its message says how to compile them'
        if not served_early:
            remedy = f'here only after `import mmcrossformer`, before mmdet and mmseg are imported; {remedy}'
        yield Finding('mmcv._ext', f'not compiled; torchvision serves {served}', 'note', remedy)
    else:
        yield Finding('mmcv._ext', 'compiled')


def _check_training() -> Finding:
    """Builds a Mask R-CNN, trains it for one step and predicts."""
    subject = 'Mask R-CNN'
    try:
        torch: Any = importlib.import_module('torch')
        package = importlib.import_module('mmcrossformer')
        config = importlib.import_module('mmengine.config').Config
        registry = importlib.import_module('mmengine.registry')
        importlib.import_module('mmdet.models')
        samples = importlib.import_module('mmdet.structures').DetDataSample
        configs = Path(package.__path__[0]) / '.mim' / 'configs'
        cfg = config.fromfile(configs / 'mask_rcnn_crossformer_t_digits.py')
        registry.init_default_scope('mmdet')
        model = registry.MODELS.build(cfg.model).eval()
        structures = importlib.import_module('mmengine.structures')
        masks = importlib.import_module('mmdet.structures.mask').BitmapMasks
        optim: Any = importlib.import_module('mmengine.optim')
        sample = samples(metainfo=dict(img_shape=(64, 64), ori_shape=(64, 64), scale_factor=(1.0, 1.0)))
        sample.gt_instances = structures.InstanceData(
            bboxes=torch.tensor([[8.0, 8.0, 56.0, 56.0]]),
            labels=torch.tensor([0]),
            masks=masks(torch.ones(1, 64, 64, dtype=torch.uint8).numpy(), 64, 64),
        )
        batch = dict(inputs=[torch.zeros(3, 64, 64, dtype=torch.uint8)] * 2, data_samples=[sample] * 2)
        model.train().train_step(batch, optim.OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-4)))
        with torch.no_grad():
            model.eval().test_step(batch)
    except Exception as error:
        return Finding(
            subject, f'fails: {_first_line(error)}', 'fails', 'first fix the failures above, from top to bottom'
        )
    return Finding(subject, f'trains and predicts, mmcrossformer {package.__version__}')


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or ['']
    return f'{type(error).__name__}: {lines[0]}'[:200]
