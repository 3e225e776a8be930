# Beside mmengine's hooks: a progress bar, curves, trainings that can be resumed exactly, and what they were run with;
# a report at the end.
custom_hooks = [
    dict(type='mmcrossformer.ProgressHook'),
    dict(type='mmcrossformer.CurvesHook'),
    dict(type='mmcrossformer.RandomStateHook'),
    dict(type='mmcrossformer.ProvenanceHook'),
    dict(type='mmcrossformer.FiniteLossHook'),
    dict(type='mmcrossformer.SkipUnreadableHook'),
    dict(type='mmcrossformer.ReportHook'),
]
