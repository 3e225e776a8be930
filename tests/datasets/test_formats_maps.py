"""Own data for segmenters and classifiers: label maps, painted objects, folders of classes."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from mmcrossformer.datasets.formats.find import find_data
from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.painted import paint, painted_classes, write_maps
from mmcrossformer.utils.errors import UserError

SHAPE = (6, 8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def photo(path, seed):
    return save(path, np.random.default_rng(seed).integers(0, 255, (*SHAPE, 3)))


def label_map(*values):
    return np.resize(np.array(values, np.uint8), SHAPE)


def fails(folder, **options):
    with pytest.raises(UserError) as error:
        find_data(folder, **options)
    return str(error.value)


# Pictures and maps of two subsets, by layout.
LAYOUTS = {
    'subsets below': ('images/{}/{}.jpg', 'masks/{}/{}.png', 'train', 'val'),
    'subsets above': ('{}/images/{}.jpg', '{}/labels/{}.png', 'train', 'valid'),
    'mmseg': ('img_dir/{}/{}.jpg', 'ann_dir/{}/{}.png', 'train', 'val'),
    'ADE20K': ('images/{}/{}.jpg', 'annotations/{}/{}.png', 'training', 'validation'),
    'maps beside pictures': ('{}/{}.jpg', '{}/{}_mask.png', 'train', 'val'),
    'pictures without a folder': ('{}/{}.png', 'masks/{}/{}.png', 'train', 'val'),
}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_layouts(layout, tmp_path):
    pictures, maps, train, val = LAYOUTS[layout]
    for seed, (subset, name) in enumerate([(train, 'a'), (train, 'b'), (val, 'a')]):
        photo(tmp_path / pictures.format(subset, name), seed)
        save(tmp_path / maps.format(subset, name), label_map(0, 1, 2, 255))
    found = find_data(tmp_path)
    assert (found.kind, found.classes) == ('label maps', ('class 0', 'class 1', 'class 2'))
    assert [(one.path, one.annotation) for one in (*found.train, *found.val)] == [
        (tmp_path / pictures.format(subset, name), tmp_path / maps.format(subset, name))
        for subset, name in [(train, 'a'), (train, 'b'), (val, 'a')]
    ]
    assert len(found.val) == 1
    assert 'no file names the 3 classes' in ' '.join(found.notes)


@pytest.fixture
def maps(tmp_path):
    """Writes three pictures and their maps."""

    def write(*contents):
        for i, pixels in enumerate(contents):
            photo(tmp_path / f'images/{i}.jpg', i)
            save(tmp_path / f'masks/{i}.png', pixels)
        return tmp_path

    return write


def test_split_and_what_has_no_partner(maps):
    folder = maps(*[label_map(0, 1)] * 5)
    photo(folder / 'images/alone.jpg', 9)
    save(folder / 'masks/other.png', label_map(0))
    found = find_data(folder, 0.6)
    assert (len(found.train), len(found.val)) == (3, 2)
    notes = ' '.join(found.notes)
    assert 'alone.jpg' in notes
    assert 'other.png' in notes


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('classes.txt', 'sky\n\nroad\n'),
        ('names.txt', 'sky\nroad'),
        ('classes.json', '["sky", "road"]'),
        ('labels.json', '{"1": "road", "0": "sky"}'),
        ('names.json', '{"road": 1, "sky": 0}'),
        ('_classes.csv', 'Pixel Value, Class\n0, sky\n1, road\n'),
    ],
)
def test_names(name, content, maps):
    folder = maps(label_map(0), label_map(1))
    (folder / name).write_text(content)
    assert find_data(folder).classes == ('sky', 'road')


def test_names_that_do_not_fit(maps):
    folder = maps(label_map(0, 3), label_map(1, 2))
    (folder / 'classes.txt').write_text('a\nb\nc\n')
    found = find_data(folder)
    assert found.classes == ('background', 'a', 'b', 'c')
    assert 'names the labels from 1 on' in found.notes[-1]
    (folder / 'classes.txt').write_text('a\nb\n')
    assert 'names 2 classes: it needs 4 names' in fails(folder)
    (folder / 'classes.txt').write_text('a\na\n')
    assert 'names are not unique' in fails(folder)
    (folder / 'classes.txt').unlink()
    (folder / 'classes.json').write_text('{"a": {}}')
    assert 'classes.json cannot be read' in fails(folder)


def written(found, folder):
    root = found.folder
    write_maps(found, root, folder)
    return [
        np.asarray(Image.open(folder / f'{one.path.relative_to(root)}.png')) for one in sorted(found.train, key=str)
    ]


def test_labels_are_linked(maps, tmp_path_factory):
    found, work = find_data(maps(*[label_map(0, 1)] * 3)), tmp_path_factory.mktemp('work')
    for _ in range(2):  # as in a run that resumes
        assert all((one == label_map(0, 1)).all() for one in written(found, work))
    assert all(path.is_symlink() for path in work.rglob('*.png'))


def test_links_may_be_impossible(maps, tmp_path_factory, monkeypatch):
    found, work = find_data(maps(*[label_map(0, 1)] * 3)), tmp_path_factory.mktemp('work')
    monkeypatch.setattr(os, 'symlink', lambda *_, **__: (_ for _ in ()).throw(OSError('no links')))
    assert all((one == label_map(0, 1)).all() for one in written(found, work))
    assert not any(path.is_symlink() for path in work.rglob('*.png'))


@pytest.mark.parametrize('channels', [1, 3])
def test_black_and_white(channels, maps, tmp_path_factory):
    pixels = label_map(0, 255, 255)
    folder = maps(*[pixels if channels == 1 else np.stack([pixels] * 3, -1)] * 3)
    found = find_data(folder)
    assert found.classes == ('class 0', 'class 1')
    assert 'background (0) and object (1)' in ' '.join(found.notes)
    before = (folder / 'masks/0.png').read_bytes()
    assert all((one == label_map(0, 1, 1)).all() for one in written(found, tmp_path_factory.mktemp('work')))
    assert (folder / 'masks/0.png').read_bytes() == before


def test_palette_is_labels(maps, tmp_path_factory):
    folder = maps(*[label_map(0)] * 3)
    for path in folder.glob('masks/*'):
        image = Image.fromarray(label_map(0, 2, 1)).convert('P')
        image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        image.putdata(label_map(0, 2, 1).ravel().tolist())
        image.save(path)
    found = find_data(folder)
    assert len(found.classes) == 3
    assert all((one == label_map(0, 2, 1)).all() for one in written(found, tmp_path_factory.mktemp('work')))


def test_colors(maps, tmp_path_factory):
    palette = np.array([(0, 0, 0), (10, 20, 30), (200, 100, 0)])
    folder = maps(*[palette[label_map(0, 1, 2)]] * 3)
    assert 'add labelmap.txt with a line NAME:RED,GREEN,BLUE::' in fails(folder)
    (folder / 'labelmap.txt').write_text('# label:color:parts:actions\nnone:0,0,0::\ncat:200,100,0::\ndog:10,20,30::\n')
    found = find_data(folder)
    assert found.classes == ('none', 'cat', 'dog')
    assert all((one == label_map(0, 2, 1)).all() for one in written(found, tmp_path_factory.mktemp('work')))
    (folder / 'labelmap.txt').write_text('none:0,0,0::\ncat:200,100,0::\n')
    assert 'have colours that' in (message := fails(folder))
    assert '(10, 20, 30)' in message


def test_maps_that_cannot_be_used(maps):
    assert 'is ignored (255)' in fails(maps(*[label_map(255)] * 2))
    assert 'write 0 to 1 in their place' in fails(maps(*[label_map(0, 100)] * 2))
    assert 'some label maps have colours' in fails(maps(label_map(0), np.zeros((*SHAPE, 3))))
    folder = maps(label_map(0), label_map(1))
    Image.fromarray(np.full(SHAPE, 300, np.uint16)).save(folder / 'masks/0.png')
    assert 'has the value 300' in fails(folder)
    (folder / 'masks/0.png').write_bytes(b'nothing')
    assert '0.png cannot be read' in fails(folder)
    Image.fromarray(label_map(0)).save(folder / 'masks/0.png', format='JPEG')
    assert 'is a JPEG' in fails(folder)


def box(x, y, width, height, category, **more):
    polygon = [x, y, x + width, y, x + width, y + height, x, y + height]
    return dict(bbox=[x, y, width, height], category=category, segmentation=[polygon], **more)


def test_small_objects_stay_visible(tmp_path):
    path = photo(tmp_path / 'a.jpg', 0)
    runs = dict(size=[*SHAPE], counts=[0, 12, 36])  # two columns
    crowd = dict(bbox=[0, 0, 2, 6], category=0, segmentation=runs, iscrowd=1)
    labels = paint(Picture(path, [box(4, 2, 2, 2, 2), box(2, 1, 6, 5, 1), box(0, 4, 2, 2, 1), crowd]))
    assert labels.dtype == np.uint8
    assert labels[3, 5] == 3
    assert labels[1, 2] == 2
    assert labels[0, 5] == 0
    assert labels[0, 0] == 255
    assert labels[5, 0] == 2  # an object in a crowd
    equal = paint(Picture(path, [box(0, 0, 2, 2, 0), box(0, 0, 2, 2, 1)]))
    assert equal[0, 0] == 2


def test_painted_maps_are_written_once(tmp_path):
    path = photo(tmp_path / 'data/a b.jpg', 0)
    found = Found('objects', 'test', tmp_path / 'data', ('cat',), [Picture(path, [box(0, 0, 4, 4, 0)])], masks=True)
    for _ in range(2):
        write_maps(found, tmp_path / 'data', tmp_path / 'work')
        (written,) = (tmp_path / 'work').iterdir()
        assert written.name == 'a b.jpg.png'
        assert set(np.unique(Image.open(written))) == {0, 1}
        stamp = os.stat(written).st_mtime_ns
    write_maps(found, tmp_path / 'data', tmp_path / 'work')
    assert os.stat(written).st_mtime_ns == stamp
    assert painted_classes(found) == ('background', 'cat')


def test_masks_that_cannot_be_decoded(tmp_path):
    path = photo(tmp_path / 'a.jpg', 0)
    entry = dict(bbox=[0, 0, 1, 1], category=0, segmentation=dict(size=[2, 2], counts=[0, 4]))
    with pytest.raises(UserError, match='is 2 x 2, the image 8 x 6'):
        paint(Picture(path, [entry]))


def classes_of(folder, **counts):
    for i, (name, count) in enumerate(counts.items()):
        place = folder / name.replace('__', '/')
        place.mkdir(parents=True, exist_ok=True)
        for j in range(count):
            photo(place / f'{j} {i}.jpg', 100 * i + j)
    return folder


def test_class_folders(tmp_path):
    folder = classes_of(tmp_path, train__b=2, train__a=1, train__empty=0, valid__a=1, test__a=1)
    photo(folder / 'train/loose.jpg', 7)
    found = find_data(folder)
    assert (found.kind, found.classes) == ('classes', ('a', 'b'))
    assert [(one.path.parent.name, one.annotation) for one in found.train] == [('a', 0), ('b', 1), ('b', 1)]
    assert [one.annotation for one in found.val] == [0]
    notes = ' '.join(found.notes)
    for part in ('in no folder of a class', 'have no pictures, and are left out: empty', 'for testing are not used'):
        assert part in notes


def test_class_folders_are_split(tmp_path):
    found = find_data(classes_of(tmp_path, cat=6, train=6))  # a class may be called like a subset
    assert found.classes == ('cat', 'train')
    assert (len(found.train), len(found.val)) == (10, 2)


def test_class_of_validation_alone(tmp_path):
    message = fails(classes_of(tmp_path, train__a=1, train__b=1, val__c=1))
    assert 'no pictures of to train on: c. The classes are a, b' in message


def test_nothing_to_train_on(tmp_path):
    assert 'no pictures of to train on: a, b. The classes are none' in fails(classes_of(tmp_path, val__a=1, val__b=1))


def test_empty_polygons(tmp_path):
    path = photo(tmp_path / 'a.jpg', 0)
    assert not paint(Picture(path, [dict(bbox=[0, 0, 1, 1], category=0, segmentation=[[1, 1, 2, 2]])])).any()


def test_no_class_folders(tmp_path):
    photo(tmp_path / 'a.jpg', 0)
    photo(tmp_path / 'b.jpg', 1)
    assert 'has no data of a known format' in fails(tmp_path)
    photo(tmp_path / 'images/a.jpg', 0)
    (tmp_path / 'masks').mkdir()
    assert 'has no data of a known format' in fails(tmp_path)


def test_other_formats_come_first(tmp_path):
    """Folders of classes have no annotations: they count only where nothing else is."""
    folder = classes_of(tmp_path, images=2, more=1)
    (folder / 'more').rename(folder / 'unused')
    names = [path.name for path in sorted((folder / 'images').iterdir())]
    coco = dict(
        images=[dict(id=i, file_name=name, width=8, height=6) for i, name in enumerate(names)],
        annotations=[dict(id=i + 1, image_id=i, category_id=1, bbox=[0, 0, 2, 2], area=4, iscrowd=0) for i in (0, 1)],
        categories=[dict(id=1, name='cat')],
    )
    (folder / 'all.json').write_text(json.dumps(coco))
    assert find_data(folder).kind == 'objects'
