"""Official names, and reading files that others wrote."""

import os
import pickle

import pytest
import torch

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
    'content', [b'', b'<html>404</html>', b'version https://git-lfs.github.com/spec/v1\n', b'PK\x03\x04cut']
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
