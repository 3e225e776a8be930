# Classifier for the digits, trained on images as they are.
_base_ = './classifier.py'

model = dict(head=dict(num_classes=10, topk=(1,)), train_cfg=dict(_delete_=True))
