"""The best weights, the average and the patience, and that a killed training keeps them."""

import signal

import pytest
import torch
from mmengine.config import Config
from quick import HELPERS, run

from mmcrossformer.checkpoint import read_checkpoint
from mmcrossformer.config.averaging import use_ema
from mmcrossformer.config.patience import use_patience
from mmcrossformer.utils.run import latest_checkpoint


def write(config, epochs, patience):
    """Adds ema, patience and a killer to a config, as the flags of train do."""
    cfg = Config.fromfile(config)
    use_ema(cfg)
    use_patience(cfg, patience)
    hooks = [*cfg.custom_hooks, dict(type='KillerHook')]
    config.write_text(
        config.read_text()
        + f"""
import sys
sys.path.insert(0, {str(HELPERS)!r})
custom_imports = dict(imports=['mmcrossformer', 'killer'])
custom_hooks = {[dict(hook) for hook in hooks]!r}
train_cfg = dict(max_epochs={epochs}, val_interval=1)
"""
    )
    return config


def state_of(folder):
    last, best = read_checkpoint(latest_checkpoint(folder)), read_checkpoint(folder / 'best.pth')
    names = ('state_dict', 'ema_state_dict', 'optimizer')
    return {name: last[name] for name in names}, best['state_dict'], last['meta']['patience'], best['meta']['best']


@pytest.mark.repetition
@pytest.mark.hosts
def test_killed_trainings_keep_best_average_and_patience(quick, tmp_path, monkeypatch):
    config = write(quick('crossformer_t_digits'), 4, 2)
    monkeypatch.setenv('KILL', '')
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    result = run('train', config, '--work-dir', whole, '--seed', 3)
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'best weights: ' in result.stdout + result.stderr
    for event, delay in (('step 22', 0.0), ('write 1', 0.3)):
        monkeypatch.setenv('KILL', event)
        monkeypatch.setenv('DELAY', str(delay))
        result = run('train', config, '--work-dir', killed, '--seed', 3, '--resume')
        assert result.returncode in (0, -signal.SIGKILL), result.stderr[-3000:]
    monkeypatch.setenv('KILL', '')
    result = run('train', config, '--work-dir', killed, '--seed', 3, '--resume')
    assert result.returncode == 0, result.stderr[-3000:]
    (*weights, patience, best), (*whole_weights, whole_patience, whole_best) = state_of(killed), state_of(whole)
    assert (patience, best) == (whole_patience, whole_best)
    torch.testing.assert_close(weights, whole_weights, rtol=0, atol=0)
    assert {path.name for path in killed.glob('*.pth')} == {path.name for path in whole.glob('*.pth')}
    assert set(read_checkpoint(whole / 'best.pth')) == {'state_dict', 'meta'}
