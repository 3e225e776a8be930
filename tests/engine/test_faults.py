"""What can go wrong during a training."""

import shutil

import pytest
from quick import run

from mmcrossformer.checkpoint import read_checkpoint
from mmcrossformer.engine.hooks.amplitude import read_amplitudes
from mmcrossformer.utils.curves import read_curves


@pytest.fixture
def job(quick, digits, tmp_path):
    """A training on a copy of the data, which may be damaged; its data; its work directory."""
    data = tmp_path / 'data'
    shutil.copytree(digits, data)

    def train(name, more):
        config = quick(name)
        config.write_text(f'{config.read_text().replace(str(digits), str(data))}\n{more}')
        return run('train', config, '--work-dir', tmp_path / 'run', '--no-check')

    return train, data, tmp_path / 'run'


@pytest.mark.parametrize('name', ['crossformer_t_digits', 'retinanet_crossformer_t_digits'])
def test_a_loss_that_is_no_number(name, job):
    train, _, work_dir = job
    result = train(name, 'optim_wrapper = dict(optimizer=dict(lr=1e30), clip_grad=None)\nparam_scheduler = []')
    assert result.returncode == 2, result.stderr
    (message,) = [line for line in result.stderr.splitlines() if line.startswith('error: the loss is ')]
    assert 'in iteration 2;' in message
    assert 'the first layer with an output that is not finite is backbone.stages.0.embed.' in message
    assert 'whose inputs are finite (at most' in message
    assert '.jpg' in message or '.png' in message
    state = read_checkpoint(work_dir / 'non_finite.pth')
    # Running statistics have seen the batch; the weights have not.
    weights = {name: value for name, value in state['state_dict'].items() if 'running' not in name}
    assert all(value.isfinite().all() for value in weights.values())
    assert state['meta']['iter'] == 1


@pytest.mark.parametrize('workers', [0, 1])
def test_images_that_cannot_be_read(workers, job):
    train, data, work_dir = job
    broken = sorted((data / 'images/train').glob('*.jpg'))[:2]
    broken[0].write_text('no picture')
    broken[1].unlink()
    more = f"train_dataloader['num_workers'] = {workers}\ntrain_cfg['max_epochs'] = 2\n"
    result = train('retinanet_crossformer_t_digits', more)
    assert result.returncode == 0, result.stderr[-3000:]
    for path in broken:
        assert f'{path} cannot be read, another image is used in its place' in result.stdout + result.stderr
    assert (work_dir / 'epoch_2.pth').is_file()

    more += "custom_hooks = [dict(type='mmcrossformer.SkipUnreadableHook', limit=1)]"
    result = train('retinanet_crossformer_t_digits', more)
    assert result.returncode == 2, result.stderr[-3000:]
    assert 'times an image could not be read up to iteration' in result.stderr
    assert '1 are allowed' in result.stderr


def test_amplitudes_are_logged_on_demand(job):
    train, _, work_dir = job
    hooks = "dict(type='mmcrossformer.AmplitudeHook', interval=3), dict(type='mmcrossformer.CurvesHook')"
    result = train('crossformer_t_digits', f'custom_hooks = [{hooks}]')
    assert result.returncode == 0, result.stderr[-3000:]
    history = read_amplitudes(work_dir)
    assert list(history) == [3, 6, 9]
    blocks = ['0.blocks.0', '1.blocks.0', '2.blocks.0', '2.blocks.1', '3.blocks.0']
    assert list(history[3]) == [f'backbone.stages.{name}' for name in blocks]
    assert all(value > 0 for values in history.values() for value in values.values())
    assert (work_dir / 'amplitudes.png').stat().st_size > 10000
    (log,) = work_dir.glob('*/vis_data/scalars.json')
    assert '"amplitude/backbone.stages.0.blocks.0": ' in log.read_text()
    assert not [name for name in read_curves(work_dir).metrics if 'amplitude' in name]
