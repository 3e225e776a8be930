# Transforms that resize an image to many scales: whole, or an enlarged crop of it. The authors of CrossFormer released
# no config; the scales are those of mmdet's Swin 3x.
resize = dict(type='RandomChoiceResize', scales=[(side, 1333) for side in range(480, 801, 32)], keep_ratio=True)
enlarge = dict(type='RandomChoiceResize', scales=[(400, 1333), (500, 1333), (600, 1333)], keep_ratio=True)
crop = dict(type='RandomCrop', crop_type='absolute_range', crop_size=(384, 600), allow_negative_crop=True)
many_scales = dict(type='RandomChoice', transforms=[[resize], [enlarge, crop, resize]])
