# RetinaNet for the digits: slim neck and head.
_base_ = './retinanet_slim.py'

model = dict(
    data_preprocessor=dict(pad_size_divisor=1),
    bbox_head=dict(num_classes=10),
    test_cfg=dict(nms_pre=200, max_per_img=30),
)
