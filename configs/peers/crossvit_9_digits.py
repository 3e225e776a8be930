# CrossViT-9 of timm, digits: as ours but for the model. Patches of half the side at a quarter of the size make 10 x 10
# and 7 x 7 tokens; timm enlarges the pictures of 56 pixels to 60 for the branch of small patches.
_base_ = '../crossformer_t_digits.py'

model = dict(
    _delete_=True,
    type='TimmClassifier',
    model_name='crossvit_9_240',
    img_size=60,
    patch_size=(6, 8),
    num_classes=10,
    drop_path_rate=0.0,
    loss={{_base_.model.head.loss}},
)
