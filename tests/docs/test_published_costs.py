"""The published costs of detectors and segmenters come out of the shapes of the models."""

import runpy
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

COSTS = runpy.run_path(str(Path(__file__).parents[2] / '.dev_scripts' / 'published_costs.py'))
ROWS, PARTS = COSTS['ROWS'], COSTS['PARTS']
DOUBTFUL = 'retinanet_crossformerpp_s_coco'  # published with the cost of CrossFormer-S


def printed(count):
    """The counter prints two decimals, the papers round them to one."""
    return float(Decimal(f'{count:.2f}').quantize(Decimal('0.1'), ROUND_HALF_UP))


def test_rows():
    assert len(ROWS) == 21
    assert all(('g14' in name) == (row.setting == 'g14') for name, row in ROWS.items())
    assert all(name.startswith(f'{row.method}_') for name, row in ROWS.items())


@pytest.mark.parametrize('name', ROWS)
def test_published_cost(name):
    method, arch, setting, published = ROWS[name]
    count = COSTS['count'](method, arch, setting)
    if name == DOUBTFUL:
        assert printed(count) == 268.8
        assert published == ROWS['retinanet_crossformer_s_coco'].published == 282.0
    else:
        assert printed(count) == published
        assert count == pytest.approx(published, abs=0.055)  # two roundings


@pytest.mark.parametrize('name', ROWS)
def test_only_its_setting_fits(name):
    method, arch, setting, published = ROWS[name]
    (other,) = {*COSTS['SETTINGS']} - {setting}
    assert abs(COSTS['count'](method, arch, other) - published) > 0.5


def test_blocks_fit_no_row(monkeypatch):
    """LDA in blocks of G * I tokens a side, padded to multiples of it."""

    def attention(dim, h, w, group, interval, *, far):
        multiple = group * interval if far else group
        tokens = -(-h // multiple) * -(-w // multiple) * multiple**2
        d = dim // 16
        bias = (2 * d + 2 * d**2 + d * (dim // 32) + 3 * d) * (2 * group - 1) ** 2
        return Counter({PARTS[0]: (4 * dim**2 + 2 * dim * group**2) * tokens + bias})

    monkeypatch.setitem(COSTS['backbone'].__globals__, 'attention', attention)
    for method, arch, _, published in ROWS.values():
        assert all(abs(COSTS['count'](method, arch, setting) - published) > 3 for setting in COSTS['SETTINGS'])


def test_cooling_layers_show_in_the_published_cost(monkeypatch):
    assert COSTS['count']('mask_rcnn', 'pp-small', 'g7') == pytest.approx(287.36, abs=0.005)
    monkeypatch.setitem(COSTS['ARCHS'], 'pp-small', COSTS['ARCHS']['pp-small']._replace(cooling=False))
    assert COSTS['count']('mask_rcnn', 'pp-small', 'g7') == pytest.approx(287.31, abs=0.005)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('retinanet_crossformer_s_coco', (251.91, 27.90, 0.16, 1.84, 0.04, 0.13)),
        ('mask_rcnn_crossformer_s_coco', (270.84, 27.90, 0.16, 1.84, 0.04, 0.17)),
        ('semantic_fpn_crossformer_s_g14_ade20k', (193.79, 12.67, 0.65, 2.56, 0.04, 0.08)),
        ('upernet_crossformer_s_ade20k', (947.64, 29.29, 0.18, 2.15, 0.04, 0.15)),
    ],
)
def test_account(name, expected):
    account = COSTS['account'](*ROWS[name][:3])
    assert account == pytest.approx(dict(zip(PARTS, expected, strict=True)), abs=0.005)


def test_attention_over_groups():
    """On 5 x 8 tokens, padded to 6 x 9 for windows of 3 and to 6 x 8 for every second row and column."""
    near, far = (COSTS['attention'](32, 5, 8, group=3, interval=2, far=far) for far in (False, True))
    block, exact, padding, projections, *_ = PARTS
    rows, columns = 9 + 4, 9 + 9 + 4  # windows of 3, 2 and of 3, 3, 2 tokens
    assert near[block] == 4 * 32**2 * 40 + 2 * 32 * rows * columns
    assert near[block] + near[exact] + near[padding] + near[projections] == 4 * 32**2 * 54 + 2 * 32 * 6 * 9**2
    rows, columns = 9 + 4, (9 + 9) + (1 + 1)  # regions of 6 tokens: 3, 2 and 3, 3 and 1, 1
    assert far[block] == 4 * 32**2 * 40 + 2 * 32 * rows * columns
    assert far[exact] == 2 * 32 * rows * (16 + 16 - columns)  # the whole map: 4, 4
    assert far[block] + far[exact] + far[padding] + far[projections] == 4 * 32**2 * 48 + 2 * 32 * 4 * 12**2


def test_small_map_has_windows_of_its_shorter_side():
    """6 x 20 tokens in windows of 6 x 6, padded to 6 x 24."""
    near, far = (COSTS['attention'](32, 6, 20, group=7, interval=2, far=far) for far in (False, True))
    assert near == far
    assert sum(near[part] for part in PARTS[:4]) == 4 * 32**2 * 144 + 2 * 32 * 4 * 36**2


def test_table(capsys):
    COSTS['main']()
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ['row', 'setting', 'counted', 'published', 'difference']
    assert [line.split()[0] for line in lines] == [*ROWS]
    assert lines[0].split()[1:] == ['g7', '281.99', '282.0', '-0.01']
