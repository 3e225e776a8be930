"""Finds the image files that annotations name, and their sizes."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from PIL import Image, UnidentifiedImageError

from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.reader import divide, files_below, is_image, subset_of, subset_of_place
from mmcrossformer.utils.errors import UserError, names

_ORIENTATION = 0x0112
# Values of the EXIF orientation that exchange width and height.
_LYING = (5, 6, 7, 8)
_USUAL_FOLDERS = ('images', 'JPEGImages')


def loaded_size(path: Path) -> tuple[int, int]:
    """Returns width and height in pixels as the image is loaded for training: turned as its EXIF orientation says.

    Raises:
        UserError: The file is no image that can be read.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            # Only where it is present: for PNG, Pillow would decode the image to look for it.
            turned = 'exif' in image.info and image.getexif().get(_ORIENTATION) in _LYING
            sure = not turned or image.format in ('JPEG', 'MPO')
    except (Image.DecompressionBombError, UnidentifiedImageError):
        return _decoded_size(path)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f'image {path} cannot be read: {error}') from error
    # Which other formats OpenCV turns depends on its version.
    return ((height, width) if turned else (width, height)) if sure else _decoded_size(path)


def _decoded_size(path: Path) -> tuple[int, int]:
    import cv2

    try:
        pixels = cv2.imread(str(path))
    except cv2.error as error:
        raise UserError(f'image {path} cannot be read: {error}') from error
    if pixels is None:
        raise UserError(f'image {path} cannot be read: OpenCV finds no image in it')
    height, width = pixels.shape[:2]
    return width, height


class Images:
    """The image files in and below a folder.

    Attributes:
        paths: The files, in the order of their names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = [path for path in files_below(folder) if is_image(path)]
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            self._by_name[path.name].append(path)
            self._by_stem[path.stem].append(path)

    def find(self, name: str, annotation: Path, subset: str | None) -> Path | None:
        """Returns the image that an annotation names, or None.

        Of several images, that counts which agrees with most of the name's folders, then that of the subset, then that
        beside the annotation, then that in a folder of a usual name. An image of another subset never counts, unless
        the name states the subset.

        Args:
            name: Name of the image, with or without folders and suffix; with the separators of any system.
            annotation: The annotation file, below the folder.
            subset: The subset of the annotation.

        Raises:
            UserError: Several images are equally likely.
        """
        parts = PurePosixPath(name.replace('\\', '/')).parts
        if not parts:
            return None
        free = subset is None or any(subset_of(part) for part in parts[:-1])
        ranked: dict[tuple, list[Path]] = defaultdict(list)
        for path in self._by_name.get(parts[-1], []) or self._by_stem.get(parts[-1], []):
            own = subset_of_place(path.parent, self.folder)
            if free or own in (None, subset):
                usual = any(part in _USUAL_FOLDERS for part in path.parent.parts)
                rank = (
                    _shared_tail(parts[:-1], path.parent.parts),
                    own == subset,
                    path.parent == annotation.parent,
                    usual,
                )
                ranked[rank].append(path)
        if not ranked:
            return None
        best = ranked[max(ranked)]
        if len(best) > 1:
            raise UserError(
                f'{annotation} names the image {name}, which may be any of {names(best)}: rename all but one'
            )
        return best[0]


def check_complete(missing: Sequence[str], total: int, what: str, folder: Path) -> None:
    """Raises a `UserError` if annotations name images that are not there.

    Args:
        missing: Names of the images that were not found.
        total: Number of images that are named.
        what: What names them.
        folder: Where they were looked for.
    """
    if missing:
        raise UserError(
            f'{what}: {len(missing)} of {total} images are not in or below {folder}: {names(missing)}. Put them there, '
            'or take them out of the annotations'
        )


def note_unused(images: Images, used: Sequence[Picture]) -> list[str]:
    """Returns a note if there are images that no annotation names, in the folders of those that are named."""
    named = {picture.path for picture in used}
    folders = {path.parent for path in named}
    count = sum(path.parent in folders and path not in named for path in images.paths)
    return [f'{count} pictures without annotation file or entry are left out'] if count else []


def found_objects(
    name: str,
    folder: Path,
    classes: tuple[str, ...],
    subsets: dict[str, list[Picture]],
    images: Images,
    notes: Sequence[str],
    share: float | None,
) -> Found:
    """Divides pictures with objects, and notes images without annotation; see `divide` for `subsets` and `share`.

    Args:
        name: Title of the format.
        folder: The folder.
        classes: Names of the classes.
        subsets: Pictures of each subset.
        images: All images of the folder.
        notes: What the reader has to say.
        share: Share to train on where there is no subset for validation.

    Raises:
        UserError: See `divide`.
    """
    everything = [picture for part in subsets.values() for picture in part]
    train, val, split_notes = divide(subsets, folder, share)
    return Found(
        kind='objects',
        format=name,
        folder=folder,
        classes=classes,
        train=train,
        val=val,
        masks=all_have_masks(train + val),
        notes=(*notes, *note_unused(images, everything), *split_notes),
    )


def all_have_masks(pictures: Sequence[Picture]) -> bool:
    """Whether there are objects, and all of them have a segmentation."""
    objects = [entry for picture in pictures for entry in picture.annotation]
    return bool(objects) and all(entry.get('segmentation') for entry in objects)


def _shared_tail(first: Sequence[str], second: Sequence[str]) -> int:
    count = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        count += 1
    return count
