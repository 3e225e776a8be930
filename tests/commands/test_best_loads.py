"""The best weights of a training, in everything that loads weights."""

import pytest
from quick import run

from mmcrossformer.apis import Predictor
from mmcrossformer.utils.run import find_run


def infer_detections(config, weights, image):
    from mmdet.apis import DetInferencer

    inferencer = DetInferencer(model=config, weights=weights, device='cpu', show_progress=False)
    assert inferencer.model.dataset_meta['classes'][3] == '3'
    return inferencer(image)['predictions'][0]['labels']


def infer_map(config, weights, image):
    from mmseg.apis import MMSegInferencer

    inferencer = MMSegInferencer(model=config, weights=weights, device='cpu')
    return inferencer(image, return_datasamples=True).pred_sem_seg.data


def infer_class(config, weights, image):
    from mmpretrain import ImageClassificationInferencer

    inferencer = ImageClassificationInferencer(model=config, pretrained=weights, device='cpu')
    return [inferencer(image)[0]['pred_label']]


@pytest.mark.hosts
@pytest.mark.parametrize(
    ('name', 'infer'),
    [
        ('retinanet_crossformer_t_digits', infer_detections),
        ('upernet_crossformer_t_digits', infer_map),
        ('crossformer_t_digits', infer_class),
    ],
)
def test_best_weights_load(name, infer, quick, digits, tmp_path, call):
    work_dir, image = tmp_path / 'run', digits / 'images/val/000000.jpg'
    result = run('train', quick(name), '--work-dir', work_dir, '--seed', 1)
    assert result.returncode == 0, result.stderr[-3000:]
    found = find_run(work_dir)
    assert found.checkpoint == work_dir / 'best.pth'
    assert found.config.parent == work_dir
    assert len(infer(str(found.config), str(found.checkpoint), str(image)))
    Predictor(work_dir).predict(image)
    for command in (('test', work_dir), ('infer', work_dir, image, '--out', tmp_path / 'out', '--device', 'cpu')):
        code, text = call(*command)
        assert code == 0, text
        assert 'weights best.pth' in text
