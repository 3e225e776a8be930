"""Label maps are compared with the classes as the training loads them."""

import numpy as np
import pytest
from checked import single, switch_validation_off
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image
from quick import CONFIGS

from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check import Limits, check_job
from mmcrossformer.engine.check.label_maps import check_label_maps

WIDTH, HEIGHT, COUNT = 40, 30, 4
# A quarter of the pixels is 1.
LABELS = np.zeros((HEIGHT, WIDTH), np.uint8)
LABELS[: HEIGHT // 2, : WIDTH // 2] = 1
EXIF_TURNED = 6


@pytest.fixture
def folder(tmp_path):
    """Images and label maps in which nothing is wrong."""
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for part in ('images', 'maps'):
        (tmp_path / part).mkdir()
    for i in range(COUNT):
        Image.fromarray(pixels).save(tmp_path / f'images/{i}.jpg')
        Image.fromarray(LABELS).save(tmp_path / f'maps/{i}.png')
    return tmp_path


@pytest.fixture
def write(folder):
    """Writes arrays or images as label maps: one for each map, or the first for all that follow."""

    def run(*labels, suffix='.png', **options):
        for i in range(COUNT):
            found = labels[min(i, len(labels) - 1)]
            image = found if isinstance(found, Image.Image) else Image.fromarray(found)
            image.save(folder / f'maps/{i}{suffix}', **options)

    return run


@pytest.fixture
def check(folder):
    """Checks the folder with a small segmenter; returns the texts of the findings."""

    def run(classes=('ground', 'cat'), steps=(), limits=None, **data):
        cfg = read_config(str(CONFIGS / 'upernet_crossformer_t_digits.py'))
        data = dict(
            dict(
                type='BaseSegDataset',
                data_root=str(folder),
                img_suffix='.jpg',
                data_prefix=dict(img_path='images', seg_map_path='maps'),
                pipeline=list(steps),
                metainfo=dict(classes=classes),
            ),
            **data,
        )
        cfg.train_dataloader.dataset = data
        switch_validation_off(cfg)
        for head in (cfg.model.decode_head, cfg.model.auxiliary_head):
            head.update(num_classes=len(classes), loss_decode=dict(class_weight=None))
        return [str(finding) for finding in check_job(cfg, limits or Limits(), channels=False)]

    return run


def test_nothing_is_wrong(check):
    assert check() == []


def test_files_that_cannot_be_used(check, write, folder):
    write(LABELS)
    (folder / 'maps/0.png').unlink()
    (folder / 'maps/1.png').write_text('<html>')
    Image.fromarray(LABELS.T).save(folder / 'maps/2.png')
    missing, broken, size = check()
    assert missing.startswith('error: 1 of 4 label maps of train_dataloader are missing: ')
    assert '1 of 3 label maps of train_dataloader cannot be decoded: ' in broken
    assert broken.endswith('maps/1.png')
    assert '1 of 2 label maps of train_dataloader have another width x height than their image' in size
    assert 'maps/2.png (30 x 40, not 40 x 30)' in size


def test_labels_that_no_class_has(check, write):
    write(LABELS * 7, LABELS)
    text = single(check())
    assert text.startswith('error: 1 of 4 label maps of train_dataloader have labels that are no class: 7. The 2 ')
    assert 'the labels 0 to 1, and 255 is ignored. The files are: ' in text
    assert text.endswith('maps/0.png')


@pytest.mark.parametrize(
    ('values', 'classes', 'cause'),
    [
        # 255 is what losses ignore: without a finding, the object is never trained.
        (
            (0, 255),
            2,
            '1 classes have no pixel in the label maps of train_dataloader: c1. The 2 values in the files are',
        ),
        ((0, 255), 2, '0, 255, and 255 is the label that losses ignore: its object is never trained. Write 0, 1 in'),
        ((0, 127, 254), 3, 'no class: 127, 254. The 3 classes'),
        ((0, 127, 254), 3, 'The 3 values in the files are 0, 127, 254. Write 0, 1, 2 in their place'),
        ((0, 128), 2, 'Write 0, 1 in their place'),
        ((0, 128, 255), 3, 'Write 0, 1, 2 in their place'),
        ((0, 85, 170, 255), 4, 'Write 0, 1, 2, 3 in their place'),
        ((1, 2), 2, 'The labels in the files start at 1: write 0 to 1, or set reduce_zero_label=True in the data set'),
        (
            (0, 1, 2),
            2,
            'one label more than there are classes: list the name of label 0 first in metainfo.classes, or set',
        ),
    ],
)
def test_what_the_values_look_like(values, classes, cause, check, write):
    write(np.resize(np.array(values, np.uint8), (HEIGHT, WIDTH)))
    text = single(check([f'c{i}' for i in range(classes)]))
    assert text.startswith('error')
    assert cause in text


def test_classes_without_a_pixel(check, write):
    write(LABELS)
    classes = ('ground', 'cat', 'dog')
    text = single(check(classes))
    assert text == 'warning: 1 classes have no pixel in the label maps of train_dataloader: dog'
    # A sample may miss the few pixels of a class.
    assert check(classes, limits=Limits(decoded=3)) == []
    assert check(classes, limits=Limits(present=3)) == []


def test_borders_that_are_ignored(check, write):
    """As many values as classes, of which one is the label of borders."""
    write(np.resize(np.array([0, 1, 3, 255], np.uint8), (HEIGHT, WIDTH)))
    text = single(check(('ground', 'cat', 'dog', 'newt')))
    assert text == 'warning: 1 classes have no pixel in the label maps of train_dataloader: dog'


def test_ignored_maps(check, write):
    write(np.full_like(LABELS, 255), LABELS)
    text = single(check())
    assert text.startswith('warning: 1 of 4 label maps of train_dataloader have no pixel that is not ignored: ')
    write(np.full_like(LABELS, 255))
    assert 'every pixel of the label maps of train_dataloader is ignored (255)' in single(check())


def test_label_zero(check, write):
    """With `reduce_zero_label`, 0 is ignored and 1 is the first class."""
    text = single(check(reduce_zero_label=True))
    assert text.startswith('error: 1 classes have no pixel')
    assert 'reduce_zero_label=True ignores 0 and makes 1 the first class: set reduce_zero_label=False' in text
    # Of several classes, the last one may be rare: labels 0 to 2 and three classes.
    write(LABELS * 2, LABELS)
    rare = check(('ground', 'cat', 'dog'), reduce_zero_label=True)
    assert single(rare).startswith(
        'warning: 1 classes have no pixel in the label maps of train_dataloader: dog. The files'
    )
    assert check(('ground', 'cat', 'dog'), limits=Limits(decoded=3), reduce_zero_label=True) == []
    assert check(reduce_zero_label=True) == []
    write(LABELS * 3, LABELS)
    assert 'no class: 3. The 2 classes have the labels 1 to 2' in single(check(reduce_zero_label=True))


def test_label_zero_in_one_place(check):
    steps = [dict(type='LoadAnnotations', reduce_zero_label=True)]
    text = single(check(steps=steps))
    assert text.startswith('error: reduce_zero_label is False in the data set of train_dataloader and True in its Load')


def test_palettes(check, write):
    image = Image.fromarray(LABELS, 'P')
    image.putpalette([0, 0, 0, 200, 0, 0])
    write(image)
    assert check() == []
    text = single(check(steps=[dict(type='LoadAnnotations', imdecode_backend='cv2')]))
    assert text.startswith('error: 4 of 4 label maps of train_dataloader have colours, not labels: ')
    assert "imdecode_backend='cv2' loads the palette, not the labels: leave imdecode_backend out" in text


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'LA'])
def test_several_channels(mode, check, write):
    write(Image.fromarray(LABELS).convert(mode))
    text = single(check())
    assert text.startswith('error: 4 of 4 label maps of train_dataloader have colours, not labels: ')
    assert 'Write one channel with the number of the class in each pixel' in text


def test_one_bit(check, write):
    """Pillow loads 0 and 1, cv2 0 and 255."""
    write(Image.fromarray(LABELS * 255).convert('1'))
    assert check() == []
    assert '255 is the label that losses ignore' in single(
        check(steps=[dict(type='LoadAnnotations', imdecode_backend='cv2')])
    )


def test_values_beyond_eight_bits(check, write):
    write(LABELS.astype(np.uint16))
    assert check() == []
    write(LABELS.astype(np.uint16) * 65535, LABELS.astype(np.uint16))  # 65535 becomes 255, which is ignored
    assert check() == []
    write(LABELS.astype(np.uint16) * 257, LABELS.astype(np.uint16))
    assert 'are lost in the 8 bits of mmseg: ' in single(check())
    assert 'maps/0.png (257 becomes 1)' in single(check())


def test_fractions(check, write):
    write(LABELS.astype(np.float32) * 1.5, suffix='.tif')
    assert 'maps/3.tif (1.5 becomes 1)' in single(check(seg_map_suffix='.tif'))


def test_jpeg(check, write):
    write(LABELS * 5, suffix='.jpg')
    smeared, *foreign = check(seg_map_suffix='.jpg')
    assert smeared.startswith('error: 4 of 4 label maps of train_dataloader are JPEG files, whose values near edges')
    assert 'have labels that are no class' in single(foreign)


def test_images_that_are_turned(check, folder):
    """The reader of images turns them as EXIF says, that of label maps does not."""
    exif = Image.Exif()
    exif[0x0112] = EXIF_TURNED
    with Image.open(folder / 'images/1.jpg') as image:
        image.save(folder / 'images/1.jpg', exif=exif)
    assert 'maps/1.png (40 x 30, not 30 x 40)' in single(check(steps=[dict(type='LoadImageFromFile')]))
    rest = [dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
    assert check(steps=[dict(type='LoadImageFromFile', color_type='unchanged'), *rest]) == []


def test_pixels_are_counted(folder):
    init_default_scope('mmseg')
    data = dict(img_path=str(folder / 'images'), seg_map_path=str(folder / 'maps'))
    dataset = DATASETS.build(dict(type='BaseSegDataset', data_prefix=data, metainfo=dict(classes=('ground', 'cat'))))
    entries = [dataset.get_data_info(i) for i in range(COUNT)]
    _, pixels = check_label_maps(entries, dataset, [], source='here', decode=3)
    assert pixels == dict(ground=3 * 900, cat=3 * 300)
