"""The table of classes that the command check prints."""

import numpy as np
from checked import BATCH, HEIGHT, WIDTH, edit
from PIL import Image
from quick import CONFIGS


def rows_of(text):
    """Cells of the lines of a table, by the first cell."""
    lines = [line.strip('│').split('│') for line in text.splitlines() if line.startswith('│')]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_objects(check, data):
    """Sides of 10 pixels of 40 are 28 of 112."""

    def change(coco):
        del coco['annotations'][3::2]  # dogs, all but that of the first image
        coco['annotations'].append(dict(coco['annotations'][0], id=99, bbox=[5, 5, 20, 20], area=400, segmentation=[]))

    edit(data, change)
    code, text = check(config='retinanet_crossformer_t_digits')
    assert code == 0
    assert 'Objects of each class, without crowds' in text
    rows = rows_of(text)
    assert list(rows) == ['cat', 'dog']
    assert rows['cat'] == ['5', '83.3 %', '4', '28', '4', '50.0 %', '4', '28']
    assert rows['dog'] == ['1', '16.7 %', '1', '28', '4', '50.0 %', '4', '28']
    assert text.index('Objects of each class') < text.index('no errors that would spoil')


def test_many_classes(check, data):
    def change(coco):
        coco['categories'] += [dict(id=10 + i, name=f'newt {i}') for i in range(30)]

    edit(data, change, ('train', 'val'))
    rows = rows_of(check(config='retinanet_crossformer_t_digits')[1])
    assert len(rows) == 21
    assert rows['newt 0'] == ['0', '0.0 %', '0', '', '0', '0.0 %', '0', '']
    assert 'and 12 more' in rows


def folders(data, config, text):
    path = data / 'own.py'
    path.write_text(f'_base_ = {str(CONFIGS / config) + ".py"!r}\nroot = {str(data)!r}\n{text}')
    return path


def test_images(call, data):
    """Classifiers: a folder for each class."""
    for part, name, count in (('train', 'cat', 3), ('train', 'dog', 1), ('val', 'cat', 1), ('val', 'dog', 1)):
        (data / part / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.full((HEIGHT, WIDTH, 3), len(part + name) + 20 * i, np.uint8)
            Image.fromarray(pixels).save(data / part / name / f'{i}.png')
    config = folders(
        data,
        'crossformer_t_digits',
        f"""
own = dict(_delete_=True, type='CustomDataset', data_root=root, pipeline=[])
train_dataloader = dict(batch_size={BATCH}, dataset=dict(own, data_prefix='train'))
val_dataloader = dict(dataset=dict(own, data_prefix='val'))
model = dict(head=dict(num_classes=2))
""",
    )
    text = call('check', config)[1]
    assert 'Images of each class' in text
    assert rows_of(text) == dict(cat=['3', '75.0 %', '1', '50.0 %'], dog=['1', '25.0 %', '1', '50.0 %'])


def test_pixels(call, data):
    """Segmenters: a quarter of the pixels, half of them in validation."""
    for part, end in (('train', WIDTH // 4), ('val', WIDTH // 2)):
        (data / f'maps_{part}').mkdir()
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[:, :end] = 1
        for path in (data / 'images').glob('*.jpg'):
            Image.fromarray(labels).save(data / f'maps_{part}/{path.stem}.png')
    config = folders(
        data,
        'upernet_crossformer_t_digits',
        f"""
own = dict(
    _delete_=True, type='BaseSegDataset', data_root=root, img_suffix='.jpg', seg_map_suffix='.png', pipeline=[],
    metainfo=dict(classes=('ground', 'cat'), palette=[(0, 0, 0), (1, 1, 1)]),
)
train_dataloader = dict(
    batch_size={BATCH}, dataset=dict(own, data_prefix=dict(img_path='images', seg_map_path='maps_train'))
)
val_dataloader = dict(dataset=dict(own, data_prefix=dict(img_path='images', seg_map_path='maps_val')))
heads = dict(num_classes=2, loss_decode=dict(class_weight=None))
model = dict(decode_head=heads, auxiliary_head=heads)
""",
    )
    text = call('check', config)[1]
    assert 'Pixels of each class' in text
    assert rows_of(text) == dict(ground=['75.0 %', '50.0 %'], cat=['25.0 %', '50.0 %'])
