"""Values of the official program, through the public class."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import OFFICIAL_SHAPES, golden_cotangent, golden_input, golden_weights

from mmcrossformer import CAT, CrossFormer
from mmcrossformer.checkpoint import convert_official

DATA = Path(__file__).parents[1] / 'data'
CASES = json.loads((DATA / 'golden_cases.json').read_text())
CASES = {case['name']: case for case in sorted(CASES, key=lambda case: case['variant'])}
SAMPLES = np.load(DATA / 'golden_samples.npz')
ARCH = dict(T='tiny', S='small', B='base', L='large', PPS='pp-small', PPB='pp-base', PPL='pp-large', PPH='pp-huge')
ARCH |= {'CAT-T': 'tiny', 'CAT-S': 'small', 'CAT-B': 'base'}
# In float64 the error counts relative to the largest magnitude of the output; both bounds are wide (1e-15, 1e-6 seen).
TOLERANCE = {torch.float64: 1e-8, torch.float32: 2e-4}

# Biases whose true gradient is 0. A constant cancels in the softmax behind the DPB; in the last stage of CAT, CPSA adds
# its biases to all channels alike, which the LayerNorms behind it remove.
WITHOUT_GRADIENT = ('pos3.2.bias', 'layers.3.cpsa_blocks.0.attn.qkv.bias', 'layers.3.cpsa_blocks.0.attn.proj.bias')


def build(case, weights, dtype, **kwargs):
    classifier = case['task'] == 'cls'
    if case['variant'].startswith('CAT'):
        model = CAT(ARCH[case['variant']], **kwargs)
    else:
        model = CrossFormer(
            ARCH[case['variant']],
            group_size=case['group_size'],
            interval=case['interval'],
            adaptive_interval=case.get('adaptive_interval', False),
            lda_scope=case['lda_scope'],
            out_indices=(3,) if classifier else (0, 1, 2, 3),
            out_norm=classifier,
            **kwargs,
        )
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not missing
    head = {name for name in weights if name.startswith('head.')}
    assert set(unexpected) == head | (set() if model.out_norm else {'norm3.weight', 'norm3.bias'})
    return model.eval().to(dtype)


def run(case, weights, model, x):
    outputs = model(x)
    if case['task'] == 'cls':
        head = {name: weights[f'head.fc.{name}'].to(x.dtype) for name in ('weight', 'bias')}
        outputs = [torch.nn.functional.linear(outputs[0].mean((2, 3)), **head)]
    return outputs


def check_outputs(case, outputs, tolerance):
    assert len(outputs) == len(case['outputs'])
    for i, (output, expected) in enumerate(zip(outputs, case['outputs'], strict=True)):
        assert list(output.shape) == expected['shape']
        samples = SAMPLES[f'{case["name"]}/out{i}_samples']
        index = np.random.default_rng(99).integers(0, output.numel(), 256)[: len(samples)]
        values = output.detach().double().flatten().numpy()
        assert np.abs(values[index] - samples).max() <= tolerance * expected['absmax']
        for name, value in dict(mean=values.mean(), std=values.std(), absmax=np.abs(values).max()).items():
            assert abs(value - expected[name]) <= tolerance * expected['absmax'], name


@pytest.mark.usefixtures('zero_weights')  # all are replaced
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32], ids=['float64', 'float32'])
@pytest.mark.parametrize('name', [name for name, case in CASES.items() if not case['grad_norms']])
def test_outputs(name, dtype, request):
    if dtype == torch.float32:
        request.getfixturevalue('in_strips')
    case = CASES[name]
    weights = convert_official(golden_weights(case['variant']))
    model = build(case, weights, dtype)
    x = golden_input(case['batch'], case['height'], case['width']).to(dtype)
    with torch.no_grad():
        check_outputs(case, run(case, weights, model, x), TOLERANCE[dtype])


@pytest.mark.usefixtures('zero_weights')
@pytest.mark.parametrize('with_cp', [False, True], ids=['plain', 'checkpointed'])
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32], ids=['float64', 'float32'])
@pytest.mark.parametrize('name', [name for name, case in CASES.items() if case['grad_norms']])
def test_gradients(name, dtype, with_cp):
    case, tolerance = CASES[name], TOLERANCE[dtype]
    official = OFFICIAL_SHAPES[case['variant']]
    model = build(case, convert_official(golden_weights(case['variant'])), dtype, with_cp=with_cp)
    x = golden_input(case['batch'], case['height'], case['width']).to(dtype).requires_grad_()
    outputs = model(x)
    check_outputs(case, outputs, tolerance)
    sum((out * golden_cotangent(i, out.shape).to(dtype)).sum() for i, out in enumerate(outputs)).backward()

    official_name = convert_official({name: name for name in official})
    norms = {official_name[new]: p.grad.double().norm().item() for new, p in model.named_parameters()}
    norms['input'] = x.grad.double().norm().item()
    assert norms.keys() == case['grad_norms'].keys()
    largest = max(case['grad_norms'].values())
    for name, expected in case['grad_norms'].items():
        if expected > 1e-8:
            # In float32 a gradient that is small beside the others is a difference of large terms.
            slack = 0 if dtype == torch.float64 else 1e-6 * largest
            assert abs(norms[name] - expected) <= tolerance * expected + slack, name
        else:
            assert name.endswith(WITHOUT_GRADIENT)
            assert norms[name] <= (1e-9 if dtype == torch.float64 else 1e-6) * largest, name


@pytest.mark.parametrize('variant', OFFICIAL_SHAPES)
def test_convert_official_covers_names_and_shapes(variant):
    converted = convert_official(OFFICIAL_SHAPES[variant])
    with torch.device('meta'):
        if variant.startswith('CAT'):  # the official names of a detector's backbone
            model = CAT(ARCH[variant])
        else:
            model = CrossFormer(ARCH[variant], out_norm=True, out_indices=(3,))
    own = {name: list(value.shape) for name, value in model.state_dict().items()}
    head = {name: converted.pop(name) for name in [*converted] if name.startswith('head.fc.')}
    assert own == converted
    if isinstance(model, CrossFormer):
        assert head == {'head.fc.weight': [1000, model.out_channels[-1]], 'head.fc.bias': [1000]}
