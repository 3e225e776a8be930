"""Segmentations that mmdet or pycocotools cannot decode, or drop."""

import pytest
from checked import SQUARE, edit, findings_of, only, set_to

MASKS = {
    'none': (None, 'have no segmentation, and the config uses masks: 1. Use a config that needs'),
    'empty': ([], 'have no segmentation, and the config uses masks: 1.'),
    'flat list': (
        SQUARE,
        'another form: 1 (a flat list of numbers). Right is a list of polygons',
    ),
    'points': ([[5, 5], [15, 5], [15, 15]], 'another form: 1 (a list of points)'),
    'polygons of points': (
        [[[5, 5], [15, 5], [15, 15], [5, 15], [5, 10], [5, 7]]],
        'another form: 1 (polygons of points)',
    ),
    'nested deeper': ([[SQUARE]], 'another form: 1 (polygons of points)'),
    'nested still deeper': ([[[SQUARE]]], 'another form: 1 (lists nested deeper)'),
    'number': (7, 'another form: 1 (7)'),
    'text': ('5 5 15 5', "another form: 1 ('5 5 15 5')"),
    'texts': ([['5', '5', '15', '5', '15', '15']], "another form: 1 (a polygon of ['5', '5'"),
    'list of texts': (['a'], "another form: 1 (a list of 'a')"),
    'nan': ([[*SQUARE, float('nan'), 5]], 'another form: 1 (a polygon of [5, 5'),
    'leaves the image': ([[5, 5, 50, 5, 50, 15]], 'have a polygon that leaves the image: 1'),
    'two points': ([[5, 5, 15, 5]], 'have a polygon of fewer than 3 points, or of half a point: 1'),
    'half a point': ([[*SQUARE, 5]], 'have a polygon of fewer than 3 points, or of half a point: 1'),
    'another size': (
        dict(size=[40, 30], counts='o'),
        'another form: 1 (run lengths of size [40, 30] in an image of size [',
    ),
    'no size': (dict(counts=[1200]), 'another form: 1 (run lengths of size None in an image of size [30, 40])'),
    'no counts': (dict(size=[30, 40]), 'another form: 1 (counts None)'),
    'counts of texts': (dict(size=[30, 40], counts=['1200']), "another form: 1 (counts ['1200'])"),
    'counts that are negative': (
        dict(size=[30, 40], counts=[1300, -100]),
        'another form: 1 (run lengths of 1200 pix',
    ),
    'counts too short': (
        dict(size=[30, 40], counts=[100, 5]),
        'another form: 1 (run lengths of 105 pixels in an image of',
    ),
    'compressed, too short': (
        dict(size=[30, 40], counts='15'),
        'another form: 1 (run lengths of 6 pixels in an image of',
    ),
    'compressed, cut off': (
        dict(size=[30, 40], counts='aT'),
        "another form: 1 (compressed counts 'aT', which cannot be",
    ),
    'compressed, no code': (dict(size=[30, 40], counts='ä~'), 'which cannot be decoded'),
}


@pytest.mark.parametrize('fault', MASKS)
def test_masks(mask_job, job, data, fault):
    segmentation, message = MASKS[fault]
    edit(data, set_to('annotations', 0, segmentation=segmentation))
    only(mask_job, f'error: 1 of 8 annotations of *train.json * {message}')
    assert not findings_of(job)
