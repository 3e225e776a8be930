# In addition to mmengine's hooks: a progress bar, the best weights, curves, exact resuming, a record of settings and
# versions, and a report at the end.
custom_hooks = [
    dict(type='mmcrossformer.ProgressHook'),
    dict(type='mmcrossformer.BestHook'),
    dict(type='mmcrossformer.CurvesHook'),
    dict(type='mmcrossformer.RandomStateHook'),
    dict(type='mmcrossformer.ProvenanceHook'),
    dict(type='mmcrossformer.FiniteLossHook'),
    dict(type='mmcrossformer.SkipUnreadableHook'),
    dict(type='mmcrossformer.MissedValidationHook'),
    dict(type='mmcrossformer.ReportHook'),
]
