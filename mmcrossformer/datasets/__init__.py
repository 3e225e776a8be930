"""Data sets without a download."""

from mmcrossformer.datasets.builders import digits_classification, digits_detection, digits_segmentation

__all__ = ['digits_classification', 'digits_detection', 'digits_segmentation']
