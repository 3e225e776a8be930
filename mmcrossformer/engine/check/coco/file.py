"""The content of an annotation file."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class CocoFile:
    """An annotation file as `read_coco` returns it.

    Attributes:
        content: The content.
        path: Path of the file, for messages.
    """

    content: dict[str, Any]
    path: Path

    @property
    def total(self) -> int:
        """Number of annotations."""
        return len(self.content['annotations'])

    @cached_property
    def images(self) -> dict[Hashable, dict[str, Any]]:
        """Images by id."""
        return {image['id']: image for image in self.content['images']}

    @cached_property
    def categories(self) -> dict[Hashable, str]:
        """Names of categories by id, in the order of the file."""
        return {category['id']: category['name'] for category in self.content['categories']}

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """Annotations whose image and category the file lists."""
        return [
            entry
            for entry in self.content['annotations']
            if entry['image_id'] in self.images and entry['category_id'] in self.categories
        ]

    @cached_property
    def objects_of(self) -> dict[Hashable, list[dict[str, Any]]]:
        """`objects` by the id of their image."""
        found = defaultdict(list)
        for entry in self.objects:
            found[entry['image_id']].append(entry)
        return found

    @cached_property
    def boxes(self) -> np.ndarray:
        """x, y, width and height of `objects`: [N, 4]."""
        return np.array([entry['bbox'] for entry in self.objects], float).reshape(-1, 4)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Width and height of the images of `objects`: [N, 2]."""
        images = (self.images[entry['image_id']] for entry in self.objects)
        return np.array([(image['width'], image['height']) for image in images], float).reshape(-1, 2)
