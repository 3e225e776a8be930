"""Which images a run is about: files, folders, patterns and videos."""

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmcrossformer.apis.predictor import read_image
from mmcrossformer.utils.errors import UserError

IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp')
VIDEO_SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')
# Headers of videos estimate how many frames there are; one that ends before this part of them is broken.
_WHOLE = 0.9


@dataclass(frozen=True)
class Source:
    """A file with one picture or, for a video, many.

    Attributes:
        path: The file.
        file_name: Its path below the deepest folder that holds all inputs of the run.
        name: The same without suffix, or with it where that would be another file's name. No two are alike.
        size: Bytes.
        changed: When it was written, in nanoseconds.
    """

    path: Path
    file_name: str
    name: str
    size: int
    changed: int

    @property
    def is_video(self) -> bool:
        """Whether it has frames."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    def name_of(self, frame: int | None) -> str:
        """The name for results of the picture, or of a frame from 0 on."""
        return self.name if frame is None else f'{self.name}_{frame:06d}'


def find_sources(inputs: Sequence[str], excluded: Path) -> list[Source]:
    """Finds all files that the arguments of a command line name.

    Args:
        inputs: Files, folders (all images in and below them) and patterns such as `'photos/**/*.jpg'`.
        excluded: A folder whose images are not taken, though it may lie in one of the inputs: that of the results.
            An argument that names the folder itself or something below it gets them.

    Returns:
        Each file once, sorted by path.

    Raises:
        UserError: An argument that names nothing.
    """
    paths = sorted({path for argument in inputs for path in _files_of(argument, Path(os.path.abspath(excluded)))})
    root = Path(os.path.commonpath([path.parent for path in paths]))
    stems = Counter(path.with_suffix('') for path in paths)
    sources = []
    for path in paths:
        file_name = path.relative_to(root).as_posix()
        name = path.relative_to(root).with_suffix('').as_posix() if stems[path.with_suffix('')] == 1 else file_name
        size, changed = _size_and_time(path)
        sources.append(Source(path, file_name, name, size, changed))
    _check_names(sources)
    return sources


def _files_of(argument: str, excluded: Path) -> list[Path]:
    """The files that one argument names, absolute."""
    named = [argument] if os.path.exists(argument) else glob.glob(argument, recursive=True)
    files: list[Path] = []
    for path in (Path(os.path.abspath(name)) for name in named):
        files += _images_below(path) if path.is_dir() else [path]
    if not Path(os.path.abspath(argument)).is_relative_to(excluded):
        results = [path for path in files if path.is_relative_to(excluded)]
        files = [path for path in files if not path.is_relative_to(excluded)]
        if results and not files:
            raise UserError(f'IN: {argument} holds nothing but results in {excluded}, the folder of --out')
    if files:
        return files
    if not named:
        raise UserError(f'IN: {argument} is no file or folder, and a pattern that nothing matches')
    raise UserError(f'IN: {argument} holds no images, which end with {", ".join(IMAGE_SUFFIXES)}')


def _images_below(folder: Path) -> list[Path]:
    return [Path(parent) / name for parent, _, files in os.walk(folder) for name in files if _is_image(name)]


def _size_and_time(path: Path) -> tuple[int, int]:
    """Bytes and time of the last change; of a link to nothing 0, and reading it will tell."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith('.')


def _check_names(sources: Sequence[Source]) -> None:
    """Refuses the rare names that meet: x.jpg.png beside x.jpg and x.png, clip_000001.jpg beside clip.avi."""
    videos = {source.name: source for source in sources if source.is_video}
    by_name: dict[str, Source] = {}
    for source in sources:
        frame_of = re.fullmatch(r'(.*)_\d{6,}', source.name)
        other = videos.get(frame_of[1]) if frame_of else None
        other = other or by_name.setdefault(source.name, source)
        if other is not source:
            raise UserError(f'results of {other.path} and {source.path} would get the same names: rename one of them')


def read_images(source: Source, wanted: Callable[[int], bool]) -> Iterator[tuple[int | None, np.ndarray]]:
    """Reads a picture, or frames of a video one by one.

    Args:
        source: The file.
        wanted: Whether to read a frame of a video, by its number; others are passed over.

    Yields:
        Number of the frame (None for a picture) and pixels [H, W, 3], uint8, RGB.

    Raises:
        UserError: A file that cannot be read, or a video that ends early (after its frames).
    """
    if not source.is_video:
        yield None, read_image(source.path)
        return
    video = _open_video(source)
    number = 0
    try:
        while video.grab():
            if wanted(number):
                there, pixels = video.retrieve()
                if not there:
                    break
                yield number, np.ascontiguousarray(pixels[..., ::-1])
            number += 1
    finally:
        announced = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        video.release()
    if number == 0 or number < _WHOLE * announced:
        raise UserError(f'video {source.path} ends after {number} of {announced} frames: it is broken')


def count_frames(source: Source) -> int:
    """How many frames the header of a video announces."""
    video = cv2.VideoCapture(str(source.path))
    frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    video.release()
    return max(frames, 0)


def _open_video(source: Source) -> cv2.VideoCapture:
    video = cv2.VideoCapture(str(source.path))
    if not video.isOpened():
        raise UserError(f'video {source.path} cannot be read: OpenCV knows no such format, or it is broken')
    return video
