"""Draws docs/images/amplitudes.png: short training runs of CrossFormer-S and CrossFormer++-S on the digits.

python .dev_scripts/make_amplitudes.py
"""

import subprocess
import sys
from pathlib import Path

from mmcrossformer.engine.hooks.amplitude import plot_amplitudes, read_amplitudes
from mmcrossformer.models.arch import ARCHS, resolve_arch

ROOT = Path(__file__).parent.parent
MODELS = {'CrossFormer-S': 'small', 'CrossFormer++-S': 'pp-small'}
EPOCHS = 4


def main() -> None:
    """Trains the models that are not yet trained, and draws their amplitudes."""
    trainings = {}
    for name, arch in MODELS.items():
        work_dir = ROOT / 'work_dirs' / 'amplitudes' / arch
        if not (work_dir / 'amplitudes.json').is_file():
            work_dir.mkdir(parents=True, exist_ok=True)
            config = work_dir / 'config.py'
            config.write_text(
                f"""_base_ = '{ROOT}/configs/crossformer_t_digits.py'
model = dict(
    backbone=dict(_delete_=True, type='mmcrossformer.CrossFormer', arch={arch!r}, out_indices=(3,), out_norm=True),
    head=dict(in_channels={resolve_arch(arch, ARCHS).out_channels[-1]}),
)
custom_hooks = [*_base_.custom_hooks, dict(type='mmcrossformer.AmplitudeHook', interval=10)]
train_cfg = dict(max_epochs={EPOCHS}, val_interval={EPOCHS})
"""
            )
            command = [sys.executable, '-m', 'mmcrossformer_cli', 'train', config, '--work-dir', work_dir, '--seed', 0]
            subprocess.run([*map(str, command)], cwd=ROOT, check=True)
        trainings[name] = read_amplitudes(work_dir)
    plot_amplitudes(trainings, ROOT / 'docs' / 'images' / 'amplitudes.png')


if __name__ == '__main__':
    main()
