"""mmcrossformer benchmark: what is measured, what is reported, and the page that is made of it."""

import itertools
import json
import multiprocessing
import re
import runpy
import signal
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mmcrossformer import ARCHS, CAT_ARCHS, CrossFormer
from mmcrossformer.commands.benchmark import measure as module
from mmcrossformer.commands.benchmark import parse_arguments, parse_shape
from mmcrossformer.commands.benchmark.backbones import backbone_names, find_backbone
from mmcrossformer.commands.benchmark.measure import Candidate, Cell, Row, Settings, make_growth_cells, measure
from mmcrossformer.commands.benchmark.memory import peak_memory
from mmcrossformer.commands.benchmark.report import Report
from mmcrossformer.commands.benchmark.tables import make_tables
from mmcrossformer.utils.interleaved import time_interleaved
from mmcrossformer.utils.worker import Worker, WorkerDied

ROOT = Path(__file__).parents[2]
ARCH = dict(embed_dims=16, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8))
HEAD = ('model', 'params [M]', 'MACs [G]', 'ms', 'quartiles', 'GMAC/s', 'of products', 'ms ratio', 'ms/MAC ratio')
HEAD += ('peak MB',)


@pytest.fixture
def tiny(tmp_path):
    """Config of a backbone that runs in milliseconds."""
    path = tmp_path / 'tiny.py'
    path.write_text(f'backbone = dict(type="mmcrossformer.CrossFormer", arch={ARCH})')
    return path


@pytest.fixture
def fragile(tmp_path):
    """Config of a backbone that fails at odd sizes: patches are added to positions of another number."""
    (tmp_path / 'fragile_module.py').write_text(
        'import torch\nfrom mmengine.registry import MODELS\n\n'
        '@MODELS.register_module(force=True)\n'
        'class Fragile(torch.nn.Conv2d):\n'
        '    def forward(self, x):\n'
        '        if x.shape[-1] % 2:\n'
        '            raise RuntimeError("odd size\\nand more")\n'
        '        return (super().forward(x),)\n'
    )
    path = tmp_path / 'fragile.py'
    settings = dict(type='Fragile', in_channels=3, out_channels=4, kernel_size=1)
    path.write_text(f'backbone = {settings}\ncustom_imports = dict(imports=["fragile_module"])')
    return path


@pytest.fixture(autouse=True)
def _small_products(monkeypatch):
    """What models are compared with would take longer than they do, above all in half precision."""
    monkeypatch.setattr(module, 'PRODUCT_SIDE', 64)


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Measures in this process, where that of the tool would take seconds to start."""
    monkeypatch.syspath_prepend(str(tmp_path))

    class Here:
        calls = 0

        def __init__(self, function):
            self.function = function

        def __call__(self, *args):
            type(self).calls += 1
            return self.function(*args)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(module, 'Worker', Here)
    threads = torch.get_num_threads()
    yield Here
    torch.set_num_threads(threads)


@pytest.fixture
def call(call):
    """Runs the tool; returns its exit code and what it printed."""
    return partial(call, 'benchmark')


def candidate(path):
    return Candidate(find_backbone(str(path)))


def test_interleaved_takes_turns():
    calls = []
    steps = [lambda name=name: calls.append(name) for name in 'ABC']
    seconds = time_interleaved(steps, repeats=2, warmup=1, synchronize=lambda: calls.append('.'))
    assert ''.join(calls) == '.A..B..C.' * 3
    assert [len(times) for times in seconds] == [2, 2, 2]
    assert all(time >= 0 for times in seconds for time in times)


class TestBackbones:
    def test_every_variant_and_peer_has_a_name(self):
        variants = {
            find_backbone(name).settings['arch']: name for name in backbone_names() if name.startswith('crossformer')
        }
        assert {*variants} == {*ARCHS}
        assert variants['pp-huge'] == 'crossformerpp_h_block'
        peers = {path.stem for path in ROOT.glob('configs/_base_/backbones/*.py')}
        assert {'swin_t', 'pvtv2_b2', 'twins_pcpvt_s', 'convnext_t', 'resnet_50'} <= peers
        cats = {f'cat_{size}': arch for size, arch in zip('tsb', CAT_ARCHS, strict=True)}
        assert {name: find_backbone(name).settings['arch'] for name in cats} == cats
        assert set(backbone_names()) == peers | {
            name + end for name in peers if 'former' in name for end in ('_g14', '_block')
        }

    @pytest.mark.parametrize(
        ('name', 'group_size', 'interval', 'scope'),
        [
            ('crossformerpp_b', (7, 7, 7, 7), (8, 4, 2, 1), 'map'),
            ('crossformerpp_b_g14', (14, 14, 7, 7), (16, 8, 2, 1), 'map'),
            ('crossformerpp_b_block', (7, 7, 7, 7), (8, 4, 2, 1), 'block'),
        ],
    )
    def test_settings_of_dense_tasks(self, name, group_size, interval, scope):
        settings = find_backbone(name).settings
        found = [settings[key] for key in ('arch', 'group_size', 'interval', 'lda_scope')]
        assert found == ['pp-base', group_size, interval, scope]

    def test_one_rate_of_stochastic_depth(self):
        rates = {name: find_backbone(name).settings.get('drop_path_rate') for name in backbone_names()}
        assert rates.pop('resnet_50') is None
        assert set(rates.values()) == {0.2}

    def test_backbone_of_a_config(self):
        backbone = find_backbone('mask_rcnn_crossformer_t_digits')
        assert backbone == find_backbone(str(ROOT / 'configs/mask_rcnn_crossformer_t_digits.py'))
        assert backbone.name == 'mask_rcnn_crossformer_t_digits'
        assert backbone.build().arch.drop_path_rate == 0


class TestMemory:
    def test_count_is_exact(self):
        def step():
            first = torch.empty(1000)
            second = first.clone()
            del first
            torch.empty(500)
            return second

        assert peak_memory(step, 'cpu') == 8000

    def test_training_keeps_activations_and_gradients(self, tiny):
        peaks = {}
        for mode in module.MODES:
            runs = [measure(Cell(64, 64, mode), [candidate(tiny)], Settings(repeats=0, warmup=1)) for _ in range(2)]
            first, second = (run[0].peak_bytes for run in runs)
            assert first == second
            peaks[mode] = first
        params = sum(parameter.numel() for parameter in CrossFormer(ARCH).parameters())
        assert peaks['training'] > peaks['inference'] + 4 * params


class TestMeasure:
    def test_row(self, tiny):
        (row,) = measure(Cell(32, 48, batch_size=2), [candidate(tiny)], Settings(repeats=3, warmup=1, memory=False))
        model = CrossFormer(ARCH).eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 3, 32, 48))
        assert row.macs == counter.get_total_flops() // 2
        assert row.params == sum(parameter.numel() for parameter in model.parameters())
        assert len(row.seconds) == 3
        assert row.product_rate > 1e8
        assert (row.model, row.compiled, row.peak_bytes, row.error) == ('tiny', False, None, None)

    @pytest.mark.parametrize('dtype', ['bf16', 'fp16'])
    def test_training_in_half_precision(self, tiny, dtype):
        (row,) = measure(Cell(32, 32, 'training', dtype), [candidate(tiny)], Settings(repeats=1, warmup=1))
        assert row.error is None
        assert row.peak_bytes > 4 * row.params

    def test_failing_model_stops_no_other(self, here, tiny, fragile):
        rows = measure(Cell(33, 33), [candidate(fragile), candidate(tiny)], Settings(repeats=2))
        assert [row.model for row in rows] == ['fragile', 'tiny']
        assert rows[0].error == 'RuntimeError: odd size'
        assert not rows[0].seconds
        assert rows[1].error is None
        assert len(rows[1].seconds) == 2

    def test_model_that_cannot_be_built(self, tmp_path):
        path = tmp_path / 'absent.py'
        path.write_text('backbone = dict(type="Absent")\ncustom_imports = dict(imports=["no_such_library"])')
        (row,) = measure(Cell(32, 32), [candidate(path)], Settings())
        assert row.error == "ModuleNotFoundError: No module named 'no_such_library'"

    def test_killing_model_stops_no_other(self, monkeypatch, here, tiny, fragile):
        def killed(cell, candidates, settings):
            if any(entry.backbone.name == 'fragile' for entry in candidates):
                raise WorkerDied('process killed')
            return measure(cell, candidates, settings)

        monkeypatch.setattr(module, 'measure', killed)
        runs = module.benchmark(
            [Cell(32, 32), Cell(64, 32)], [candidate(fragile), candidate(tiny)], Settings(repeats=2)
        )
        for _, rows in runs:
            assert [(row.model, row.error, len(row.seconds)) for row in rows] == [
                ('fragile', 'process killed', 0),
                ('tiny', None, 2),
            ]

    def test_growth_is_even_and_wide(self):
        for elongated in (False, True):
            cells = make_growth_cells(Cell(0, 0, 'training'), elongated=elongated)
            pixels = [cell.height * cell.width for cell in cells]
            assert 0.045e6 < pixels[0] < 0.055e6
            assert 7.5e6 < pixels[-1] < 8.5e6
            assert all(1.7 < after / before < 2.6 for before, after in itertools.pairwise(pixels))
            assert all(cell.height % 32 == cell.width % 32 == 0 and cell.mode == 'training' for cell in cells)
            assert {cell.height == 96 for cell in cells} == {elongated}


def test_worker_is_replaced_when_it_dies(monkeypatch):
    fork = multiprocessing.get_context('fork')  # which starts faster
    monkeypatch.setattr(multiprocessing, 'get_context', lambda method: fork)
    with Worker(signal.raise_signal) as worker:
        with pytest.raises(WorkerDied, match='killed, as Linux does when memory runs out'):
            worker(signal.SIGKILL)
        assert worker(signal.SIGINT) is None  # Ctrl-C is not for it


class TestTool:
    def test_in_a_process_of_its_own(self, call, tiny, tmp_path):
        out = tmp_path / 'new' / 'figures.json'
        code, text = call('--models', tiny, '--shapes', '32x32', '--repeats', 1, '--warmup', 1, '--out', out)
        assert code == 0, text
        assert '32 x 32, inference, fp32' in text
        (cell,) = json.loads(out.read_text())['cells']
        assert len(cell['rows'][0]['seconds']) == 1

    def test_figures(self, call, here, tiny, fragile, tmp_path):
        out = tmp_path / 'figures.json'
        options = ['--models', tiny, fragile, '--shapes', '32x32', '33x65', '--repeats', 2, '--warmup', 1]
        code, text = call(*options, '--mode', 'inference', 'training', '--baseline', 'fragile', '--out', out)
        assert code == 0, text
        content = json.loads(out.read_text())
        assert content['command'].startswith('mmcrossformer benchmark --models')
        assert content['settings'] == dict(
            device='cpu', threads=torch.get_num_threads(), repeats=2, warmup=1, memory=True
        )
        assert {'mmcrossformer', 'python', 'torch', 'mmengine'} <= set(content['versions'])
        assert content['hardware']['cpu']
        assert content['hardware']['cores'] >= 1
        assert [(cell['height'], cell['width'], cell['mode']) for cell in content['cells']] == [
            (height, width, mode) for mode in ('inference', 'training') for height, width in ((32, 32), (33, 65))
        ]
        assert [len(row['seconds']) for cell in content['cells'] for row in cell['rows']] == [2, 2, 2, 0] * 2
        assert 'fragile: RuntimeError: odd size' in text
        assert f'torch {torch.__version__.partition("+")[0]}' in text
        assert (tmp_path / 'figures.png').stat().st_size > 5000
        again = Report.load(out)
        again.save(tmp_path / 'again.json')
        assert (tmp_path / 'again.json').read_text() == out.read_text()

    def test_interrupt_keeps_what_is_measured(self, monkeypatch, call, here, tiny, tmp_path):
        def interrupted(cell, candidates, settings):
            if here.calls == 2:
                raise KeyboardInterrupt
            return measure(cell, candidates, settings)

        monkeypatch.setattr(module, 'measure', interrupted)
        out = tmp_path / 'figures.json'
        code, text = call('--models', tiny, '--shapes', '32x32', '33x33', '--repeats', 1, '--out', out)
        assert code == 130
        assert '32 x 32' in text
        assert [cell['height'] for cell in json.loads(out.read_text())['cells']] == [32]

    def test_growth(self, monkeypatch, call, here, tiny):
        monkeypatch.setattr(module, '_SIDES', (32, 64))
        code, text = call('--models', tiny, '--growth', 'square', '--repeats', 1)
        assert code == 0, text
        assert 'tiny, inference, fp32' in text
        assert re.search(r'32 x 32 +0\.001 .* 1\.00 .* 1\.00', text)
        assert '64 x 64' in text

    @pytest.mark.parametrize(
        ('options', 'message'),
        [
            (['--models', 'swin_x'], "unknown model 'swin_x': name a config"),
            (['--models', 'none.py'], 'none.py is no file'),
            (['--models', ROOT / 'configs/_base_/runtime/common.py'], 'sets neither backbone nor model.backbone'),
            (['--models', 'swin_t', 'no/swin_t.py'], 'no/swin_t.py is no file'),
            (['--shapes', '800'], "--shapes takes HEIGHTxWIDTH in pixels such as 800x1280, got '800'"),
            (['--shapes', '0x32'], "got '0x32'"),
            (
                ['--baseline', 'swin_b'],
                '--baseline must be one of the models measured (crossformer_s, crossformerpp_s,',
            ),
            (['--repeats', '0'], "argument --repeats: must be a whole number from 1 on, got '0'"),
            (['--batch-size', '-1'], "argument --batch-size: must be a whole number from 1 on, got '-1'"),
            (['--out', '/proc/none/out.json'], '--out: the folder /proc/none cannot be created'),
            (['--out', 'out.txt'], '--out must name a file that ends in .json, got out.txt'),
            (['--mode', 'guess'], "invalid choice: 'guess'"),
        ],
    )
    def test_mistakes(self, call, here, options, message):
        code, text = call(*options)
        assert code == 2
        assert message in text
        assert here.calls == 0

    def test_two_models_of_one_name(self, call, here, tiny, tmp_path):
        other = tmp_path / 'other' / 'tiny.py'
        other.parent.mkdir()
        other.write_text(tiny.read_text())
        code, text = call('--models', tiny, other)
        assert code == 2
        assert 'got twice: tiny' in text

    @pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
    def test_no_gpu(self, call):
        code, text = call('--device', 'cuda')
        assert code == 2
        assert '--device cuda: torch sees no GPU here' in text


def report(**changes):
    """A run of two models on two sizes, with figures that are easily checked."""
    rows = [
        Row('base', params=2_000_000, macs=10**9, seconds=[0.1, 0.2, 0.3], peak_bytes=4_000_000, product_rate=5e10),
        Row('other', params=3_000_000, macs=2 * 10**9, seconds=[0.1], peak_bytes=8_000_000, product_rate=5e10),
    ]
    odd = [rows[0], Row('other', params=3_000_000, error='RuntimeError: odd | size')]
    settings = dict(device='cpu', threads=2, repeats=3, warmup=1, memory=True)
    fields = dict(command='mmcrossformer benchmark --models base other', baseline='base', growth=False)
    fields |= dict(settings=settings, hardware=dict(cpu='A processor', cores=2), versions=dict(torch='2.0'))
    fields |= dict(revision='abc1234', cells=[(Cell(1000, 1000), rows), (Cell(1000, 2001), odd)])
    return Report(**(fields | changes))


class TestPage:
    def test_figures_of_a_table(self):
        first, second = make_tables(report())
        assert first.head == HEAD
        assert first.title == '1000 x 1000, inference, fp32; matrix products: 50.0 GMAC/s'
        assert first.rows == [
            ['base', '2.00', '1.00', '200', '150-250', '5.0', '0.10', '1.00', '1.00', '4.0'],
            ['other', '3.00', '2.00', '100', '100-100', '20.0', '0.40', '0.50', '0.25', '8.0'],
        ]
        assert not first.errors
        assert second.rows[1] == ['other', '3.00', *['-'] * 8]
        assert second.errors == ['other: RuntimeError: odd | size']

    def test_time_is_that_of_an_image(self):
        (table,) = make_tables(report(cells=[(Cell(32, 32, batch_size=4), [Row('base', macs=10**9, seconds=[0.4])])]))
        assert table.title == '32 x 32, inference, fp32, batch of 4'
        assert table.rows[0][3] == '100'
        assert table.rows[0][5] == '10.0'

    def test_training_has_three_products_for_each_of_the_forward(self):
        row = Row('base', macs=10**9, seconds=[0.5], product_rate=6e9)
        (table,) = make_tables(report(cells=[(Cell(32, 32, 'training', batch_size=2), [row])]))
        assert table.rows[0][6] == '2.00'

    def test_figures_of_growth(self):
        cells = [
            (Cell(1000, side), [Row('base', seconds=[time], peak_bytes=size)])
            for side, time, size in ((1000, 0.1, 10**6), (2000, 0.3, 2 * 10**6))
        ]
        (table,) = make_tables(report(growth=True, cells=cells))
        assert [row[4:] for row in table.rows] == [
            ['100', '1.00', '1.0', '1.0', '1.00'],
            ['150', '1.50', '2.0', '1.0', '1.00'],
        ]

    def test_sections(self):
        page = runpy.run_path(str(ROOT / '.dev_scripts' / 'make_benchmarks.py'))['page']
        text = page({'inference': report()})
        inference, others = text.split('\n## Training\n')
        for part in (
            'mmcrossformer benchmark --models base other',
            'Measured on A processor, 2 cores, 2 threads; 3 repetitions after 1 that do not count; torch 2.0, revision',
            'images/benchmark_inference.png',
            '### 1000 x 2001, inference, fp32',
            '| other | 3.00 | 2.00 | 100 | 100-100 | 20.0 | 0.40 | 0.50 | 0.25 | 8.0 |',
            '- `other: RuntimeError: odd | size`',
        ):
            assert part in inference
        assert 'Not measured' not in inference
        assert others.count('Not measured. The command is:') == others.count('\n## ') + 1
        assert '--device cuda' in others

    def test_page_is_up_to_date(self):
        """`python .dev_scripts/make_benchmarks.py` writes it."""
        maker = runpy.run_path(str(ROOT / '.dev_scripts' / 'make_benchmarks.py'))
        assert (ROOT / 'docs' / 'benchmarks.md').read_text() == maker['page'](maker['load']())

    def test_standard_commands_are_valid(self, monkeypatch):
        """Each section's command names models and options that there are."""
        maker = runpy.run_path(str(ROOT / '.dev_scripts' / 'make_benchmarks.py'))
        for name in maker['STANDARD']:
            monkeypatch.setattr(sys, 'argv', maker['command'](name)[1:])
            args = parse_arguments()
            assert set(args.models) <= set(backbone_names())
            assert args.baseline in (None, *args.models)
            assert all(parse_shape(shape) for shape in args.shapes)
