"""Boxes in another convention than x, y, width, height, or that contradict the rest of their annotation."""

import numpy as np
import pytest
from checked import HEIGHT, WIDTH, edit, findings_of, many, only, set_to

# x, y, width, height: all of the image is used.
BOXES = [(20, 3, 15, 25), (1, 14, 9, 12), (24, 1, 14, 10), (3, 2, 30, 12)]


def polygon_of(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def boxes_as(convert, *, segmentation=False, area=None):
    """A change of the annotations to other boxes, and to segmentations and areas of the right ones."""

    def change(coco):
        for entry, box in zip(coco['annotations'], BOXES * 2, strict=True):
            entry['bbox'] = convert(*box)
            entry['segmentation'] = polygon_of(*box) if segmentation else []
            entry['area'] = area(*box) if area else 1

    return change


def corners(x, y, width, height):
    return [x, y, x + width, y + height]


def centre(x, y, width, height):
    return [x + width / 2, y + height / 2, width, height]


def rows(x, y, width, height):
    return [y, x, height, width]


CONVENTIONS = {
    'x1, y1, x2, y2': corners,
    'the centre x, y, and width, height': centre,
    'y, x, height, width': rows,
}


@pytest.mark.parametrize('name', CONVENTIONS)
def test_boxes_of_another_convention_leave_the_image(job, data, name):
    edit(data, boxes_as(CONVENTIONS[name]))
    (text,) = [text for text in findings_of(job) if text.startswith('error:')]
    assert 'have a box that leaves the image: ' in text
    assert f'All boxes lie inside if they are read as {name}. COCO has x, y, width, height' in text


@pytest.mark.parametrize('name', CONVENTIONS)
def test_boxes_of_another_convention_contradict_polygons(job, data, name):
    small = [(2, 10, 16, 6), (12, 1, 5, 20)]  # which stay inside in all conventions

    def change(coco):
        for entry, box in zip(coco['annotations'], small * 4, strict=True):
            entry.update(bbox=CONVENTIONS[name](*box), segmentation=polygon_of(*box), area=1)

    edit(data, change)
    (text,) = [text for text in findings_of(job) if text.startswith('error:')]
    assert 'have a box that is not the one around their segmentation: ' in text
    assert f'They fit if they are read as {name}' in text


def test_corners_with_the_area_of_the_box(job, data):
    """None leaves the image, and there are no polygons."""

    def change(coco):
        for i, entry in enumerate(coco['annotations']):
            entry.update(bbox=[2, 3, 10 + i, 12], area=(8 + i) * 9, segmentation=[])

    edit(data, change)
    only(job, 'error: 8 of 8 annotations of *train.json have the area of a box x1, y1, x2, y2: * COCO has x, y, width')


def test_right_boxes(job, data):
    edit(data, boxes_as(lambda *box: [*box], segmentation=True, area=lambda x, y, width, height: width * height))
    assert not findings_of(job)


def test_rounded_boxes_and_smaller_areas(job, data):
    """Tools draw boxes around masks with a pixel more, and areas are those of masks."""
    rng = np.random.default_rng(0)

    def loose(x, y, width, height):
        dx, dy = rng.uniform(-0.9, 0.9, 2)
        return [x + dx, y + dy, width + 1, height + 1]

    edit(data, boxes_as(loose, segmentation=True, area=lambda x, y, width, height: width * height / 2))
    assert not findings_of(job)


def test_few_boxes_leave_the_image(job, data):
    """Objects at the edge, annotated as far as they would reach."""
    edit(data, set_to('annotations', 0, bbox=[30, 5, 20, 10], segmentation=[]))
    only(job, 'warning: 1 of 8 annotations of *train.json have a box that leaves the image: 1. COCO has x, y, width,')


def test_most_boxes_leave_the_image(job, data):
    edit(data, lambda coco: [e.update(bbox=[-5, -5, 60, 50], segmentation=[]) for e in coco['annotations']] and None)
    only(
        job, 'error: 8 of 8 annotations of *train.json have a box that leaves the image: * COCO has x, y, width, height'
    )


def test_few_boxes_contradict_their_segmentation(job, data):
    edit(data, lambda coco: many(coco, 10))
    edit(data, set_to('annotations', 3, bbox=[20, 15, 10, 10]))
    only(
        job, 'warning: 1 of 80 annotations of *train.json have a box that is not the one around their segmentation: 4.'
    )


def test_areas_larger_than_boxes(job, data):
    edit(data, set_to('annotations', 3, area=WIDTH * HEIGHT))
    only(
        job, 'warning: 1 of 8 annotations of *train.json have an area larger than their box (field area): 12. The eval'
    )
