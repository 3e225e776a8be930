"""Predictions on folders, files and videos."""

import csv
import io
import json
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from pycocotools.coco import COCO
from quick import HELPERS, run, run_program

from mmcrossformer.apis.colors import distinct_colors
from mmcrossformer.apis.predictor import Predictor, read_image
from mmcrossformer.apis.thresholds import Thresholds
from mmcrossformer.commands.infer.inputs import find_sources
from mmcrossformer.commands.infer.journal import Journal
from mmcrossformer.commands.infer.processes import Processes, join_processes
from mmcrossformer.commands.infer.results import encode_segments
from mmcrossformer.commands.infer.run import Choices, infer
from mmcrossformer.utils import errors
from mmcrossformer.utils.errors import UserError

MASKS, BOXES = 'mask_rcnn_crossformer_t_digits', 'retinanet_crossformer_t_digits'
SEGMENTS, CLASSES = 'upernet_crossformer_t_digits', 'crossformer_t_digits'
PATIENCE = 120  # seconds; what hangs must not hang the tests

in_forks = pytest.mark.skipif(sys.platform != 'linux', reason='libraries may break in a fork')


@pytest.fixture
def model(quick, tmp_path):
    """Config of a tiny model and a checkpoint that nobody trained."""

    def make(name):
        config = quick(name)
        torch.manual_seed(0)
        classes = ('background',) * (name == SEGMENTS) + tuple('0123456789')
        state = Predictor(config).model.state_dict()
        checkpoint = tmp_path / f'{name}.pth'
        torch.save(dict(state_dict=state, meta=dict(dataset_meta=dict(classes=classes))), checkpoint)
        return config, checkpoint

    return make


@pytest.fixture
def photos(tmp_path):
    """Pictures of several sizes, two of them with the same name, and things that are none."""
    rng = np.random.default_rng(0)
    folder = tmp_path / 'photos'
    for name, size in {'b.jpg': (64, 80), 'a.png': (50, 40), 'below/b.jpg': (64, 64)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), rng.integers(0, 255, (*size, 3), np.uint8))
    (folder / 'notes.txt').write_text('no picture')
    (folder / '._a.jpg').write_text('no picture')
    return folder


def write_video(path, frames=5):
    rng = np.random.default_rng(1)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, (64, 48))
    for _ in range(frames):
        video.write(rng.integers(0, 255, (48, 64, 3), np.uint8))
    video.release()
    return path


def predictions_of(out):
    return json.loads((out / 'predictions.json').read_text())


def names_of(out):
    return [image['file_name'] for image in predictions_of(out)['images']]


def test_each_kind_of_input(photos, tmp_path):
    clip = write_video(tmp_path / 'clip.avi')

    def found(*inputs):
        return [source.file_name for source in find_sources([*map(str, inputs)], tmp_path / 'out')]

    assert found(photos) == ['a.png', 'b.jpg', 'below/b.jpg']
    assert found(photos / 'b.jpg') == ['b.jpg']
    assert found(photos / '*.jpg', photos / 'below') == ['b.jpg', 'below/b.jpg']
    assert found(photos / '**/*.jpg', photos / 'b.jpg') == ['b.jpg', 'below/b.jpg']
    assert found(clip, photos / 'below') == ['clip.avi', 'photos/below/b.jpg']
    # Results inside of the folder are no input of the next run.
    (photos / 'out/overlays').mkdir(parents=True)
    shutil.copy(photos / 'b.jpg', photos / 'out/overlays/b.jpg')
    results = photos / 'out'
    for argument in (photos, photos / '**/*'):
        sources = find_sources([str(argument)], results)
        assert {'a.png', 'b.jpg', 'below/b.jpg'} <= {source.file_name for source in sources}
        assert not [source for source in sources if source.path.is_relative_to(results)]
    with pytest.raises(UserError, match='only images in'):
        find_sources([str(photos / '*/overlays')], results)
    # Unless they are asked for.
    for argument in (results, results / '*', results / 'overlays/b.jpg'):
        assert [source.path for source in find_sources([str(argument)], results)] == [results / 'overlays/b.jpg']


def test_files_that_the_system_refuses_to_look_at(tmp_path):
    with pytest.raises(UserError, match='is no file'):
        read_image(tmp_path / ('x' * 300))  # a longer name than there can be


def test_names_of_results_never_meet(photos):
    shutil.copy(photos / 'a.png', photos / 'b.png')
    names = [source.name for source in find_sources([str(photos)], photos / 'out')]
    assert names == ['a', 'b.jpg', 'b.png', 'below/b']
    shutil.copy(photos / 'a.png', photos / 'b.jpg.png')  # its name without suffix is another file
    names = [source.name for source in find_sources([str(photos)], photos / 'out')]
    assert names == ['a', 'b.jpg', 'b.jpg.png', 'b.png', 'below/b']


def test_pictures_of_one_name_in_several_folders(model, photos, tmp_path, call):
    config, checkpoint = model(SEGMENTS)
    out, picture = tmp_path / 'out', photos / 'b.jpg'
    other = tmp_path / 'other/b.jpg'
    other.parent.mkdir()
    shutil.copy(photos / 'below/b.jpg', other)
    command = ['infer', config, checkpoint, '--device', 'cpu', '--overlays', '--out']
    assert call(*command, out, picture, other)[0] == 0
    assert names_of(out) == ['other/b.jpg', 'photos/b.jpg']
    assert [image['segments'] for image in predictions_of(out)['images']] == [
        'segments/other/b.png',
        'segments/photos/b.png',
    ]
    sizes = [cv2.imread(str(out / 'overlays' / name)).shape[:2] for name in names_of(out)]
    assert sizes == [(64, 64), (64, 80)]
    # Also one after the other: alone, both are b.jpg.
    assert call(*command, tmp_path / 'alone', picture)[0] == 0
    code, printed = call(*command, tmp_path / 'alone', other)
    assert code == 2
    assert f'results of {picture} in the folder have the name b' in printed
    assert cv2.imread(str(tmp_path / 'alone/overlays/b.jpg')).shape[:2] == (64, 80)
    assert call(*command, tmp_path / 'alone', other, '--overwrite')[0] == 0
    assert cv2.imread(str(tmp_path / 'alone/overlays/b.jpg')).shape[:2] == (64, 64)


@pytest.mark.hosts
def test_detector_with_masks(model, photos, tmp_path, call):
    config, checkpoint = model(MASKS)
    out = tmp_path / 'out'
    code, printed = call('infer', config, checkpoint, photos, '--out', out, '--overlays', '--device', 'cpu')
    assert code == 0, printed
    assert printed.endswith(f'3 images: {out}/predictions.json\n')
    predictions = predictions_of(out)
    assert names_of(out) == ['a.png', 'b.jpg', 'below/b.jpg']
    assert [category['name'] for category in predictions['categories']] == list('0123456789')
    # The file alone is a data set of COCO, and its annotations are results for one.
    alone = COCO(str(out / 'predictions.json'))
    truth = COCO()
    truth.dataset = dict(images=predictions['images'], categories=predictions['categories'], annotations=[])
    truth.createIndex()
    results = truth.loadRes(predictions['annotations'])
    predictor = Predictor(config, checkpoint)
    for image in predictions['images']:
        wanted = predictor(read_image(photos / image['file_name']))
        assert len(wanted.labels)
        for loaded in (alone, results):
            found = loaded.loadAnns(loaded.getAnnIds(image['id']))
            assert [entry['category_id'] - 1 for entry in found] == wanted.labels.tolist()
            np.testing.assert_allclose([entry['score'] for entry in found], wanted.scores, atol=1e-6)
            boxes = np.array([entry['bbox'] for entry in found])
            np.testing.assert_allclose(boxes[:, :2], wanted.boxes[:, :2], atol=1e-3)
            np.testing.assert_allclose(boxes[:, :2] + boxes[:, 2:], wanted.boxes[:, 2:], atol=2e-3)
            assert all((loaded.annToMask(entry) == mask).all() for entry, mask in zip(found, wanted.masks, strict=True))
        drawn = cv2.imread(str((out / 'overlays' / image['file_name']).with_suffix('.jpg')))
        assert drawn.shape[:2] == (image['height'], image['width'])


def test_thresholds_and_sizes(model, photos, tmp_path, call):
    config, checkpoint = model(BOXES)

    def scores(out, *more):
        args = [config, checkpoint, photos / 'b.jpg', '--out', tmp_path / out, '--device', 'cpu', *more]
        code, printed = call('infer', *args)
        assert code == 0, printed
        found = predictions_of(tmp_path / out)['annotations']
        assert not [entry for entry in found if 'segmentation' in entry]
        return [entry['score'] for entry in found]

    everything = scores('all')
    threshold = (everything[0] + everything[-1]) / 2
    some = scores('some', '--score-thr', threshold)
    assert some == [score for score in everything if score >= threshold]
    assert 0 < len(some) < len(everything)
    assert scores('small', '--short-side', 32, '--overlays') != everything


@pytest.mark.hosts
def test_best_thresholds(model, photos, tmp_path, call):
    """Those of each class beside the checkpoint; a run with others is another run."""
    config, checkpoint = model(CLASSES)
    folder, out = tmp_path / 'run', tmp_path / 'out'
    folder.mkdir()
    shutil.copy(checkpoint, folder / 'best.pth')
    args = ['infer', config, folder / 'best.pth', photos / 'b.jpg', '--out', out, '--device', 'cpu', '--top', 10]
    args += ['--score-thr', 'best']
    code, printed = call(*args)
    assert (code, 'score_thresholds.json cannot be read' in printed) == (2, True)
    predictor = Predictor(config, checkpoint)
    lower = dict.fromkeys(predictor.classes, 1.0) | {predictor.classes[3]: 0.0, predictor.classes[5]: None}
    Thresholds(0.0, lower).write(folder, checkpoint)
    code, printed = call(*args)
    assert code == 0, printed
    (image,) = predictions_of(out)['images']
    assert {entry['category_id'] for entry in image['classes']} == {3, 5}
    Thresholds(0.0, lower | {predictor.classes[5]: 1.0}).write(folder)
    code, printed = call(*args)
    assert (code, 'score_thr [' in printed) == (2, True)


@pytest.mark.hosts
def test_segmenter(model, photos, tmp_path, call, monkeypatch):
    config, checkpoint = model(SEGMENTS)
    out = tmp_path / 'out'
    on_disk = set()
    monkeypatch.setattr(os, 'fsync', lambda file: on_disk.add(os.fstat(file).st_ino))
    code, printed = call('infer', config, checkpoint, photos, '--out', out, '--overlays', '--device', 'cpu')
    assert code == 0, printed
    predictor = Predictor(config, checkpoint)
    for image in predictions_of(out)['images']:
        with Image.open(out / image['segments']) as opened:
            assert opened.mode == 'P'
            values = np.array(opened)
        assert (values == predictor(read_image(photos / image['file_name'])).segments).all()
    assert sorted(path.relative_to(out).as_posix() for path in (out / 'overlays').rglob('*.jpg')) == [
        'overlays/a.jpg',
        'overlays/b.jpg',
        'overlays/below/b.jpg',
    ]
    # What the journal says to be there survives a power cut.
    kept = [*out.rglob('*.png'), *out.rglob('*.jpg')]
    assert len(kept) == 6
    assert {path.stat().st_ino for path in kept} <= on_disk
    code, printed = call('infer', config, checkpoint, photos, '--out', tmp_path / 'other', '--score-thr', 0.5)
    assert (code, '--score-thr is for detectors and classifiers' in printed) == (2, True)


def test_another_size_keeps_the_order_of_the_steps(quick):
    names = ('Resize', 'Pad', 'CenterCrop', 'PackInputs')
    settings = (dict(scale=(32, 32)), dict(size_divisor=64), dict(crop_size=32), {})
    steps = [dict(type=name, **more) for name, more in zip(names, settings, strict=True)]
    predictor = Predictor(quick(CLASSES), options={'test_dataloader.dataset.pipeline': steps})
    image = np.zeros((50, 40, 3), np.uint8)
    assert predictor.prepare(image)['inputs'].shape == (1, 3, 32, 32)
    assert predictor.prepare(image, 70)['inputs'].shape == (1, 3, 128, 128)  # 88 x 70 pixels, padded behind that


def test_config_without_tests_has_validations(quick):
    cfg = Config.fromfile(quick(CLASSES))
    cfg.test_dataloader = None
    cfg.val_dataloader.dataset.metainfo = dict(classes=tuple('abcdefghij'))
    assert Predictor(cfg).classes == tuple('abcdefghij')


@pytest.mark.parametrize(('classes', 'none'), [(3, 255), (255, 255), (256, 65535), (300, 65535)])
def test_label_maps(classes, none, tmp_path):
    segments = np.array([[0, classes - 1], [classes, 1]])
    (tmp_path / 'map.png').write_bytes(encode_segments(segments, distinct_colors(classes)))
    values = np.array(Image.open(tmp_path / 'map.png'))
    assert values.tolist() == [[0, classes - 1], [none, 1]]


@pytest.mark.hosts
def test_classifier(model, photos, tmp_path, call):
    config, checkpoint = model(CLASSES)
    out = tmp_path / 'out'
    code, printed = call('infer', config, checkpoint, photos, '--out', out, '--overlays', '--top', 2, '--device', 'cpu')
    assert code == 0, printed
    (first, *_), predictor = predictions_of(out)['images'], Predictor(config, checkpoint)
    wanted = predictor(read_image(photos / 'a.png'))
    assert [found['category_id'] for found in first['classes']] == wanted.labels[:2].tolist()
    with open(out / 'predictions.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [(row['file_name'], row['rank'], row['name']) for row in rows[:2]] == [
        ('a.png', '1', str(wanted.labels[0])),
        ('a.png', '2', str(wanted.labels[1])),
    ]
    assert float(rows[1]['score']) == pytest.approx(wanted.scores[1], abs=1e-6)
    assert len(rows) == 6
    assert len(list((out / 'overlays').rglob('*.jpg'))) == 3


def test_videos_and_broken_files(model, photos, tmp_path, call):
    config, checkpoint = model(CLASSES)
    out = tmp_path / 'out'
    clip, cut = write_video(tmp_path / 'clip.avi'), write_video(tmp_path / 'cut.avi', 20)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (photos / 'none.jpg').write_text('no picture')
    (tmp_path / 'none.mp4').write_text('no video')
    inputs = [photos, clip, cut, tmp_path / 'none.mp4']
    code, printed = call('infer', config, checkpoint, *inputs, '--out', out, '--overlays', '--device', 'cpu')
    assert code == 1, printed
    for path in (photos / 'none.jpg', tmp_path / 'none.mp4', cut):
        assert f'{path}\t' in (out / 'failed.txt').read_text()
        assert printed.count(f'{path} ') == 1
    names = names_of(out)
    assert [name for name in names if name.startswith('clip')] == [f'clip_00000{i}' for i in range(5)]
    assert 'photos/below/b.jpg' in names
    assert (out / 'overlays/clip_000004.jpg').is_file()
    assert next(image for image in predictions_of(out)['images'] if image['file_name'] == 'clip_000003')['frame'] == 3
    # Mended, the run goes on with what was missing.
    shutil.copy(photos / 'b.jpg', photos / 'none.jpg')
    code, printed = call('infer', config, checkpoint, photos, clip, '--out', out, '--overlays', '--device', 'cpu')
    assert code == 0
    assert '9 images' in printed
    assert '8 of them from earlier runs' in printed
    assert not (out / 'failed.txt').exists()


def test_pictures_that_no_model_takes(model, photos, tmp_path, call):
    config, checkpoint = model(BOXES)
    strip, link = photos / 'strip.png', photos / 'link.jpg'
    cv2.imwrite(str(strip), np.zeros((1, 5000, 3), np.uint8))
    link.symlink_to('none.jpg')
    out = tmp_path / 'out'
    for earlier in (0, 3):
        code, printed = call('infer', config, checkpoint, photos, '--out', out, '--device', 'cpu')
        assert code == 1, printed
        assert f'skipped: {strip}: error: OpenCV' in printed
        assert f'skipped: image {link} is no file' in printed
        assert f'{earlier} of them from earlier runs' in printed or not earlier
        failed = (out / 'failed.txt').read_text().splitlines()
        assert [line.split('\t')[0] for line in failed] == [str(link), str(strip)]
        assert names_of(out) == ['a.png', 'b.jpg', 'below/b.jpg']


class WithoutTheOther(Processes):
    """The first of two, of which the second lost its results and reported one file."""

    reported: ClassVar = {'cut.avi': 'reported by the second'}

    def wait(self):
        pass

    def broadcast(self, value):
        return value

    def gather(self, value):
        return [value, self.reported]

    def fail_together(self):
        return nullcontext()

    keep_alive = fail_together


def test_predictions_that_are_not_finite(model, photos, tmp_path, call):
    config, checkpoint = model(CLASSES)
    weights = torch.load(checkpoint)
    weights['state_dict']['head.fc.bias'].fill_(torch.nan)
    torch.save(weights, checkpoint)
    out = tmp_path / 'out'
    code, printed = call('infer', config, checkpoint, photos, '--out', out, '--device', 'cpu')
    assert code == 1
    assert printed.count('the model predicts values that are not finite: check its weights') == 3
    assert len((out / 'failed.txt').read_text().splitlines()) == 3
    assert names_of(out) == []


def test_files_without_results_are_always_told(model, photos, tmp_path, capsys):
    config, checkpoint = model(CLASSES)
    clip, out = write_video(tmp_path / 'clip.avi'), tmp_path / 'out'
    summary = infer(str(config), str(checkpoint), [str(photos), str(clip)], out, Choices(), WithoutTheOther(0, 2))
    missing = {str(clip), str(photos / 'b.jpg')}  # every other frame, and every other picture
    assert summary.failed.keys() == missing | {'cut.avi'}
    printed = capsys.readouterr().err
    assert 'skipped: reported by the second' in printed
    assert all(f'skipped: {path}: results are missing' in printed for path in missing)
    assert len((out / 'failed.txt').read_text().splitlines()) == 3
    assert summary.images == 2 + 3


@pytest.fixture
def in_two(capfd):
    """Runs a function in two forks that joined; returns exit code of the first and what both printed."""
    fork = multiprocessing.get_context('fork')

    def start(work, timeout):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]

        def main(rank):
            os.environ.update(RANK=str(rank), WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
            with join_processes(timeout) as processes:
                work(processes)

        forks = [fork.Process(target=errors.run, args=(partial(main, rank),)) for rank in range(2)]
        try:
            for process in forks:
                process.start()
            forks[0].join(PATIENCE)
            return forks[0].exitcode, ''.join(capfd.readouterr())
        finally:
            for process in forks:
                process.kill()
                process.join()

    return start


@in_forks
def test_one_process_tells_a_mistake(in_two):
    def work(processes):
        with processes.fail_together():
            pass
        assert processes.broadcast(f'list of {processes.rank}') == 'list of 0'
        with processes.fail_together():
            raise UserError(f'found by {processes.rank}')

    code, printed = in_two(work, 60)
    assert (code, printed) == (2, 'error: found by 0\n')


@in_forks
def test_slow_processes_are_waited_for_and_lost_ones_are_not(in_two):
    def work(processes):
        with processes.keep_alive():
            time.sleep(8 * processes.rank)  # longer than the time for an answer
        print('both are ready')
        if processes.rank:
            os.kill(os.getpid(), signal.SIGSTOP)
        with processes.keep_alive():
            pass

    code, printed = in_two(work, 5)
    assert 'both are ready' in printed
    assert 'error: process 0 of 2 has lost the others (' in printed
    assert 'Traceback' not in printed
    assert code == 2


@pytest.fixture
def many(tmp_path):
    """Forty pictures."""
    rng = np.random.default_rng(0)
    for i in range(40):
        path = tmp_path / 'many' / f'{i:02d}.png'
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 255, (64, 64, 3), np.uint8))
    return tmp_path / 'many'


def lines_of(out):
    return [line for path in (out / 'journal').glob('*.jsonl') for line in path.read_bytes().splitlines(True)]


class Counted(io.FileIO):
    """Counts the bytes that are read."""

    read_bytes = 0

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.read_bytes += count
        return count


class CountedPath(type(Path())):
    """Opens its file so that bytes are counted."""

    def open(self, mode):
        self.counted = Counted(self, mode.replace('b', ''))
        return io.BufferedRandom(self.counted)


@pytest.mark.parametrize('cut', [0, 17, 300_000], ids=['whole', 'cut', 'a long line is cut'])
def test_a_journal_is_read_from_its_end(cut, tmp_path):
    path, lines = tmp_path / '0.jsonl', b'[["a"], {}]\n' * 400_000
    path.write_bytes(lines + b'x' * cut)
    with Journal(watched := CountedPath(path)) as journal:
        assert watched.counted.read_bytes <= cut + 200_000 < len(lines) / 8
        journal.append(('b',), {})
    assert path.read_bytes() == lines + b'[["b"], {}]\n'


@pytest.mark.parametrize('content', [b'', b'cut'])
def test_a_journal_without_a_whole_line(content, tmp_path):
    path = tmp_path / '0.jsonl'
    path.write_bytes(content)
    with Journal(path) as journal:
        journal.append(('b',), {})
    assert path.read_bytes() == b'[["b"], {}]\n'


def test_a_killed_run_goes_on(model, many, tmp_path, call):
    config, checkpoint = model(BOXES)
    out = tmp_path / 'out'
    command = ['infer', config, checkpoint, many, '--out', out, '--device', 'cpu']
    killed = run_program(HELPERS / 'killed.py', [out / 'journal', 3, *command])
    assert killed.returncode == -signal.SIGKILL, 'it ended before it was killed'
    with open(out / 'journal/0.jsonl', 'ab') as file:
        file.write(b'[["/tmp/x.png", "x", 1')  # as if a line had been cut
    before = [line for line in lines_of(out) if line.endswith(b'\n')]
    assert 3 <= len(before) < 40
    code, printed = call(*command)
    assert code == 0, printed
    assert f'40 images: {out}/predictions.json; {len(before)} of them from earlier runs' in printed
    after = lines_of(out)
    assert after[: len(before)] == before
    assert set(Counter(json.loads(line)[0][1] for line in after).values()) == {1}  # no picture twice
    fresh = tmp_path / 'fresh'
    assert call('infer', config, checkpoint, many, '--out', fresh, '--device', 'cpu')[0] == 0
    assert (out / 'predictions.json').read_bytes() == (fresh / 'predictions.json').read_bytes()


def test_two_processes_write_what_one_writes(model, photos, tmp_path, call):
    config, checkpoint = model(MASKS)
    inputs = [photos, write_video(tmp_path / 'clip.avi')]
    inputs[0].joinpath('link.jpg').symlink_to('none.jpg')
    one, two = tmp_path / 'one', tmp_path / 'two'
    assert call('infer', config, checkpoint, *inputs, '--out', one, '--device', 'cpu')[0] == 1
    result = run('infer', config, checkpoint, *inputs, '--out', two, '--device', 'cpu', processes=2)
    assert result.returncode == 1, result.stderr[-3000:]
    assert f'8 images: {two}/predictions.json; 1 files failed' in result.stdout
    assert result.stderr.count('skipped: ') == 1
    assert (two / 'failed.txt').read_bytes() == (one / 'failed.txt').read_bytes()
    assert (two / 'predictions.json').read_bytes() == (one / 'predictions.json').read_bytes()
    assert sorted(len(path.read_bytes().splitlines()) for path in (two / 'journal').iterdir()) == [3, 5]
    # A mistake is reported once.
    result = run('infer', config, checkpoint, *inputs, '--out', two, '--top', 3, processes=2)
    assert result.stderr.count('error: --out: ') == 1
    assert 'top 5 and not 3' in result.stderr
    assert 'by peer' not in result.stderr
    # What two processes left, one goes on with.
    assert (
        '8 of them from earlier runs' in call('infer', config, checkpoint, *inputs, '--out', two, '--device', 'cpu')[1]
    )


def test_another_run_in_the_same_folder(model, photos, tmp_path, call):
    config, checkpoint = model(CLASSES)
    out = tmp_path / 'out'

    def again(*more, weights=checkpoint):
        return call('infer', config, weights, photos, '--out', out, '--device', 'cpu', *more)

    assert again()[0] == 0
    code, printed = again('--score-thr', 0.2)
    assert code == 2
    assert 'score_thr None and not 0.2: name another folder, or replace them with --overwrite' in printed
    other = tmp_path / 'other.pth'
    state = torch.load(checkpoint)
    state['state_dict']['head.fc.bias'] += 1
    torch.save(state, other)
    assert 'another checkpoint' in again(weights=other)[1]
    assert 'another config' in again('--cfg-options', 'model.head.topk=3')[1]
    (out / 'mine.txt').touch()
    code, printed = again('--overwrite', weights=other)
    assert code == 0, printed
    assert 'before' not in printed
    assert (out / 'mine.txt').is_file()


def test_mistakes(model, photos, tmp_path, call):
    config, checkpoint = model(CLASSES)

    def fails(*args, out=tmp_path / 'out'):
        code, printed = call('infer', '--device', 'cpu', *args, '--out', out)
        assert code == 2, printed
        assert not (tmp_path / 'out').exists()
        return printed

    assert 'IN: none.jpg is neither a file nor a folder' in fails(config, checkpoint, 'none.jpg')
    (tmp_path / 'empty').mkdir()
    assert 'has no images' in fails(config, checkpoint, tmp_path / 'empty')
    assert 'argument CHECKPOINT: none.pth is no file' in fails(config, 'none.pth', photos)
    assert 'is no file' in fails('none.py', checkpoint, photos)
    assert '--short-side: must be a whole number from 1 on' in fails(config, checkpoint, photos, '--short-side', 0)
    assert '--score-thr: must be a number from 0 to 1' in fails(config, checkpoint, photos, '--score-thr', 30)
    assert '--timeout must be more than 0' in fails(config, checkpoint, photos, '--timeout', 0)
    assert '--top: must be a whole number from 1 on' in fails(config, checkpoint, photos, '--top', 0)
    assert 'has other files' in fails(config, checkpoint, photos, out=photos)
    assert 'is no folder' in fails(config, checkpoint, photos, out=photos / 'b.jpg')
    assert "--device: must be auto, cpu, cuda or cuda:N (N from 0 on), got 'tpu9'" in fails(
        config, checkpoint, photos, '--device', 'tpu9'
    )
    cut, clip = write_video(tmp_path / 'clip.avi'), tmp_path / 'clip_000001.jpg'
    shutil.copy(photos / 'b.jpg', clip)
    assert 'would have the same name' in fails(config, checkpoint, cut, clip)
    state = torch.load(checkpoint)
    torch.save(dict(state_dict=state['state_dict']), tmp_path / 'bare.pth')
    assert 'names the classes' in fails(config, tmp_path / 'bare.pth', photos)
    few = '--cfg-options', 'test_dataloader.dataset.metainfo.classes=[a,b]'
    code, printed = call('infer', config, tmp_path / 'bare.pth', photos, '--out', tmp_path / 'few', *few)
    assert (code, 'more classes than the 2 that are named' in printed) == (2, True)


@pytest.mark.parametrize('name', [MASKS, SEGMENTS])
def test_tiles(model, photos, tmp_path, call, name):
    config, checkpoint = model(name)
    out = tmp_path / 'out'
    command = ('infer', '--device', 'cpu', config, checkpoint, photos / 'b.jpg', '--out', out)
    code, printed = call(*command, '--overlays', '--tiles', 48, '--overlap', 0.25)
    assert code == 0, printed
    assert cv2.imread(str(out / 'overlays/b.jpg')).shape == (64, 80, 3)
    if name == SEGMENTS:
        assert np.asarray(Image.open(out / 'segments/b.png')).shape == (64, 80)
    else:
        for found in COCO(out / 'predictions.json').dataset['annotations']:
            assert found['segmentation']['size'] == [64, 80]
    # The same tiles go on, others do not mix.
    assert 'of them from earlier runs' in call(*command, '--overlays', '--tiles', 48, '--overlap', 0.25)[1]
    assert 'overlap 0.25 and not 0.2' in call(*command, '--overlays', '--tiles', 48)[1]
    assert 'tiles 48 and not None' in call(*command, '--overlays')[1]


def test_mistakes_with_tiles(model, photos, tmp_path, call):
    config, checkpoint = model(CLASSES)

    def fails(*args):
        code, printed = call('infer', '--device', 'cpu', config, checkpoint, photos, '--out', tmp_path / 'out', *args)
        assert (code, (tmp_path / 'out').exists()) == (2, False), printed
        return printed

    assert 'a classifier gives the whole picture one class' in fails('--tiles', 64)
    assert 'it needs --tiles N' in fails('--overlap', 0.2)
    assert 'at least 32 pixels a side, got 8' in fails('--tiles', 8)
    assert '--tiles: must be a whole number' in fails('--tiles', 0)
    assert 'from 0 to 0.9, got 1.0' in fails('--tiles', 64, '--overlap', 1)
    assert '--overlap: invalid float' in fails('--tiles', 64, '--overlap', 'much')
