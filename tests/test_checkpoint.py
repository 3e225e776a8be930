"""Official names, and reading files that others wrote."""

import os
import pickle

import pytest
import torch

from mmcrossformer import CrossFormer
from mmcrossformer.checkpoint import convert_official, read_checkpoint


def test_prefixes_and_old_buffers():
    bare = {
        'patch_embed.norm.weight': 1,
        'layers.0.blocks.0.attn.biases': 2,
        'layers.0.blocks.0.attn.relative_position_index': 3,
        'layers.1.blocks.0.attn_mask': 4,
        'norm.bias': 5,
    }
    expected = {'stages.0.embed.norm.weight': 1, 'norm3.bias': 5}
    assert convert_official(bare) == expected
    assert convert_official({f'module.{name}': value for name, value in bare.items()}) == expected
    detector = {f'backbone.{name}': value for name, value in bare.items()}
    assert convert_official({**detector, 'neck.lateral_convs.0.conv.weight': 6, 'head.weight': 7}) == expected
    assert convert_official({f'module.{name}': value for name, value in detector.items()}) == expected
    assert 'layers.0.blocks.0.attn.biases' in bare


def test_foreign_names_are_an_error():
    foreign = {
        'patch_embed.norm.weight': 1,
        'layers.0.blocks.0.attn.relative_position_bias_table': 2,
        'absolute_pos_embed': 3,
    }
    with pytest.raises(ValueError, match=r'2 of 3 names .*relative_position_bias_table, absolute_pos_embed'):
        convert_official(foreign)


def test_read_training_state(tmp_path):
    from mmengine.logging import MessageHub

    hub = MessageHub('test_read_training_state')
    hub.update_scalar('train/loss', 1.5)
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(2)), message_hub=hub.state_dict(), meta=dict(seed=1)), path)
    checkpoint = read_checkpoint(path)
    assert checkpoint['state_dict']['a'].tolist() == [1, 1]
    assert checkpoint['message_hub']['log_scalars']['train/loss'].current() == 1.5


class _Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


class _Reaching:
    """Reaches for the globals of a module by way of a class that checkpoints may hold."""

    def __reduce__(self):
        from mmengine.logging import HistoryBuffer

        return getattr, (HistoryBuffer, '__init__')


def test_getattr_reaches_nothing(tmp_path):
    torch.save(dict(state_dict=_Reaching()), tmp_path / 'reaching.pth')
    with pytest.raises(ValueError, match=r"reaching\.pth .*asks for '__init__'"):
        read_checkpoint(tmp_path / 'reaching.pth')


def test_code_in_a_file_does_not_run(tmp_path):
    trace = tmp_path / 'ran'
    torch.save(dict(state_dict=_Hostile(str(trace))), tmp_path / 'hostile.pth')
    (tmp_path / 'hostile.pkl').write_bytes(pickle.dumps(_Hostile(str(trace))))
    for name in ('hostile.pth', 'hostile.pkl'):
        with pytest.raises(ValueError, match=name):
            read_checkpoint(tmp_path / name)
    assert not trace.exists()


@pytest.mark.parametrize(
    'content',
    [b'', b'<html>404</html>', b'version https://git-lfs.github.com/spec/v1\n', b'PK\x03\x04cut', b'epoch 1 loss 2\n'],
)
def test_files_that_are_no_checkpoint(tmp_path, content):
    path = tmp_path / 'weights.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'weights\.pth is no weights file'):
        read_checkpoint(path)


def test_missing_file_and_wrong_content(tmp_path):
    with pytest.raises(ValueError, match='is no file'):
        read_checkpoint(tmp_path / 'none.pth')
    torch.save(torch.ones(2), tmp_path / 'tensor.pth')
    with pytest.raises(ValueError, match='holds a Tensor, not a dict'):
        read_checkpoint(tmp_path / 'tensor.pth')


def official_file(tmp_path, arch, prefix='', **changes):
    """An official classifier's file with random weights."""
    import json
    from pathlib import Path

    from golden import golden_weights

    shapes = json.loads((Path(__file__).parent / 'data/official_keys.json').read_text())[arch]
    weights = {prefix + name: value for name, value in (golden_weights(shapes) | changes).items()}
    path = tmp_path / 'official.pth'
    torch.save(dict(model=weights) if not prefix else dict(state_dict=weights), path)
    return path, convert_official(weights)


@pytest.mark.parametrize('prefix', ['', 'backbone.', 'module.backbone.'])
def test_official_files_load_as_pretrained(tmp_path, prefix):
    path, weights = official_file(tmp_path, 'T', prefix)
    model = CrossFormer('tiny', out_indices=(1, 2), init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    model.init_weights()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    classifier = CrossFormer('tiny', out_indices=(3,), out_norm=True)
    classifier.init_cfg = model.init_cfg
    classifier.init_weights()
    assert torch.equal(classifier.norm3.weight, weights['norm3.weight'])


def test_own_files_load_as_pretrained(tmp_path, tiny_arch):
    source = CrossFormer(tiny_arch)
    torch.save(
        dict(state_dict={f'backbone.{n}': v for n, v in source.state_dict().items()} | dict(x=torch.ones(1))),
        tmp_path / 'a.pth',
    )
    model = CrossFormer(tiny_arch, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth')), out_norm=True)
    model.init_weights()
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in source.state_dict().items())


def test_pretrained_files_that_do_not_fit(tmp_path):
    path, _ = official_file(tmp_path, 'T')

    def load(arch, checkpoint):
        CrossFormer(arch, init_cfg=dict(type='Pretrained', checkpoint=str(checkpoint))).init_weights()

    with pytest.raises(ValueError, match=r'does not fit: \d+ of \d+ parameters, such as .* in the file'):
        load('small', path)
    with pytest.raises(ValueError, match='is no file'):
        load('tiny', tmp_path / 'none.pth')
    torch.save(dict(state_dict={'conv1.weight': torch.ones(1)}), tmp_path / 'resnet.pth')
    with pytest.raises(ValueError, match=r'holds no CrossFormer: its names are conv1\.weight'):
        load('tiny', tmp_path / 'resnet.pth')


@pytest.mark.parametrize('names', [['norm.running_mean'], ['head.a.weight'], ['layers.0.blocks.0.attn.qkv.foo'], []])
def test_names_must_match_whole(names):
    with pytest.raises(ValueError, match='of an official CrossFormer checkpoint'):
        convert_official(dict.fromkeys(names, 1))


class _ForgedDtype:
    """A dtype whose state claims fields that point anywhere."""

    def __reduce__(self):
        import numpy as np

        state = (3, '|', None, ('a',), {'a': (np.dtype('O'), 0)}, 8, 1, 0)
        return np.dtype, ('V8', False, True), state


def test_forged_arrays_are_refused(tmp_path):
    torch.save(dict(state_dict=_ForgedDtype()), tmp_path / 'forged.pth')
    with pytest.raises(ValueError, match=r"forged\.pth .*asks for arrays of 'V8'"):
        read_checkpoint(tmp_path / 'forged.pth')
