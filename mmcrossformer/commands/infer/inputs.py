"""Finds and reads the inputs of a run: files, folders, patterns and videos."""

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmcrossformer.apis.predictor import read_image
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.names import relative_names, result_names

IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp')
VIDEO_SUFFIXES = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')
# The header of a video estimates its number of frames; a video that ends before this part of them is broken.
_COMPLETE = 0.9


@dataclass(frozen=True)
class Source:
    """An image or a video.

    Attributes:
        path: The file.
        file_name: Its path relative to the deepest folder that has all inputs of the run.
        name: Unique name: `file_name` without suffix, or with it if two files differ only in their suffix.
        size: Size in bytes.
        changed: Time of the last change, in nanoseconds.
    """

    path: Path
    file_name: str
    name: str
    size: int
    changed: int

    @property
    def is_video(self) -> bool:
        """Whether the file is a video."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    def name_of(self, frame: int | None) -> str:
        """Returns the name for results of the image, or of a frame (from 0 on)."""
        return self.name if frame is None else f'{self.name}_{frame:06d}'


def find_sources(inputs: Sequence[str], excluded: Path) -> list[Source]:
    """Finds all files that the arguments IN name.

    Args:
        inputs: Files, folders (all images in and below them) and patterns such as `'photos/**/*.jpg'`.
        excluded: Folder of the results; its images are skipped if it is inside an input folder. They are included if an
            argument names this folder or a path below it.

    Returns:
        One source for each file, sorted by path.

    Raises:
        UserError: An argument matches no images.
    """
    paths = sorted({path for argument in inputs for path in _files_of(argument, Path(os.path.abspath(excluded)))})
    named = zip(paths, relative_names(paths), result_names(paths), strict=True)
    sources = [Source(path, file_name, name, *_size_and_time(path)) for path, file_name, name in named]
    _check_names(sources)
    return sources


def _files_of(argument: str, excluded: Path) -> list[Path]:
    """Returns the absolute paths of the files that one argument names."""
    named = [argument] if os.path.exists(argument) else glob.glob(argument, recursive=True)
    files: list[Path] = []
    for path in (Path(os.path.abspath(name)) for name in named):
        files += _images_below(path) if path.is_dir() else [path]
    if not Path(os.path.abspath(argument)).is_relative_to(excluded):
        results = [path for path in files if path.is_relative_to(excluded)]
        files = [path for path in files if not path.is_relative_to(excluded)]
        if results and not files:
            raise UserError(f'IN: {argument} has only images in {excluded}, the folder of --out')
    if files:
        return files
    if not named:
        raise UserError(f'IN: {argument} is neither a file nor a folder, and matches no files as a pattern')
    raise UserError(f'IN: {argument} has no images; allowed suffixes are {", ".join(IMAGE_SUFFIXES)}')


def _images_below(folder: Path) -> list[Path]:
    return [Path(parent) / name for parent, _, files in os.walk(folder) for name in files if _is_image(name)]


def _size_and_time(path: Path) -> tuple[int, int]:
    """Returns bytes and time of the last change; 0 for a broken link, which is reported when it is read."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith('.')


def _check_names(sources: Sequence[Source]) -> None:
    """Rejects images that have the name of a frame, such as clip_000001.jpg beside clip.avi."""
    videos = {source.name: source for source in sources if source.is_video}
    for source in sources:
        frame_of = re.fullmatch(r'(.*)_\d{6,}', source.name)
        other = videos.get(frame_of[1]) if frame_of else None
        if other is not None:
            raise UserError(
                f'results of {other.path} and {source.path} would have the same name: rename one of the files'
            )


def read_images(source: Source, wanted: Callable[[int], bool]) -> Iterator[tuple[int | None, np.ndarray]]:
    """Reads an image, or the frames of a video one by one.

    Args:
        source: The file.
        wanted: Returns whether to read the frame of a video with this number; other frames are skipped.

    Yields:
        Number of the frame (None for an image) and pixels [H, W, 3], uint8, RGB.

    Raises:
        UserError: A file cannot be read, or a video ends early (raised after its frames).
    """
    if not source.is_video:
        yield None, read_image(source.path)
        return
    video = _open_video(source)
    number = 0
    try:
        while video.grab():
            if wanted(number):
                is_decoded, pixels = video.retrieve()
                if not is_decoded:
                    break
                yield number, np.ascontiguousarray(pixels[..., ::-1])
            number += 1
    finally:
        announced = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        video.release()
    if number == 0 or number < _COMPLETE * announced:
        raise UserError(f'video {source.path} ends after {number} of {announced} frames: it is broken')


def count_frames(source: Source) -> int:
    """Returns the number of frames in the header of a video."""
    video = cv2.VideoCapture(str(source.path))
    frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    video.release()
    return max(frames, 0)


def _open_video(source: Source) -> cv2.VideoCapture:
    video = cv2.VideoCapture(str(source.path))
    if not video.isOpened():
        raise UserError(f'video {source.path} cannot be read: OpenCV does not support its format, or it is broken')
    return video
