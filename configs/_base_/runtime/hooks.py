# Beside mmengine's hooks: a progress bar, curves, and trainings that can be resumed exactly.
custom_hooks = [
    dict(type='mmcrossformer.ProgressHook'),
    dict(type='mmcrossformer.CurvesHook'),
    dict(type='mmcrossformer.RandomStateHook'),
]
