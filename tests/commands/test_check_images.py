"""Faults of image files: what the pipeline loads differs from what the file or its annotations hold."""

import numpy as np
import pytest
from checked import HEIGHT, WIDTH, assert_contains, edit, findings_of, only, set_to
from PIL import Image

NOISE = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
ORIENTATION = 0x0112


def turn(coco):
    """Annotations of pictures that are turned by 90 degrees."""
    for image in coco['images']:
        image.update(width=HEIGHT, height=WIDTH)


def save_turned(data, orientation, pixels=NOISE):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for path in (data / 'images').iterdir():
        Image.fromarray(np.roll(pixels, int(path.stem[-1]) + len(path.stem), 0)).save(path, exif=exif)


@pytest.mark.parametrize('orientation', [6, 8])
def test_annotations_of_turned_images(job, data, orientation):
    save_turned(data, orientation)
    edit(data, turn, ('train', 'val'))
    assert not findings_of(job)


def test_annotations_of_images_as_they_are_stored(job, data):
    save_turned(data, 6)
    train, val = findings_of(job)
    assert_contains(
        train, 'error: 4 of 4 images of *train.json are turned when they are loaded, and annotated as they are'
    )
    assert_contains(train, '0.jpg (turned by its EXIF orientation: 30 x 40, not 40 x 30) * color_ignore_orientation')
    assert_contains(val, 'error: 4 of 4 images of *val.json are turned when they are loaded')


def test_a_pipeline_that_ignores_the_orientation(job, data):
    save_turned(data, 6)
    for part in ('train', 'val'):
        job[f'{part}_dataloader'].dataset.pipeline[0].color_type = 'color_ignore_orientation'
    assert not findings_of(job)
    edit(data, turn)
    only(
        job,
        'error: 4 of 4 images of *train.json have another width x height than in the annotations: *(40 x 30, not 30',
    )


@pytest.mark.parametrize(('orientation', 'side'), [(6, HEIGHT), (3, WIDTH), (2, WIDTH)])
def test_orientations_that_the_size_does_not_tell(job, data, orientation, side):
    """Squares, half turns, mirrors."""
    save_turned(data, orientation, NOISE[:, :side])
    edit(data, lambda coco: [image.update(width=side) for image in coco['images']] and None, ('train', 'val'))
    text = 'warning: 4 of 4 images of * are turned or mirrored by their EXIF orientation when they are loaded'
    train, val = findings_of(job)
    assert_contains(train, text)
    assert_contains(val, text)


def test_a_color_type_of_no_backend(job, data):
    """What loading raises is told, for images that need it."""
    save_turned(data, 6)
    job.train_dataloader.dataset.pipeline[0].imdecode_backend = 'turbo'
    assert_contains(
        findings_of(job)[0],
        'error: 4 of 4 images of *train.json cannot be decoded: */images/0.jpg (backend: turbo is not supported',
    )


def as_png(data, i, image, **options):
    image.save(data / f'images/{i}.png', **options)
    edit(data, set_to('images', i, file_name=f'{i}.png'))


GREY = NOISE[..., 0]
LOSSES = {
    '16 bits': (Image.fromarray(GREY.astype(np.uint16) * 200), 'more than 8 bits: values 0 to 50800 become * levels'),
    'alpha': (Image.fromarray(np.dstack([NOISE, GREY])), 'transparent parts, whose hidden colours are seen'),
    'animated': (Image.fromarray(NOISE), '2 frames, of which the first is loaded'),
}


@pytest.mark.parametrize('kind', LOSSES)
def test_values_that_are_lost(job, data, kind):
    image, message = LOSSES[kind]
    more = dict(save_all=True, append_images=[Image.fromarray(255 - NOISE)]) if kind == 'animated' else {}
    as_png(data, 0, image, **more)
    only(job, f'warning: 1 of 4 images of *train.json lose something when they are loaded: */images/0.png ({message}')


def test_16_bits_that_become_black(job, data):
    """A microscope's picture of 12 bits in 16."""
    as_png(data, 0, Image.fromarray(GREY.astype(np.uint16)))
    only(job, 'error: 1 of 4 images of *train.json are black and white once they are loaded: */0.png (more than 8 bits')


def test_colours_of_print(job, data):
    Image.fromarray(NOISE).convert('CMYK').save(data / 'images/0.jpg')
    found = findings_of(job)[0]
    assert_contains(found, 'warning: 1 of 4 images of *train.json lose something * (CMYK, converted without its colour')


@pytest.mark.parametrize('mode', ['P', '1', 'L', 'RGBA', 'LA'])
def test_modes_that_lose_nothing(job, data, mode):
    as_png(data, 0, Image.fromarray(NOISE).convert(mode))
    assert not findings_of(job)


def test_a_palette_of_which_the_indices_are_loaded(job, data):
    step = job.train_dataloader.dataset.pipeline[0]
    step.update(color_type='unchanged', imdecode_backend='pillow')
    as_png(data, 0, Image.fromarray(NOISE).convert('P'))
    losses, channels = findings_of(job)
    assert_contains(
        losses,
        'warning: 1 of 4 images of * lose something * (a palette, of which the indices are loaded, not the colours)',
    )
    assert_contains(channels, 'error: images of train_dataloader cannot be made a batch of 2')


def test_a_format_that_pillow_does_not_know(job, data):
    """The pipeline loads it: seven channels of 16 bits."""
    tifffile = pytest.importorskip('tifffile')
    tifffile.imwrite(
        data / 'images/0.tif', np.zeros((HEIGHT, WIDTH, 7), np.uint16), photometric='minisblack', planarconfig='contig'
    )
    edit(data, set_to('images', 0, file_name='0.tif'))
    only(job, 'error: 1 of 4 images of *train.json cannot be decoded: */images/0.tif')
    job.train_dataloader.dataset.pipeline[0].imdecode_backend = 'tifffile'
    # Only that of the others, which are JPEG files.
    only(
        job,
        'error: step 0 of the pipeline of train_dataloader, * fails with */images/1.jpg: not a TIFF file',
    )


NAMES = {
    'separators of Windows': 'images\\0.jpg',
    'folder that data_prefix names': 'images/0.jpg',
    'absolute': '/home/someone/images/0.jpg',
    'absolute, of Windows': 'C:\\data\\0.jpg',
    'another case': '0.JPG',
    'another suffix': '0.png',
}


@pytest.mark.parametrize('kind', NAMES)
def test_names_that_are_meant(job, data, kind):
    edit(data, set_to('images', 0, file_name=NAMES[kind]))
    only(job, f'error: 1 of 4 images of *train.json are missing: *(there is {data}/images/0.jpg)')


def test_all_names_are_meant(job, data):
    edit(
        data, lambda coco: [image.update(file_name=f'images/{image["file_name"]}') for image in coco['images']] and None
    )
    only(
        job, f'error: none of the 4 images of * is in its folder, such as * (there is {data}/images/0.jpg): there is no'
    )


def test_a_name_that_begins_with_a_dot(job, data):
    edit(data, set_to('images', 0, file_name='./0.jpg'))
    assert not findings_of(job)


def test_names_are_looked_up_in_folders(job, data):
    (data / 'images/Left').mkdir()
    (data / 'images/0.jpg').rename(data / 'images/Left/0.JPEG')
    edit(data, set_to('images', 0, file_name='left/0.jpg'), ('train', 'val'))
    text = findings_of(job)[0]
    assert_contains(text, f'1 of 4 images of *train.json are missing: *left/0.jpg (there is {data}/images/Left/0.JPEG)')
