"""Maps pixels of an image to the input of a backbone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mmcrossformer.utils.errors import UserError


@dataclass(frozen=True)
class Placement:
    """An image in the input of a backbone: resized, then optionally center-cropped, or padded at the bottom and right.

    Pairs are (rows, columns).

    Attributes:
        image: Pixels [H, W, 3], uint8, RGB, as in the file.
        input_size: Height and width of the input in pixels, padding included.
        content_size: Height and width of the input without padding.
        scale: Scale factor from image to input along each axis.
        offset: Pixels cropped at the top and left, after resizing.
    """

    image: np.ndarray
    input_size: tuple[int, int]
    content_size: tuple[int, int]
    scale: tuple[float, float]
    offset: tuple[int, int]

    @classmethod
    def from_batch(cls, image: np.ndarray, batch: Mapping[str, Any]) -> 'Placement':
        """Creates the placement from the result of `Predictor.prepare` for the image."""
        meta = batch['data_samples'][0].metainfo
        height, width = batch['inputs'].shape[2:]
        across, down = meta.get('scale_factor', (1.0, 1.0))
        resized = round(image.shape[0] * down), round(image.shape[1] * across)
        rows, cols = (int(side) for side in meta['img_shape'][:2])
        # A crop takes the middle, as mmcv's CenterCrop does.
        top, left = (max(0, round((whole - part) / 2)) for whole, part in zip(resized, (rows, cols), strict=True))
        return cls(image, (height, width), (rows, cols), (float(down), float(across)), (top, left))

    def pixel(self, row: int, col: int) -> tuple[int, int]:
        """Returns the pixel of the input for a pixel of the image.

        Raises:
            UserError: The pixel is outside of the image or cropped away.
        """
        height, width = self.image.shape[:2]
        if not (0 <= row < height and 0 <= col < width):
            raise UserError(
                f'pixel {row} {col} is outside the image of {height} x {width} pixels: '
                f'rows are 0 to {height - 1}, columns 0 to {width - 1}'
            )
        # The center of the pixel.
        found_row, found_col = (
            int((place + 0.5) * scale) - offset
            for place, scale, offset in zip((row, col), self.scale, self.offset, strict=True)
        )
        rows, cols = self.content_size
        if not (0 <= found_row < rows and 0 <= found_col < cols):
            raise UserError(
                f'pixel {row} {col} is cropped away by the test pipeline of the config, which takes '
                f'{rows} x {cols} pixels from the middle: choose another, or set the short side'
            )
        return found_row, found_col

    def show(self, axis: Axes) -> None:
        """Draws the input of the backbone, in its pixels; padding is grey."""
        top, left = (-offset for offset in self.offset)
        bottom = top + self.image.shape[0] * self.scale[0]
        right = left + self.image.shape[1] * self.scale[1]
        axis.set_facecolor('#DDDDDD')
        axis.imshow(self.image, extent=(left, right, bottom, top), interpolation='antialiased')
        axis.set(xlim=(0, self.input_size[1]), ylim=(self.input_size[0], 0), xticks=[], yticks=[])
