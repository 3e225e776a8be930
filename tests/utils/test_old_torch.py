"""What does not work with older versions of torch says which one it needs."""

import pytest
import torch
from torch import nn
from torch.torch_version import TorchVersion
from torch.utils.flop_counter import flop_registry

from mmcrossformer.utils import old_torch
from mmcrossformer.utils.errors import UserError


@pytest.mark.parametrize(
    ('arguments', 'what'),
    [
        (['export', 'CONFIG', '--out', 'out.pt2'], 'export'),
        (['benchmark', '--models', 'crossformer_t', '--compile'], '--compile'),
        (['train', 'CONFIG', '--no-check', '--cfg-options', 'compile=True'], 'compile = True in the config'),
    ],
    ids=['export', 'benchmark', 'train'],
)
def test_commands_name_the_version(arguments, what, call, quick, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = quick('crossformer_t_digits')
    monkeypatch.setattr(torch, '__version__', TorchVersion('2.4.1'))
    code, printed = call(*(config if argument == 'CONFIG' else argument for argument in arguments))
    assert (code, printed.count('error: ')) == (2, 1), printed
    assert f'error: {what} needs torch >= 2.7, installed is 2.4.1: pip install -U torch' in printed


@pytest.mark.parametrize('version', ['2.7.0', '2.10.1', '3.0'])
def test_versions_are_compared_as_versions(version, monkeypatch):
    monkeypatch.setattr(torch, '__version__', TorchVersion(version))
    old_torch.require_torch('2.7', 'export')
    with pytest.raises(UserError, match=f'installed is {version}'):
        old_torch.require_torch('3.1', 'export')


@pytest.mark.parametrize('known', [True, False], ids=['as it is', 'as in torch 2.4'])
def test_fused_attention_counts(known, monkeypatch):
    if not known:
        fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        monkeypatch.setattr(old_torch, 'flop_registry', {op: flop_registry[op] for op in flop_registry if op != fused})
    query = torch.randn(2, 3, 16, 8)
    with torch.no_grad(), old_torch.flop_counter() as counter:
        nn.functional.scaled_dot_product_attention(query, query, query)
    assert counter.get_total_flops() == 2 * 2 * (2 * 3 * 16 * 16 * 8)
