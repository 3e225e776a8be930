"""Same seed, same command: the same training, and what it was run with lies beside it."""

import json
from pathlib import Path

import torch
from mmengine.config import Config
from quick import run

from mmcrossformer.checkpoint import read_checkpoint
from mmcrossformer.engine.hooks.provenance import data_digest


def test_same_command_same_training(quick, tmp_path):
    config, states, losses = quick('mask_rcnn_crossformer_t_digits'), [], []
    for name in ('first', 'second'):
        result = run('train', config, '--work-dir', tmp_path / name, '--seed', 5)
        assert result.returncode == 0, result.stderr[-3000:]
        checkpoint = read_checkpoint((tmp_path / name / 'last_checkpoint').read_text())
        states.append((checkpoint['state_dict'], checkpoint['optimizer']))
        (log,) = (tmp_path / name).glob('*/vis_data/scalars.json')
        entries = map(json.loads, log.read_text().splitlines())
        losses.append([{key: value for key, value in entry.items() if 'time' not in key} for entry in entries])
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert losses[0] == losses[1]
    assert any('loss' in entry for entry in losses[0])

    (entry,) = json.loads((tmp_path / 'second' / 'provenance.json').read_text())
    assert entry == checkpoint['meta']['provenance']
    assert entry['command'].startswith(f'mmcrossformer train {config} ')
    assert entry['command'].endswith(' --seed 5')
    assert entry['seed'] == 5
    assert torch.__version__.startswith(entry['versions']['torch'])
    assert entry['data'] == data_digest(Config.fromfile(config))


def test_digest_follows_the_data(tmp_path):
    def digest(root, **files):
        for name, content in files.items():
            path = tmp_path / root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        dataset = dict(data_root=str(tmp_path / root), ann_file='a', data_prefix=dict(img='pictures'))
        return data_digest(Config(dict(train_dataloader=dict(dataset=dict(dataset=dataset)))))

    files = {'a': '{}', 'pictures/1.jpg': 'one', 'pictures/more/2.jpg': 'two'}
    original = digest('here', **files)
    assert digest('elsewhere', **files) == original
    changes = ({'a': '[]'}, {'pictures/1.jpg': 'other'}, {'pictures/3.jpg': ''})
    digests = {digest(str(i), **files) and digest(str(i), **change) for i, change in enumerate(changes)}
    assert len(digests - {original}) == len(changes)


def test_a_data_set_that_is_one_folder(tmp_path):
    Path(tmp_path, '1.jpg').touch()
    assert data_digest(Config(dict(train_dataloader=dict(dataset=dict(data_root=str(tmp_path))))))
    assert data_digest(Config({}))
