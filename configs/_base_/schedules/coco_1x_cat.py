# COCO 1x as published for CAT: more weight decay.
_base_ = './coco_1x.py'

optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
