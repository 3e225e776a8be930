"""XML files that mmdet cannot read."""

import pytest
from checked import assert_contains, findings_of, only

OBJECT = (
    '<object><name>{}</name><difficult>0</difficult><bndbox>'
    '<xmin>{}</xmin><ymin>6</ymin><xmax>{}</xmax><ymax>16</ymax></bndbox></object>'
)


@pytest.fixture
def xml(job, data):
    """The folder of XML files of a job on them: two objects in each of four images."""
    folder = data / 'Annotations'
    folder.mkdir()
    (data / 'images').rename(data / 'JPEGImages')
    (data / 'list.txt').write_text('0\n1\n2\n3\n')
    (data / 'val.txt').write_text('val_0\nval_1\n')
    for name in ('0', '1', '2', '3', 'val_0', 'val_1'):
        objects = OBJECT.format('cat', 6, 16) + OBJECT.format('dog', 6, 16)
        size = '<size><width>40</width><height>30</height></size>'
        (folder / f'{name}.xml').write_text(f'<annotation>{size}{objects}</annotation>')
    for part in ('train', 'val', 'test'):
        dataset = job[f'{part}_dataloader'].dataset
        del dataset.data_prefix
        listed = 'list.txt' if part == 'train' else 'val.txt'
        dataset.update(type='VOCDataset', ann_file=listed, data_prefix=dict(sub_data_root=''))
    job.val_evaluator = job.test_evaluator = dict(type='VOCMetric')
    return folder


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nothing_is_wrong(job, xml):
    assert not findings_of(job)


FAULTS = {
    'no XML file': (lambda xml: (xml / '2.xml').unlink(), "1 of 4 lines of *list.txt name no XML file: '2' (*2.xml)"),
    'suffixes': (
        lambda xml: replace(xml.parent / 'list.txt', '\n', '.jpg\n'),
        "4 of 4 lines of *list.txt name no XML file: '0.jpg' * no suffix",
    ),
    'numbers of a class': (
        lambda xml: replace(xml.parent / 'list.txt', '\n', '  1\n'),
        "4 of 4 lines of *list.txt name no XML file: '0  1' * no number behind it",
    ),
    'cut off': (
        lambda xml: (xml / '1.xml').write_text('<annotation><obj'),
        '1 of 4 XML files of *list.txt cannot be used: *1.xml (no XML: unclosed',
    ),
    'a polygon': (
        lambda xml: replace(xml / '1.xml', 'bndbox', 'polygon'),
        '1 of 4 XML files of *list.txt cannot be used: *1.xml (an object without bndbox/xmin)',
    ),
    'a text': (
        lambda xml: replace(xml / '1.xml', '<difficult>0', '<difficult>Unspecified'),
        "1 of 4 XML files of *list.txt cannot be used: *1.xml (difficult is 'Unspecified')",
    ),
    'outside': (
        lambda xml: replace(xml / '1.xml', OBJECT.format('cat', 6, 16), OBJECT.format('cat', 106, 116)),
        '1 of 8 boxes of *list.txt are outside of the image, in: *1.jpg',
    ),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_faults(job, xml, fault):
    plant, message = FAULTS[fault]
    plant(xml)
    errors = [text for text in findings_of(job) if text.startswith('error:')]
    assert_contains('\n'.join(errors), message)


def test_a_filter_that_drops_all(job, xml):
    job.train_dataloader.dataset.filter_cfg = dict(min_size=100)
    only(job, 'error: the data set of *list.txt is empty: check its folders, suffixes and filters')
