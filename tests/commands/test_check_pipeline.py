"""A sample is taken through the pipelines: what the model would get is there, and what cannot run is named."""

import copy

import pytest
from checked import assert_contains, edit, findings_of, only


def steps_of(job, part):
    return job[f'{part}_dataloader'].dataset.pipeline


def change(part, how):
    """Returns a change of a job: of the steps of a pipeline."""
    return lambda job: how(steps_of(job, part))


FAULTS = {
    'a step of an earlier mmdet': (
        change('train', lambda steps: steps.insert(3, dict(type='DefaultFormatBundle'))),
        'error: step 3 of the pipeline of train_dataloader, DefaultFormatBundle, cannot be built: DefaultFormatBundle',
    ),
    'an argument of an earlier mmdet': (
        change('val', lambda steps: steps.__setitem__(1, dict(type='Resize', img_scale=(112, 112)))),
        "error: step 1 of the pipeline of val_dataloader, Resize, cannot be built: * keyword argument 'img_scale'",
    ),
    'a step that needs another before it': (
        change('train', lambda steps: steps.pop(0)),
        'error: step 1 of the pipeline of train_dataloader, Resize, fails with */0.jpg: *',
    ),
    'several images': (
        change('train', lambda steps: steps.insert(2, dict(type='Mosaic', img_scale=(112, 112)))),
        'error: step 2 of the pipeline of train_dataloader, Mosaic, mixes several images, which only a MultiImageMix',
    ),
    'a metric without truth': (
        lambda job: job.val_evaluator.pop('ann_file'),
        'error: the pipeline of val_dataloader gives no instances, * no ann_file * set val_evaluator.ann',
    ),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_faults(job, fault):
    plant, message = FAULTS[fault]
    plant(job)
    job.test_dataloader, job.test_evaluator = job.val_dataloader, job.val_evaluator
    only(job, message)


def test_truth_of_a_metric(job):
    job.val_evaluator = job.test_evaluator = dict(type='VOCMetric')
    assert not findings_of(job)
    del steps_of(job, 'val')[2]
    job.test_dataloader = job.val_dataloader
    only(job, 'error: the pipeline of val_dataloader gives no boxes, which VOCMetric compares with: put')


def test_several_images_of_a_wrapper(job):
    """The later steps are those of the wrapper."""
    data = job.train_dataloader.dataset
    steps, data.pipeline = data.pipeline, data.pipeline[:2]
    later = [dict(type='Mosaic', img_scale=(112, 112)), *steps[2:]]
    job.train_dataloader.dataset = dict(type='MultiImageMixDataset', dataset=data, pipeline=later)
    assert not findings_of(job)


@pytest.mark.parametrize('kind', ['RepeatDataset', 'ClassBalancedDataset', 'ConcatDataset'])
def test_other_wrappers(kind, job):
    data = job.train_dataloader.dataset
    other = dict(copy.deepcopy(data), data_prefix=dict(img=f'{data.data_root}/images'))
    more = dict(
        RepeatDataset=dict(dataset=data, times=3),
        ClassBalancedDataset=dict(dataset=data, oversample_thr=0.5),
        ConcatDataset=dict(datasets=[data, other]),
    )
    job.train_dataloader.dataset = dict(type=kind, **more[kind])
    assert not findings_of(job)
    data.pipeline.pop()
    assert 'gives no inputs' in '\n'.join(findings_of(job))


def test_other_findings_come_first(job, data):
    """An image that is missing is reported once."""
    edit(data, lambda coco: coco['images'][0].update(file_name='away.jpg'))
    text = '\n'.join(findings_of(job))
    assert_contains(text, 'error: 1 of 4 images of *train.json are missing')
    assert 'fails with' not in text


def test_masks_that_no_model_finds(job, mask_job):
    """The evaluation would end in an error after the first epoch."""
    for cfg in (job, mask_job):
        cfg.val_evaluator.metric = cfg.test_evaluator.metric = ['bbox', 'segm']
    only(job, "error: val_evaluator evaluates masks (metric 'segm'), and the model (RetinaNet) finds boxes alone: set")
    assert not findings_of(mask_job)
