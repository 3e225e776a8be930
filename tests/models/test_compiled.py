"""torch.compile: one graph, few compilations, the numbers of eager."""

import pytest
import torch
from quick import run
from tiers import sampled
from torch._dynamo.testing import CompileCounterWithBackend

from mmcrossformer import CrossFormer

pytestmark = pytest.mark.skipif(torch.__version__ < '2.7', reason='needs torch >= 2.7')


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()


def compile_model(model, backend='aot_eager'):
    counter = CompileCounterWithBackend(backend)
    return torch.compile(model, fullgraph=True, backend=counter), counter


FIRST, ALL = (0, 1), (0, 1, 2, 3)  # the last stages have more blocks of the same kind, and cooling layers
# It is Dynamo that compiles again, whatever is behind it.
SIZES = [('eager', 4, (0,)), ('aot_eager', 10, ALL)]


@pytest.mark.parametrize(('backend', 'count', 'outputs'), sampled(SIZES, fast=SIZES[:1]))
def test_many_sizes_take_two_compilations(backend, count, outputs):
    # Wide enough that torch takes the same convolutions for all sizes; every map is larger than a group.
    arch = dict(embed_dims=64, depths=(2, 1, 1, 1), num_heads=(2, 4, 8, 16), group_size=(3, 3, 2, 2))
    model = CrossFormer(arch, drop_path_rate=0.0, out_indices=outputs).eval()
    compiled, counter = compile_model(model, backend)
    sizes = [(160, 192), (163, 201), (300, 150), (228, 228), (150, 300), (224, 224), (200, 333), (192, 160), (171, 149)]
    with torch.no_grad():
        for height, width in [*sizes, (256, 192)][:count]:
            images = torch.randn(1, 3, height, width)
            for a, b in zip(compiled(images), model(images), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    assert counter.frame_count <= 2


WAYS = [(False, FIRST)]


@pytest.mark.parametrize(('with_cp', 'outputs'), sampled([*WAYS, (True, FIRST), (False, ALL), (True, ALL)], fast=WAYS))
def test_gradients_are_those_of_eager(tiny_arch, with_cp, outputs):
    model = CrossFormer(tiny_arch, with_cp=with_cp, out_indices=outputs)
    images = torch.randn(2, 3, 70, 100)
    results = []
    for run_model in (model, compile_model(model)[0]):
        model.zero_grad()
        outputs = run_model(images)
        sum(out.square().mean() for out in outputs).backward()
        results.append([*outputs, *(p.grad.clone() for p in model.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('backend', sampled(['eager', 'aot_eager'], fast=['eager']))
def test_the_runner_compiles(backend, quick):
    """mmengine's `compile` switch; without a C++ compiler, so by backends that need none."""
    config = quick('crossformer_t_digits')
    # One stage, a few pictures: tracing them takes longer than anything else.
    options = [f'compile.backend={backend}', 'model.backbone.out_indices=[0]', 'model.head.in_channels=16']
    options += ['train_dataloader.dataset.indices=4', 'val_dataloader.dataset.indices=2']
    result = run('train', config, '--work-dir', config.parent / 'run', '--cfg-options', *options)
    assert result.returncode == 0, result.stderr
    assert 'Model has been "compiled"' in result.stdout + result.stderr
