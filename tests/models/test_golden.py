"""Values of the official program, through the public class."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import OFFICIAL_SHAPES, golden_cotangent, golden_input, golden_weights
from tiers import sampled

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
PRECISIONS = ('float64', 'float32')

# Biases whose true gradient is 0. A constant cancels in the softmax behind the DPB; in the last stage of CAT, CPSA adds
# its biases to all channels alike, which the LayerNorms behind it remove.
WITHOUT_GRADIENT = ('pos3.2.bias', 'layers.3.cpsa_blocks.0.attn.qkv.bias', 'layers.3.cpsa_blocks.0.attn.proj.bias')


def cases(*, grad_norms):
    """Names of the cases with gradients or without, in both precisions."""
    names = [name for name, case in CASES.items() if bool(case['grad_norms']) == grad_norms]
    return [(name, precision) for name in names for precision in PRECISIONS]


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


# Every variant, scope, schedule of groups and task; both precisions of every kind of variant.
OUTPUTS = [
    *((name, 'float64') for name in ('t_dense_96x128', 't_map_96x128', 't_cls_224', 's_map_g14_416x320')),
    *((name, 'float64') for name in ('b_dense_128x192', 'l_map_64x96', 'pps_dense_pgs_256x320', 'pps_cls_224')),
    *((name, 'float64') for name in ('pps_dense_adaptive_256x320', 'ppb_dense_96x96', 'ppl_dense_96x64')),
    *((name, 'float64') for name in ('pph_dense_64x64', 'cat_t_96x128', 'cat_b_160x256')),
    *((name, 'float32') for name in ('t_dense_224x224', 's_map_192x640', 'pps_cls_224', 'cat_t_96x128')),
]


@pytest.mark.usefixtures('zero_weights')  # all are replaced
@pytest.mark.parametrize(('name', 'precision'), sampled(cases(grad_norms=False), fast=OUTPUTS))
def test_outputs(name, precision, request):
    if precision == 'float32':
        request.getfixturevalue('in_strips')
    case, dtype = CASES[name], getattr(torch, precision)
    weights = convert_official(golden_weights(case['variant']))
    model = build(case, weights, dtype)
    x = golden_input(case['batch'], case['height'], case['width']).to(dtype)
    with torch.no_grad():
        check_outputs(case, run(case, weights, model, x), TOLERANCE[dtype])


# Every kind of variant and both scopes, and both precisions with checkpointing and without.
GRADIENTS = [('s_map_160x256_grad', 'float64', False), ('pps_dense_192x224_grad', 'float64', False)]
GRADIENTS += [('cat_s_128x192_grad', 'float64', False)]
GRADIENTS += [('pps_map_192x224_grad', 'float32', True), ('cat_s_128x192_grad', 'float32', True)]
ALL_GRADIENTS = [(*case, with_cp) for case in cases(grad_norms=True) for with_cp in (False, True)]


@pytest.mark.usefixtures('zero_weights')
@pytest.mark.parametrize(('name', 'precision', 'with_cp'), sampled(ALL_GRADIENTS, fast=GRADIENTS))
def test_gradients(name, precision, with_cp):
    case, dtype = CASES[name], getattr(torch, precision)
    tolerance = TOLERANCE[dtype]
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
