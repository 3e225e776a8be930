_base_ = './common.py'

default_scope = 'mmpretrain'
default_hooks = dict(
    logger=dict(interval=100),
    visualization=dict(type='VisualizationHook', enable=False),
)
visualizer = dict(type='UniversalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
