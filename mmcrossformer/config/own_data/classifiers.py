"""Uses a classification config with classes of pictures."""

from pathlib import Path

from mmengine.config import Config

from mmcrossformer.config.own_data.datasets import replace_datasets
from mmcrossformer.config.own_data.heads import set_classes
from mmcrossformer.config.own_data.lists import write_list
from mmcrossformer.config.walk import dicts_in, evaluators_of, type_name
from mmcrossformer.datasets.formats.found import Found
from mmcrossformer.utils.errors import UserError

_METRICS = ('Accuracy', 'SingleLabelMetric', 'ConfusionMatrix')


def use_with_classifier(cfg: Config, found: Found, folder: Path) -> list[str]:
    """Sets classes in a config for mmpretrain; see `use_found`."""
    count = len(found.classes)
    if count < 2:
        raise UserError(
            f'{found.folder} has one class, {found.classes[0]}: there is nothing to tell apart. Add a folder of others'
        )
    if any('MultiLabel' in type_name(node) for node in dicts_in(cfg.model)):
        raise UserError('own data have one class for each picture, and the config is for several (MultiLabel)')
    notes = set_classes(cfg.model, count)
    for node in dicts_in(cfg.get('data_preprocessor')):
        if 'num_classes' in node:
            node['num_classes'] = count
    for node in dicts_in(cfg.model):
        if 'topk' in node:
            node['topk'] = _limit(node['topk'], count)
    common = dict(type='CustomDataset', data_root='', data_prefix='', metainfo=dict(classes=found.classes))
    train, val = (
        dict(
            common,
            ann_file=str(write_list(folder / f'{part}.txt', [f'{one.path} {one.annotation}' for one in pictures])),
        )
        for part, pictures in (('train', found.train), ('val', found.val))
    )
    replace_datasets(cfg, train, val)
    for part in ('val', 'test'):
        for metric in evaluators_of(cfg, part):
            if type_name(metric) not in _METRICS:
                notes.append(f'{part}_evaluator was {type_name(metric)} and is Accuracy, as pictures have one class')
                metric.clear()
                metric.update(type='Accuracy', topk=(1, 5))
            if type_name(metric) == 'Accuracy':
                metric['topk'] = _limit(metric.get('topk', (1,)), count)
            elif 'num_classes' in metric:
                metric['num_classes'] = count
    return notes


def _limit(topk: int | list[int] | tuple[int, ...], count: int) -> tuple[int, ...]:
    """Returns those of the numbers of guesses that are below the number of classes: more are always right."""
    wanted = (topk,) if isinstance(topk, int) else topk
    return tuple(number for number in wanted if number < count) or (1,)
