"""Official names, and reading files that others wrote."""

import hashlib
import os
import pickle

import pytest
import torch
from golden import OFFICIAL_SHAPES, golden_weights

from mmcrossformer import CrossFormer
from mmcrossformer.checkpoint import (
    convert_official,
    official_model_names,
    read_checkpoint,
    to_official,
    write_checkpoint,
)
from mmcrossformer.utils.weights import load_weights

pytestmark = pytest.mark.hosts


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


@pytest.mark.parametrize('name', ['norm', 'head', 'patch_embed.norm', 'layers.0.blocks.0.attn.qkv'])
def test_names_of_layers_are_none_of_parameters(name):
    with pytest.raises(ValueError, match=rf'1 of 2 names .*: {name}'):
        convert_official({'patch_embed.norm.weight': 1, name: 2})


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
    for name, problem in {'hostile.pth': 'it holds code .* was not run.*mkdir', 'hostile.pkl': ''}.items():
        with pytest.raises(ValueError, match=f'{name} is no weights file: {problem}'):
            read_checkpoint(tmp_path / name)
    assert not trace.exists()


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        (b'', 'it is empty'),
        (b'\n<!DOCTYPE html><title>404</title>', 'a web page saved under this name'),
        (b'<html>404</html>', 'a web page'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:1', 'a pointer of Git LFS.* git lfs pull'),
        (b'PK\x03\x04cut', 'cut off after 7 bytes'),
        (b'epoch 1 loss 2\n', ''),
    ],
)
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_files_that_are_no_checkpoint(tmp_path, content, problem, suffix):
    path = tmp_path / f'weights{suffix}'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf'weights\{suffix} is no weights file: .*{problem}'):
        read_checkpoint(path)


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('part', [0.3, 0.9])
def test_files_cut_short(tmp_path, zipped, part):
    """Both formats of torch; the published files are of either age."""
    path = tmp_path / 'weights.pth'
    torch.save(dict(model={str(i): torch.ones(50) for i in range(40)}), path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(ValueError, match='is no weights file: it is cut off'):
        read_checkpoint(path)


def test_safetensors_cut_short(tmp_path):
    path = write_checkpoint(dict(a=torch.ones(100)), tmp_path / 'weights.safetensors')
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match='is no weights file: it is cut off'):
        read_checkpoint(path)


def test_missing_file_and_wrong_content(tmp_path):
    with pytest.raises(ValueError, match='is no file'):
        read_checkpoint(tmp_path / 'none.pth')
    torch.save(torch.ones(2), tmp_path / 'tensor.pth')
    with pytest.raises(ValueError, match='holds a Tensor, not a dict'):
        read_checkpoint(tmp_path / 'tensor.pth')


def official_file(tmp_path, arch, prefix='', **changes):
    """An official classifier's file with random weights."""
    weights = {prefix + name: value for name, value in (golden_weights(arch) | changes).items()}
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


def test_official_files_of_whole_models_load_for_tests(tmp_path, tiny_arch):
    def detector():
        model = torch.nn.Module()
        model.backbone, model.neck = CrossFormer(tiny_arch), torch.nn.Conv2d(16, 8, 1)
        return model

    model, other = detector(), detector()
    published = official_model_names(model.state_dict())
    assert 'backbone.patch_embed.projs.0.weight' in published
    published['backbone.layers.0.blocks.0.attn.biases'] = torch.zeros(5, 2)  # a buffer of older files
    torch.save(dict(state_dict=published), tmp_path / 'published.pth')
    load_weights(other, tmp_path / 'published.pth')
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())


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
    with pytest.raises(ValueError, match=r'holds no CrossFormer and no CAT: its names are conv1\.weight'):
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


@pytest.mark.parametrize('arch', ['T', 'PPS'])
def test_names_go_there_and_back(arch):
    names = OFFICIAL_SHAPES[arch]
    assert to_official(convert_official(names)) == names


def test_names_that_official_files_lack():
    with pytest.raises(ValueError, match=r'1 of 2 names .*norm0\.weight'):
        to_official({'norm0.weight': 1, 'norm3.weight': 2})


@pytest.mark.parametrize('channels', [1, 2, 4, 6])
def test_official_weights_for_other_channels(tmp_path, channels):
    """On an image whose channels are alike, the stem answers as to one of three."""
    path, weights = official_file(tmp_path, 'T')
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    model = CrossFormer('tiny', in_channels=channels, out_indices=(0,), init_cfg=init_cfg)
    model.init_weights()
    for k, conv in enumerate(model.stages[0].embed.convs):
        filters = weights[f'stages.0.embed.convs.{k}.weight']
        assert conv.weight.shape[1] == channels
        torch.testing.assert_close(conv.weight.sum(1), filters.sum(1))
    if channels == 4:
        torch.testing.assert_close(
            conv.weight, filters[:, [0, 1, 2, 0]] * torch.tensor([0.5, 1, 1, 0.5]).view(1, 4, 1, 1)
        )


def test_pretrained_goes_through_the_safe_reader_however_it_is_written(tmp_path, tiny_arch):
    from mmengine.model.weight_init import PretrainedInit

    trace = tmp_path / 'ran'
    torch.save(dict(state_dict=_Hostile(str(trace))), tmp_path / 'hostile.pth')
    for kind in ('Pretrained', 'mmengine.Pretrained', PretrainedInit):
        init_cfg = dict(type=kind, checkpoint=str(tmp_path / 'hostile.pth'))
        for written in (init_cfg, [init_cfg]):
            with pytest.raises(ValueError, match='it holds code'):
                CrossFormer(tiny_arch, init_cfg=written).init_weights()
    with pytest.raises(ValueError, match='must be Pretrained alone'):
        CrossFormer(tiny_arch, init_cfg=[init_cfg, dict(type='Constant', layer='Linear', val=0.0)]).init_weights()
    with pytest.raises(ValueError, match='needs checkpoint, the path of a file, got None'):
        CrossFormer(tiny_arch, init_cfg=dict(type='Pretrained')).init_weights()
    assert not trace.exists()


def test_loading_is_told_in_one_line(tmp_path, monkeypatch):
    from mmcrossformer.models import pyramid

    lines = []
    monkeypatch.setattr(pyramid, 'print_log', lambda message, **_: lines.append(message))
    path, weights = official_file(tmp_path, 'T')
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    CrossFormer('tiny', in_channels=5, out_norm=True, init_cfg=init_cfg).init_weights()
    (line,) = lines
    total = len(weights) - 2 + 6  # without the head, with three norms that classifiers lack
    assert f'{len(weights) - 2} of {total} parameters loaded from {path}' in line
    assert '2 dropped (head.fc.bias, head.fc.weight)' in line
    assert '6 missing, left as they are (norm0.bias, norm0.weight, norm1.bias)' in line
    assert 'filters of the stem changed from 3 to 5 channels' in line


def test_written_files(tmp_path):
    weights = dict(a=torch.arange(3.0), b=torch.ones(2, 2, dtype=torch.float16).t())
    for suffix, under in (('.pth', 'model'), ('.pth', None), ('.safetensors', None)):
        path = write_checkpoint(weights, tmp_path / f'{under}{suffix}', under=under)
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:8] == path.stem.removeprefix(f'{under}-')
        found = read_checkpoint(path)
        found = found[under] if under else found
        assert list(found) == ['a', 'b']
        assert all(
            torch.equal(value, found[name]) and value.dtype == found[name].dtype for name, value in weights.items()
        )
        with pytest.raises(FileExistsError, match='exists'):
            write_checkpoint(weights, tmp_path / f'{under}{suffix}', under=under)
    assert len(list(tmp_path.iterdir())) == 3


def test_groups_and_intervals_change_without_touching_the_weights():
    """G, I and the resolution are routing: trained weights fit any, and the published ones give the same as before."""
    torch.manual_seed(0)
    trained = CrossFormer('tiny').eval()
    other = CrossFormer('tiny', group_size=(14, 14, 7, 7), interval=(16, 8, 2, 1)).eval()
    adaptive = CrossFormer('tiny', group_size=(7, 7, 7, 7), interval=(8, 4, 2, 1), adaptive_interval=True).eval()
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected = trained(image)
        for model in (other, adaptive):
            model.load_state_dict(trained.state_dict())
            assert model(torch.randn(1, 3, 100, 333))[3].shape == (1, 512, 4, 11)
        assert not torch.allclose(other(image)[0], expected[0])
        # At 224 x 224 the adaptive intervals are the published ones.
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(adaptive(image), expected, strict=True))
