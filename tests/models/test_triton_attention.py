"""The Triton kernels against the plain path in float64 and against the loop oracle; without a GPU, interpreted."""

import random

import pytest
import torch
from oracle import attention as oracle_attention
from quick import run_program
from tiers import sampled
from torch.utils.flop_counter import FlopCounterMode

from mmcrossformer.models.attention import Grouping, GroupRule, group_attention
from mmcrossformer.models.attention import triton as triton_attention
from mmcrossformer.models.attention.triton import supports_triton, triton_group_attention
from mmcrossformer.models.layers import DynamicPositionBias

DEVICE = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
# Largest error relative to the largest value: sums of single precision; one rounding of the result and a few before.
TOLERANCE = {torch.float32: 5e-6, torch.float16: 3e-3, torch.bfloat16: 2e-2}

pytestmark = pytest.mark.skipif(not supports_triton(DEVICE), reason='Triton does not run here')

# Map, group size (rows, columns), interval, heads, head_dim, batch.
CASES = {
    'windows, no padding': (6, 8, (2, 2), (1, 1), 1, 16, 2),
    'windows, padding': (7, 8, (5, 5), (1, 1), 2, 32, 2),
    'window of 7': (7, 9, (7, 7), (1, 1), 1, 32, 2),
    'dilated, no padding': (8, 8, (2, 2), (4, 4), 1, 8, 1),
    'dilated, padding in both axes': (9, 10, (3, 3), (2, 2), 2, 24, 1),
    'groups of padding alone': (3, 9, (2, 2), (4, 4), 1, 16, 1),
    'groups of one token': (3, 5, (1, 1), (2, 2), 2, 16, 1),
    'oblong groups and intervals': (9, 13, (2, 5), (3, 2), 1, 16, 2),
    'one head channel': (4, 4, (4, 4), (1, 1), 3, 1, 1),
    'several tiles': (10, 11, (10, 11), (1, 1), 1, 32, 2),
    'several tiles, padding': (9, 15, (9, 8), (1, 2), 2, 8, 2),
    'several tiles, some all padding': (5, 14, (12, 12), (1, 1), 1, 16, 1),
    'one long row': (1, 150, (1, 75), (1, 2), 1, 16, 1),
    'one long column': (130, 2, (130, 2), (1, 1), 1, 16, 1),
    'wide heads': (3, 7, (3, 7), (1, 1), 1, 300, 1),
}


def inputs(height, width, size, interval, heads, head_dim, batch, dtype=torch.float32):
    """Queries, keys and values, table of the bias, grouping, heads, and the gradient of the output."""
    grouping = Grouping(height, width, size, interval)
    qkv = torch.randn(batch, height, width, 3 * heads * head_dim, device=DEVICE).to(dtype).requires_grad_()
    bias = torch.randn(heads, (2 * size[0] - 1) * (2 * size[1] - 1), device=DEVICE).requires_grad_()
    grad = torch.randn(batch, height, width, heads * head_dim, device=DEVICE).to(dtype)
    return qkv, bias, grouping, heads, grad


def results(attention, qkv, bias, grouping, heads, grad):
    out = attention(qkv, bias, grouping, heads)
    return out, *torch.autograd.grad(out, (qkv, bias), grad)


def expected(qkv, bias, grouping, heads, grad):
    qkv, bias = (x.detach().double().requires_grad_() for x in (qkv, bias))
    return results(group_attention, qkv, bias, grouping, heads, grad.double())


def assert_close(found, wanted, tolerance):
    for name, a, b in zip(('out', 'grad of qkv', 'grad of bias'), found, wanted, strict=True):
        assert a.shape == b.shape
        # A group of one token has no gradient for the bias: nothing to be relative to.
        error = (a.detach().double() - b.detach()).abs().max() / b.detach().abs().max().clamp(min=0.1)
        assert error < tolerance, f'{name}: {error:.1e}'


# Each of these is special in its own way.
FAST = ['windows, padding', 'dilated, padding in both axes', 'groups of padding alone', 'oblong groups and intervals']
FAST += ['one head channel', 'several tiles, padding', 'one long row', 'wide heads']


@pytest.mark.parametrize('case', sampled(CASES, fast=FAST))
def test_values_and_gradients_are_those_of_the_plain_path(case, monkeypatch):
    # Few programs, so that each walks several groups.
    monkeypatch.setattr(triton_attention, 'PROGRAMS', 4)
    args = inputs(*CASES[case])
    found = results(triton_group_attention, *args)
    assert [x.dtype for x in found] == [torch.float32] * 3
    assert_close(found, expected(*args), TOLERANCE[torch.float32])


HALF = [('windows, padding', 'float16'), ('several tiles, padding', 'bfloat16')]
MORE_HALF = [('windows, padding', 'bfloat16'), ('several tiles, padding', 'float16')]


@pytest.mark.parametrize(('case', 'precision'), sampled([*HALF, *MORE_HALF], fast=HALF))
def test_half_precision(case, precision):
    dtype = getattr(torch, precision)
    args = inputs(*CASES[case], dtype=dtype)
    found = results(triton_group_attention, *args)
    assert [x.dtype for x in found] == [dtype, dtype, torch.float32]
    assert_close(found, expected(*args), TOLERANCE[dtype])


@pytest.mark.parametrize('seed', sampled(range(5), fast=[0, 1, 3, 4]))  # both kinds of groups in both scopes
def test_equals_the_oracle(seed):
    rng = random.Random(seed)
    height, width, group_size, interval = (rng.randint(*ends) for ends in ((3, 8), (3, 8), (2, 6), (1, 3)))
    is_long = seed % 2 == 1
    qkv, bias, proj = torch.nn.Linear(16, 48), DynamicPositionBias(4, 2), torch.nn.Linear(16, 16)
    names = {f'qkv.{k}': v for k, v in qkv.state_dict().items()} | {
        f'proj.{k}': v for k, v in proj.state_dict().items()
    }
    for name, value in bias.state_dict().items():
        parts = name.split('.')
        layer = f'pos{int(parts[1]) + 1}.{".".join(parts[2:])}' if parts[0] == 'layers' else f'pos_proj.{parts[1]}'
        names[f'pos.{layer}'] = value
    scope = 'map' if seed > 2 else 'block'
    grouping = GroupRule(group_size, interval, is_long, scope)(height, width)
    table = bias(grouping.size)
    x = torch.randn(1, height, width, 16)
    y = triton_group_attention(qkv(x).to(DEVICE), table.to(DEVICE), grouping, 2)
    wanted = oracle_attention(
        x[0].double(),
        {name: value.double() for name, value in names.items()},
        heads=2,
        group_size=group_size,
        interval=interval,
        long_distance=is_long,
        scope=scope,
    )
    torch.testing.assert_close(proj(y.cpu())[0].double(), wanted, rtol=1e-5, atol=1e-5)


def test_any_strides(monkeypatch):
    monkeypatch.setattr(triton_attention, 'PROGRAMS', 1)
    qkv, bias, grouping, heads, grad = inputs(*CASES['oblong groups and intervals'])
    wanted = expected(qkv, bias, grouping, heads, grad)
    qkv = qkv.detach().permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1).requires_grad_()
    bias = bias.detach().t().contiguous().t().requires_grad_()
    grad = grad.transpose(1, 2).contiguous().transpose(1, 2)
    assert_close(results(triton_group_attention, qkv, bias, grouping, heads, grad), wanted, TOLERANCE[qkv.dtype])


def test_heads_take_turns_when_memory_is_short(monkeypatch):
    args = inputs(4, 4, (2, 2), (2, 2), 3, 16, 1)
    # Room for two heads at a time.
    monkeypatch.setattr(triton_attention, 'PARTIAL_BYTES', 2 * 4 * 4**2)
    assert_close(results(triton_group_attention, *args), expected(*args), TOLERANCE[torch.float32])


def test_queries_take_turns_when_a_group_is_large(monkeypatch):
    args = inputs(*CASES['several tiles, padding'])
    # Room for the gradients of one tile of queries of one head; the group has two.
    monkeypatch.setattr(triton_attention, 'PARTIAL_BYTES', 4 * 72 * 64)
    assert_close(results(triton_group_attention, *args), expected(*args), TOLERANCE[torch.float32])


def test_large_logits():
    qkv, bias, *rest = inputs(5, 5, (3, 3), (1, 1), 1, 16, 1)
    args = ((qkv.detach() * 30).requires_grad_(), (bias.detach() * 100 - 500).requires_grad_(), *rest)
    # Logits of thousands lose their fourth decimal to single precision.
    assert_close(results(triton_group_attention, *args), expected(*args), 5e-3)


def test_no_images():
    qkv, bias, grouping, heads, grad = inputs(4, 4, (2, 2), (1, 1), 2, 16, 0)
    out, grad_qkv, grad_bias = results(triton_group_attention, qkv, bias, grouping, heads, grad)
    assert out.shape == grad.shape
    assert grad_qkv.shape == qkv.shape
    assert not grad_bias.any()


@pytest.fixture
def deterministic():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures('deterministic')
def test_reproducible_in_groups_of_one_tile():
    args = inputs(*CASES['windows, padding'])
    for a, b in zip(*(results(triton_group_attention, *args) for _ in range(2)), strict=True):
        assert torch.equal(a, b)


def test_compiles_as_one_graph():
    args = inputs(4, 6, (2, 2), (2, 2), 2, 16, 1)

    def attention(*args):
        return triton_group_attention(*args) * 2 if supports_triton(args[0].device) else None

    compiled = torch.compile(attention, fullgraph=True, backend='aot_eager')
    for a, b in zip(results(compiled, *args), results(attention, *args), strict=True):
        torch.testing.assert_close(a, b)


def test_autocast():
    qkv, bias, grouping, heads, _ = inputs(4, 6, (2, 2), (2, 2), 2, 16, 1)
    with torch.autocast(DEVICE.type, torch.bfloat16):
        half = torch.nn.functional.linear(qkv, torch.eye(96, device=DEVICE))
        out = triton_group_attention(half, bias, grouping, heads)
        out.float().square().sum().backward()
    assert out.dtype == torch.bfloat16
    assert qkv.grad.dtype == bias.grad.dtype == torch.float32
    wanted = group_attention(qkv.double(), bias.double(), grouping, heads)
    torch.testing.assert_close(out.double(), wanted, rtol=0, atol=TOLERANCE[torch.bfloat16])


def test_operator_follows_the_rules_of_torch():
    qkv, bias, grouping, heads, _ = inputs(3, 3, (2, 2), (1, 1), 1, 16, 1)
    torch.library.opcheck(
        torch.ops.mmcrossformer.triton_group_attention.default, (qkv, bias, heads, grouping.size, grouping.interval)
    )


def test_no_second_derivative():
    qkv, bias, grouping, heads, grad = inputs(2, 2, (2, 2), (1, 1), 1, 16, 1)
    out = triton_group_attention(qkv, bias, grouping, heads)
    (first,) = torch.autograd.grad(out, qkv, grad.requires_grad_(), create_graph=True)
    with pytest.raises(RuntimeError, match='no autograd formula'):
        first.sum().backward()


@pytest.mark.parametrize('case', ['windows, padding', 'groups of padding alone'])
def test_flops_are_those_of_the_plain_path(case, monkeypatch):
    monkeypatch.setattr(triton_attention, 'PROGRAMS', 1)
    args = inputs(*CASES[case])
    ours, theirs = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with ours:
        results(triton_group_attention, *args)
    with theirs:
        results(group_attention, *args)
    assert ours.get_total_flops() == theirs.get_total_flops() > 0


def test_a_group_too_wide_for_its_distances_is_refused():
    qkv = torch.zeros(1, 1, 1, 1).expand(1, 10_000, 80_000, 96)
    with pytest.raises(ValueError, match=r'group of qkv spans \d+ elements; allowed are fewer than 2147483648'):
        triton_group_attention(qkv, torch.zeros(1, 9), Grouping(10_000, 80_000, (2, 2), (200, 1)), 1)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(qkv=torch.zeros(1, 4, 5, 96)), r'qkv has shape \(1, 4, 5, 96\); .*\[B, 4, 4, 3\*C\]'),
        (dict(qkv=torch.zeros(4, 4, 96)), r'qkv has shape \(4, 4, 96\)'),
        (dict(qkv=torch.zeros(1, 4, 4, 100)), '100 channels; allowed is a positive multiple of .* 6'),
        (dict(qkv=torch.zeros(1, 4, 4, 96).double()), 'qkv has dtype torch.float64; allowed are torch.float32'),
        (dict(bias=torch.zeros(2, 4)), r'bias has shape \(2, 4\); groups of \(2, 2\) take \[2, 9\]'),
        (dict(bias=torch.zeros(2, 9).long()), 'bias is torch.int64 on cpu; allowed is floating point on cpu'),
        (dict(num_heads=0), 'qkv has 96 channels; allowed is a positive multiple'),
    ],
)
def test_clear_errors(change, message):
    args = dict(
        qkv=torch.zeros(1, 4, 4, 96), bias=torch.zeros(2, 9), grouping=Grouping(4, 4, (2, 2), (1, 1)), num_heads=2
    )
    with pytest.raises(ValueError, match=message):
        triton_group_attention(**args | change)


def test_a_device_without_triton_is_refused(monkeypatch):
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    assert not supports_triton('cpu')
    with pytest.raises(RuntimeError, match='Triton does not run on cpu'):
        triton_group_attention(torch.zeros(1, 2, 2, 48), torch.zeros(1, 9), Grouping(2, 2, (2, 2), (1, 1)), 1)


def test_imports_without_triton(tmp_path):
    program = tmp_path / 'program.py'
    program.write_text(
        'import sys; sys.modules["triton"] = None\n'
        'from mmcrossformer.models.attention.triton import supports_triton\n'
        'assert not supports_triton("cpu")'
    )
    result = run_program(program, [])
    assert result.returncode == 0, result.stderr
