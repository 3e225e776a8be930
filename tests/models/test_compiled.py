"""torch.compile: one graph, few compilations, the numbers of eager."""

import pytest
import torch
from quick import run
from torch._dynamo.testing import CompileCounterWithBackend

from mmcrossformer import CrossFormer


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()


def compile_model(model):
    counter = CompileCounterWithBackend('aot_eager')
    return torch.compile(model, fullgraph=True, backend=counter), counter


def test_ten_sizes_take_two_compilations():
    # Wide enough that torch takes the same convolutions for all sizes; every map is larger than a group.
    model = CrossFormer(
        dict(embed_dims=64, depths=(1, 2, 1, 1), num_heads=(2, 4, 8, 16), group_size=(3, 3, 2, 2)), drop_path_rate=0.0
    ).eval()
    compiled, counter = compile_model(model)
    sizes = [(160, 192), (192, 160), (163, 201), (224, 224), (150, 300), (228, 228), (200, 333), (300, 150), (171, 149)]
    with torch.no_grad():
        for height, width in [*sizes, (256, 192)]:
            images = torch.randn(1, 3, height, width)
            for a, b in zip(compiled(images), model(images), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    assert counter.frame_count <= 2


@pytest.mark.parametrize('with_cp', [False, True], ids=['plain', 'checkpointed'])
def test_gradients_are_those_of_eager(tiny_arch, with_cp):
    model = CrossFormer(tiny_arch, with_cp=with_cp)
    images = torch.randn(2, 3, 70, 100)
    results = []
    for run_model in (model, compile_model(model)[0]):
        model.zero_grad()
        outputs = run_model(images)
        sum(out.square().mean() for out in outputs).backward()
        results.append([*outputs, *(p.grad.clone() for p in model.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_the_runner_compiles(quick):
    """mmengine's `compile` switch; without a C++ compiler, so by a backend that needs none."""
    config = quick('crossformer_t_digits')
    result = run('train', config, '--work-dir', config.parent / 'run', '--cfg-options', 'compile.backend=aot_eager')
    assert result.returncode == 0, result.stderr
    assert 'Model has been "compiled"' in result.stdout + result.stderr
