"""Metrics of the host libraries."""

# The first of these that a test reports is the result.
METRICS = ('coco/segm_mAP', 'coco/bbox_mAP', 'mIoU', 'accuracy/top1')
