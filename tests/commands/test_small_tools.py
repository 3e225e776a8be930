"""mmcrossformer analyze, convert and compare, as a user runs them."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from golden import golden_weights
from quick import run
from safetensors.torch import load_file

from mmcrossformer import CrossFormer
from mmcrossformer.checkpoint import convert_official, read_checkpoint
from mmcrossformer.commands.compare import make_table
from mmcrossformer.commands.compare import run as compare
from mmcrossformer.utils.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures('zero_weights')
class TestAnalyze:
    def test_table(self, call):
        code, text = call('analyze', ROOT / 'configs/retinanet_crossformer_s_coco.py', '--shape', 800, 1280)
        assert code == 0
        rows = {
            row[0]: [float(cell) for cell in row[1:]]
            for row in re.findall(r'│ (\S+) +│ +(\S+) │ +(\S+) │ +(\S+) │', text)
        }
        assert list(rows) == [*(f'backbone.stages.{i}' for i in range(4)), 'neck', 'bbox_head', 'total']
        for column in range(3):
            parts = sum(row[column] for name, row in rows.items() if name != 'total')
            assert parts == pytest.approx(rows['total'][column], abs=0.3)
        assert rows['total'][:2] == pytest.approx([40.825, 279.9], abs=0.1)
        # Four heads of 3x3 convolutions for each of classes and boxes on 21,340 places, then the predictions.
        places = sum(h * w for h, w in ((100, 160), (50, 80), (25, 40), (13, 20), (7, 10)))
        assert rows['bbox_head'][1] == pytest.approx(places * 9 * 256 * (8 * 256 + 9 * 84) / 1e9, abs=0.001)
        assert rows['bbox_head'][2] == pytest.approx(places * (8 * 256 + 9 * 84) / 1e6, abs=0.1)

    def test_size_of_the_test_pipeline(self, call):
        text = call('analyze', ROOT / 'configs/mask_rcnn_crossformer_s_coco.py')[1]
        assert 'at 800 x 1333' in ' '.join(text.split())  # a long path breaks the line
        assert 'at 224 x 224' in call('analyze', ROOT / 'configs/crossformer_t_imagenet.py')[1]
        code, text = call(
            'analyze', ROOT / 'configs/crossformer_t_imagenet.py', '--cfg-options', 'test_dataloader=None'
        )
        assert code == 2
        assert '--shape HEIGHT WIDTH' in text

    def test_mistakes(self, call):
        code, text = call('analyze', 'none.py')
        assert code == 2
        assert text.startswith('error: config none.py is no file')
        code, text = call('analyze', ROOT / 'configs/crossformer_t_imagenet.py', '--shape', 0, 9)
        assert code == 2
        assert "argument --shape: must be a whole number from 1 on, got '0'" in text

    @pytest.mark.parametrize(
        ('setting', 'words'),
        [
            ('model.backbone.arch=tinny', "got 'tinny'"),
            ('model.backbone.type=CrossFormr', 'CrossFormr'),
            ('model.bakbone.type=x', 'bakbone'),
            ('model.backbone.arch=small', 'set model.neck.in_channels=[96, 192, 384, 768]'),
            ('model=3', 'cannot be built'),
            ('test_dataloader=3', '--shape HEIGHT WIDTH'),
            ('model.rpn_head.in_channels=7', 'MaskRCNN cannot be counted at 112 x 112'),
        ],
    )
    def test_models_that_do_not_work(self, call, setting, words):
        code, text = call('analyze', ROOT / 'configs/mask_rcnn_crossformer_t_digits.py', '--cfg-options', setting)
        assert code == 2
        assert words in text

    def test_parts_that_are_not_run_are_marked(self, call):
        _, text = call('analyze', ROOT / 'configs/upernet_crossformer_t_digits.py')
        assert re.search(r'│ auxiliary_head +│ +\S+ │ +not run │ +│', text)


class TestConvert:
    @pytest.fixture
    def classifier(self, tmp_path):
        """An official classifier with buffers of old files, and its weights without those."""
        weights = golden_weights('T')
        old = {'layers.0.blocks.0.attn.biases': torch.ones(2)}
        torch.save(dict(model=weights | old, optimizer=dict(lr=1.0)), tmp_path / 'official.pth')
        return tmp_path / 'official.pth', weights

    def written(self, text):
        return Path(text.split(':')[0])

    def test_there_and_back(self, call, classifier, tmp_path):
        source, weights = classifier
        code, text = call('convert', source, '--out', tmp_path / 'own.pth')
        own = self.written(text)
        assert code == 0
        assert re.fullmatch(r'own-[0-9a-f]{8}\.pth', own.name)
        assert f'{len(weights)} tensors, 1 buffers of {source} dropped' in text
        state = read_checkpoint(own)
        assert list(state) == ['state_dict']
        assert 'backbone.norm3.weight' in state['state_dict']
        assert 'head.fc.weight' in state['state_dict']
        safe = self.written(call('convert', own, '--out', tmp_path / 'own.safetensors')[1])
        assert load_file(safe).keys() == state['state_dict'].keys()
        back = self.written(call('convert', safe, '--out', tmp_path / 'back.pth', '--to', 'official')[1])
        found = read_checkpoint(back)['model']
        assert found.keys() == weights.keys()
        assert all(torch.equal(value, found[name]) for name, value in weights.items())
        model = CrossFormer('tiny', init_cfg=dict(type='Pretrained', checkpoint=str(safe)))
        model.init_weights()
        expected = convert_official(weights)
        assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())

    def test_detectors_keep_their_heads(self, call, tmp_path):
        weights = {f'backbone.{k}': v for k, v in golden_weights('T').items() if k[:4] not in ('norm', 'head')}
        weights |= {'neck.lateral_convs.0.conv.weight': torch.rand(2, 2), 'bbox_head.fc.bias': torch.rand(3)}
        torch.save(dict(state_dict=weights, meta=dict(epoch=12)), tmp_path / 'detector.pth')
        own = self.written(call('convert', tmp_path / 'detector.pth', '--out', tmp_path / 'own.safetensors')[1])
        assert 'backbone.stages.0.embed.norm.weight' in load_file(own)
        back = self.written(call('convert', own, '--out', tmp_path / 'back.pth', '--to', 'official')[1])
        found = read_checkpoint(back)['state_dict']
        assert found.keys() == weights.keys()
        assert all(torch.equal(value, found[name]) for name, value in weights.items())

    def test_mistakes(self, call, classifier, tmp_path):
        source, _ = classifier
        written = self.written(call('convert', source, '--out', tmp_path / 'own.pth')[1])
        content = written.read_bytes()
        code, text = call('convert', source, '--out', tmp_path / 'own.pth')
        assert (code, text) == (2, f'error: {written} exists\n')
        assert written.read_bytes() == content
        assert 'ends in .pth or .safetensors, got' in call('convert', source, '--out', tmp_path / 'own.bin')[1]
        assert 'cannot be created' in call('convert', source, '--out', source / 'own.pth')[1]
        assert 'is no file' in call('convert', tmp_path / 'none.pth', '--out', tmp_path / 'a.pth')[1]
        torch.save({'conv1.weight': torch.ones(1)}, tmp_path / 'resnet.pth')
        for names in ('official', 'mmcrossformer'):
            code, text = call('convert', tmp_path / 'resnet.pth', '--out', tmp_path / 'a.pth', '--to', names)
            assert code == 2
            assert 'holds no CrossFormer and no CAT: its names are conv1.weight' in text
        assert not list(tmp_path.glob('a*'))
        assert not list(tmp_path.glob('.*'))


class TestCompare:
    @pytest.fixture
    def forks(self, monkeypatch):
        """Trains and tests in forks instead of new interpreters."""

        def call(command, arguments):
            result = run(command, *arguments)
            assert result.returncode == 0, result.stderr
            return 2 * 10**8

        monkeypatch.setattr(compare, '_run_tool', call)

    def test_each_runs_in_an_interpreter_of_its_own(self, tmp_path, monkeypatch):
        assert all((compare.TOOLS / f'{tool}.py').is_file() for tool in ('train', 'test'))
        (tmp_path / 'train.py').write_text('import sys\nnumbers = bytearray(10**8)\nsys.exit(int(sys.argv[1]))\n')
        monkeypatch.setattr(compare, 'TOOLS', tmp_path)
        assert 1e8 < compare._run_tool('train', [0]) < 2e8
        with pytest.raises(UserError, match=r'train\.py 3 ended with exit code 3'):
            compare._run_tool('train', [3])

    @pytest.mark.usefixtures('forks')
    def test_trains_what_is_missing(self, call, quick, tmp_path):
        first, wider = quick('crossformer_t_digits'), tmp_path / 'wider.py'
        wide = dict(embed_dims=32, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))
        wider.write_text(
            f"backbone = dict(type='mmcrossformer.CrossFormer', arch={wide})\n"
            'classifier_backbone = dict(backbone, out_indices=(3,), out_norm=True)\n'
            'channels = [32, 64, 128, 256]\n'
        )
        work_dir = tmp_path / 'compare'
        code, text = call('compare', first, '--backbones', wider, '--work-dir', work_dir)
        assert code == 0, text
        results = json.loads((work_dir / 'compare.json').read_text())
        assert [result['name'] for result in results] == ['crossformer_t_digits', 'crossformer_t_digits+wider']
        assert results[0]['params'] < results[1]['params']
        assert all(result['step_seconds'] > 0 and result['peak_bytes'] > 1e8 for result in results)
        assert all('accuracy/top1' in result['metrics'] for result in results)
        assert (work_dir / 'compare.png').stat().st_size > 5000
        for name in ('crossformer_t_digits', 'crossformer_t_digits+wider', 'params in M', 'MACs', 'memory in GB'):
            assert name in text
        # A second call trains and tests nothing.
        runs = {path: path.stat().st_mtime_ns for path in work_dir.rglob('*') if path.parent != work_dir}
        code, _ = call('compare', first, '--backbones', wider, '--work-dir', work_dir, '--evaluate-only')
        assert code == 0
        code, text = call('compare', first, '--work-dir', work_dir, '--seed', 7)
        assert code == 2
        assert 'has a training run with other settings' in text
        assert runs == {path: path.stat().st_mtime_ns for path in work_dir.rglob('*') if path.parent != work_dir}

    def test_results_that_are_not_finite(self, tmp_path):
        values = dict(bad=math.nan, good=0.5, better=0.75)
        results = [compare.Result(name, {'mIoU': value}, 1, 1, 1, 0.1) for name, value in values.items()]
        compare.save(results, tmp_path)
        found = json.loads((tmp_path / 'compare.json').read_text(), parse_constant=pytest.fail)
        assert [result['metrics']['mIoU'] for result in found] == [None, 0.5, 0.75]
        table = make_table(results)
        assert [*table.columns[0].cells] == ['better', 'good', 'bad']  # best first
        assert [*table.columns[1].cells] == ['0.750', '0.500', 'nan']

    def test_mistakes(self, call, tmp_path):
        config = ROOT / 'configs/crossformer_t_digits.py'
        code, text = call('compare', config, config, '--work-dir', tmp_path)
        assert code == 2
        assert 'got twice: crossformer_t_digits' in text
        code, text = call('compare', config, '--work-dir', tmp_path, '--evaluate-only')
        assert code == 2
        assert 'has no finished training run of' in text
        assert 'none.py is no file' in call('compare', config, 'none.py', '--work-dir', tmp_path)[1]
        code, text = call('compare', config, '--backbones', 'swin_s', '--work-dir', tmp_path)
        assert code == 2
        assert 'Close names: swin_t' in text
        weights = ['--cfg-options', 'load_from=weights.pth']
        code, text = call('compare', config, '--backbones', 'swin_t', 'swin_t', '--work-dir', tmp_path, *weights)
        assert code == 2
        assert 'crossformer_t_digits starts from pretrained weights; with other backbones' in text
        assert 'got twice: crossformer_t_digits+swin_t' in text
        other = ROOT / 'configs/upernet_crossformer_t_digits.py'
        assert 'must be of one task, got some for mmpretrain and some for mmseg' in call('compare', config, other)[1]
        assert not list(tmp_path.iterdir())
