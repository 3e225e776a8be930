# Settings that all tasks share.
_base_ = './hooks.py'

# Inferencers of mmengine read a checkpoint before they build its model. torch >= 2.6 refuses what mmengine stores
# beside the weights until this package has allowed it, and mmengine 0.10.7 asks torch alone.
custom_imports = dict(imports=['mmcrossformer'])

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='mmcrossformer.AtomicCheckpointHook', interval=1, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
vis_backends = [dict(type='LocalVisBackend')]
log_level = 'INFO'
load_from = None
resume = False
