"""The page in the browser, in a real Chromium."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from PIL import Image
from quick import PROGRAM

from mmcrossformer.apis import Predictor
from mmcrossformer.commands.demo.actions import Actions
from mmcrossformer.commands.demo.images import MAX_MEGAPIXELS, builtin_images, find_pixel, read_upload, shown_size
from mmcrossformer.commands.demo.models import Models, find_trained_model
from mmcrossformer.utils.errors import UserError

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
# As root it needs --no-sandbox; the others keep it from calling home.
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync']
FLAGS.append('--disable-component-update')
PATIENCE = 180_000  # milliseconds; what hangs must not hang the tests
INPUT = re.compile(r'input of (\d+) x (\d+) pixels, ([\d.]+) s')
in_browser = pytest.mark.skipif(CHROMIUM is None, reason='needs chromium (Debian: apt-get install chromium)')


@pytest.fixture(scope='module')
def detector(write_quick, tmp_path_factory):
    """Config and checkpoint of a small Mask R-CNN, untrained."""
    folder = tmp_path_factory.mktemp('detector')
    config = write_quick(folder, 'mask_rcnn_crossformer_t_digits')
    cfg = Config.fromfile(config)
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    path = folder / 'weights.pth'
    torch.save(model.state_dict(), path)  # which names no classes
    return config, path


@pytest.fixture(scope='module')
def address(detector):
    """Where the page is served."""
    config, checkpoint = detector
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    program = 'import mmcrossformer_cli; mmcrossformer_cli.main()'
    command = [sys.executable, '-c', program, 'demo', config, checkpoint]
    command += ['--port', port, '--max-upload', 1]
    folder = checkpoint.parent
    log = (folder / 'log').open('w')
    server = subprocess.Popen([*map(str, command)], stdout=log, stderr=log, cwd=folder)
    url = f'http://127.0.0.1:{port}/'
    try:
        end = time.monotonic() + PATIENCE / 1000
        while True:
            try:
                urllib.request.urlopen(url).close()
                break
            except OSError:
                assert server.poll() is None, (folder / 'log').read_text()
                assert time.monotonic() < end
                time.sleep(0.2)
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def page(address):
    """A tab in which the page has shown its first prediction."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=dict(width=1280, height=1000))
        page.set_default_timeout(PATIENCE)
        page.asked = []
        page.on('request', lambda request: page.asked.append(request.url))
        page.goto(address)
        page.wait_for_function("document.querySelector('#summary')?.innerText.includes('input of')")
        yield page
        browser.close()


def summary(page):
    return page.inner_text('#summary')


def wait_for_text(page, selector, text):
    page.wait_for_function(
        '([selector, text]) => document.querySelector(selector)?.innerText.includes(text)', arg=[selector, text]
    )


def set_slider(page, name, value):
    """Types into the number beside a slider and leaves it."""
    field = page.locator(f'#{name} input[type=number]')
    field.fill(str(value))
    field.press('Tab')


def told(page):
    """Waits for a message of an error, closes it and returns it."""
    toast = page.locator('.toast-body.error').first
    toast.wait_for()
    text = toast.inner_text()
    page.locator('.toast-close').first.click()
    toast.wait_for(state='detached')
    return text


@in_browser
def test_page(page, tmp_path):
    """From the first prediction through sliders, clicks and mistakes to a telephone."""
    assert INPUT.search(summary(page)).group(1, 2) == ('112', '112')

    # The threshold draws anew without the model: its time stays.
    before = INPUT.search(summary(page))[0]
    set_slider(page, 'score', 1)
    wait_for_text(page, '#summary', '0 objects with a score of at least 1.00')
    assert INPUT.search(summary(page))[0] == before
    set_slider(page, 'score', 0)
    wait_for_text(page, '#summary', 'of at least 0.00')
    assert not summary(page).startswith('0 objects')

    set_slider(page, 'resolution', 75)
    wait_for_text(page, '#summary', 'input of 75 x 75')

    picture = tmp_path / 'mine.png'
    Image.fromarray(np.random.default_rng(0).integers(256, size=(40, 90, 3), dtype=np.uint8)).save(picture)
    page.set_input_files('#upload input[type=file]', picture)
    wait_for_text(page, '#summary', 'input of 75 x 169')

    # A quarter down and three quarters to the right, when the browser has loaded the picture.
    page.wait_for_function("(x => x && x.width > 2 * x.height)(document.querySelector('#found img'))")
    box = page.locator('#found img').bounding_box()
    shown = min(box['width'] / 90, box['height'] / 40)  # the picture is in the middle of its frame
    left, top = (box['width'] - 90 * shown) / 2, (box['height'] - 40 * shown) / 2
    page.locator('#found img').click(position=dict(x=left + 67.5 * shown, y=top + 10.5 * shown))
    wait_for_text(page, '#point', 'Where row 10, column 67 attends')
    page.wait_for_selector('#groups img')

    page.get_by_role('tab', name='Two resolutions').click()
    set_slider(page, 'other', 40)
    page.click('#compare')
    wait_for_text(page, '#sides', 'input of 40 x 90')
    assert 'input of 75 x 169' in page.inner_text('#sides')
    assert page.locator('#left img').count() == page.locator('#right img').count() == 1

    page.get_by_role('tab', name='Prediction').click()
    page.get_by_role('button', name='Model').click()
    program = tmp_path / 'code.pth'
    trace = tmp_path / 'it_ran'
    torch.save(dict(state_dict={}, meta=Program(trace)), program)
    page.set_input_files('#weights input[type=file]', program)
    page.click('#predict')
    assert 'holds code beside tensors' in told(page)
    assert not trace.exists()
    assert not [url for url in page.asked if url.startswith('http') and '//127.0.0.1:' not in url]

    page.set_viewport_size(dict(width=390, height=844))
    page.wait_for_timeout(500)
    assert page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')
    assert page.locator('#found img').bounding_box()['width'] > 250


class Program:
    """Unpickles by creating a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@in_browser
def test_files_that_are_no_pictures(page, tmp_path):
    broken = tmp_path / 'broken.png'
    broken.write_text('no picture')
    page.set_input_files('#upload input[type=file]', broken)
    assert 'broken.png cannot be read as an image' in told(page)

    large = tmp_path / 'large.png'
    Image.fromarray(np.random.default_rng(0).integers(256, size=(800, 800, 3), dtype=np.uint8)).save(large)
    assert large.stat().st_size > 1_000_000  # what the server was told to allow
    page.locator('#upload button[aria-label="Clear"], #upload button[aria-label="Remove this file"]').first.click()
    page.set_input_files('#upload input[type=file]', large)
    assert 'size' in told(page)

    page.reload()
    page.wait_for_function("document.querySelector('#summary')?.innerText.includes('input of')")


def test_built_in_pictures():
    pictures = builtin_images()
    assert {'digits 1', 'chelsea'} <= set(pictures)
    assert all(image.ndim == 3 and image.dtype == np.uint8 for image in pictures.values())
    again = builtin_images()
    assert all((pictures[name] == again[name]).all() for name in pictures)


def test_places_on_the_page():
    image = np.zeros((40, 90, 3), np.uint8)
    height, width = shown_size(image)
    assert max(height, width) == 768
    assert find_pixel(image, 0, 0) == (0, 0)
    assert find_pixel(image, width, height) == (39, 89)
    assert find_pixel(image, width / 2, height / 4) == (10, 45)


@pytest.mark.parametrize('limit', [Image.MAX_IMAGE_PIXELS, 1000], ids=['usual', 'above the limit of Pillow'])
def test_uploads_are_not_decoded_at_any_size(limit, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', limit)
    side = int((MAX_MEGAPIXELS * 1e6) ** 0.5) + 100
    path = tmp_path / 'bomb.png'
    Image.new('1', (side, side)).save(path)
    assert path.stat().st_size < 100_000
    with pytest.raises(UserError, match=f'more than {MAX_MEGAPIXELS} megapixels'):
        read_upload(path)


def test_a_strip_is_not_blown_up(detector, tmp_path):
    Image.new('RGB', (5000, 1)).save(tmp_path / 'strip.png')
    actions = Actions(tuple(map(Path, detector)), Models('cpu'))
    with pytest.raises(gr.Error, match='choose a smaller short side'):
        actions.predict('', str(tmp_path / 'strip.png'), actions.models[0], None, 112, 0.3)


@pytest.fixture
def classifier(quick, tmp_path):
    """Config and checkpoint of a small classifier, as the page names them."""
    config, path = quick('crossformer_t_digits'), tmp_path / 'weights.pth'
    torch.save(Predictor(config).model.state_dict(), path)
    return str(config), str(path)


def written_in_place(path, state):
    torch.save(state, path)
    os.utime(path, ns=(1, 1))  # clocks of file systems may be slow


def written_beside(path, state):
    torch.save(state, path + '.new')
    shutil.copystat(path, path + '.new')  # the same size and time
    os.replace(path + '.new', path)


@pytest.mark.parametrize('write', [written_in_place, written_beside])
def test_a_checkpoint_that_changes_is_loaded_again(write, classifier):
    models = Models('cpu')
    first, changed = models.load(*classifier)
    assert not changed
    assert models.load(*classifier) == (first, False)
    state = torch.load(classifier[1])
    state['head.fc.bias'] += 1
    write(classifier[1], state)
    second, changed = models.load(*classifier)
    assert changed
    torch.testing.assert_close(second.model.state_dict(), state)
    assert models.load(*classifier) == (second, False)


def test_the_page_says_that_a_checkpoint_changed(classifier):
    actions = Actions(tuple(map(Path, classifier)), Models('cpu'))

    def summary():
        return actions.predict('digits 1', None, actions.models[0], None, 32, 0.3)[3]

    assert 'have changed' not in summary()
    written_beside(classifier[1], torch.load(classifier[1]))
    assert 'The files of the model have changed' in summary()
    assert 'have changed' not in summary()
    os.unlink(classifier[1])
    with pytest.raises(gr.Error, match=r'weights\.pth is no file'):
        summary()


def test_a_checkpoint_that_is_being_written(classifier, monkeypatch):
    """Written anew after it was read, before the answer."""
    load = torch.load

    def and_changed(path, **options):
        state = load(path, **options)
        written_beside(str(path), state)
        return state

    monkeypatch.setattr(torch, 'load', and_changed)
    with pytest.raises(UserError, match='is being written: try again'):
        Models('cpu').load(*classifier)


def test_the_last_two_models_are_kept(classifier, tmp_path):
    models, config = Models('cpu'), classifier[0]
    paths = [shutil.copy(classifier[1], tmp_path / f'{i}.pth') for i in range(3)]
    first, second = (models.load(config, str(path))[0] for path in paths[:2])
    assert models.load(config, str(paths[0]))[0] is first
    models.load(config, str(paths[2]))
    assert models.load(config, str(paths[0]))[0] is first
    assert models.load(config, str(paths[1]))[0] is not second


def test_what_a_training_leaves(tmp_path):
    assert find_trained_model(tmp_path) is None
    (tmp_path / 'config.py').touch()
    (tmp_path / 'last_checkpoint').write_text('/another/place/epoch_1.pth')
    assert find_trained_model(tmp_path) is None
    (tmp_path / 'epoch_1.pth').touch()
    assert find_trained_model(tmp_path) == (tmp_path / 'config.py', tmp_path / 'epoch_1.pth')


@pytest.fixture
def taken_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        yield server.getsockname()[1]


def test_mistakes(call, tmp_path, taken_port):
    (tmp_path / 'b.pth').touch()
    for args, message in (
        (['a.py'], 'CONFIG and CHECKPOINT belong together'),
        (['a.py', tmp_path / 'b.pth'], 'config a.py is no file'),
        (['crossformer_t_digits', 'none.pth'], 'argument CHECKPOINT: none.pth is no file'),
        (['crossformer_t_digits', tmp_path / 'b.pth'], 'b.pth is no weights file: it is empty'),
        (['--max-upload', '0'], '--max-upload: must be a whole number from 1 on'),
        (['--port', '70000'], '--port must be from 1 to 65535'),
        (['--port', taken_port], f'cannot listen on 127.0.0.1:{taken_port}'),
        (['--host', 'no.such.host.invalid'], 'cannot listen on no.such.host.invalid:7860'),
        (['--device', 'gpu'], '--device: must be auto, cpu, cuda or cuda:N'),
        (['--device', 'cuda:99'], '--device cuda:99: torch sees'),
    ):
        code, text = call('demo', *args)
        assert code == 2, text
        assert message in text


def test_mistakes_are_found_without_torch(taken_port, tmp_path):
    """In a fresh process, as `mmcrossformer` starts; without site-packages there is nothing large to import."""
    gradio = tmp_path / 'gradio.py'  # looked for, and not imported
    gradio.write_text('raise SystemExit("gradio is imported")')
    command = [sys.executable, '-S', PROGRAM, 'demo', '--port', taken_port]
    env = dict(os.environ, PYTHONPATH=str(tmp_path))
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, env=env)
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr.startswith(f'error: cannot listen on 127.0.0.1:{taken_port} (')
