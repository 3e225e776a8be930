"""The best weights of a training, in everything that loads weights."""

import cv2
import pytest
from quick import run, run_program
from tiers import sampled

from mmcrossformer.apis import Predictor

# What a user writes, without a word of mmcrossformer: the hosts' own inferencers.
PROGRAMS = dict(
    retinanet_crossformer_t_digits="""
from mmdet.apis import DetInferencer
inferencer = DetInferencer(model=config, weights=weights, device='cpu', show_progress=False)
assert inferencer.model.dataset_meta['classes'] == tuple('0123456789')
print(len(inferencer(image)['predictions'][0]['labels']), 'found')
""",
    upernet_crossformer_t_digits="""
from mmseg.apis import MMSegInferencer
inferencer = MMSegInferencer(model=config, weights=weights, device='cpu')
assert inferencer.model.dataset_meta['classes'][1:] == tuple('0123456789')
print(inferencer(image, return_datasamples=True).pred_sem_seg.data.numel(), 'found')
""",
    crossformer_t_digits="""
from mmpretrain import ImageClassificationInferencer
inferencer = ImageClassificationInferencer(model=config, pretrained=weights, device='cpu')
assert inferencer(image)[0]['pred_class'] in '0123456789'
print(1, 'found')
""",
)


@pytest.mark.hosts
# test_tools.py has a detector in the first tier.
@pytest.mark.parametrize('name', sampled(PROGRAMS, fast=['upernet_crossformer_t_digits', 'crossformer_t_digits']))
def test_best_weights_load(name, quick, digits, tmp_path):
    work_dir, image = tmp_path / 'run', digits / 'images/val/000000.jpg'
    result = run('train', quick(name), '--work-dir', work_dir, '--seed', 1)
    assert result.returncode == 0, result.stderr[-3000:]
    for command in (['test', work_dir], ['infer', work_dir, image, '--out', tmp_path / 'out', '--device', 'cpu']):
        result = run(*command)
        assert result.returncode == 0, result.stderr[-3000:]
        assert f'config {name}.py, weights best.pth' in result.stdout
    assert Predictor(work_dir)(cv2.imread(str(image))) is not None
    program = tmp_path / 'program.py'
    program.write_text('import sys\nconfig, weights, image = sys.argv[1:]' + PROGRAMS[name])
    result = run_program(program, [work_dir / f'{name}.py', work_dir / 'best.pth', image])
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.endswith(' found\n')
