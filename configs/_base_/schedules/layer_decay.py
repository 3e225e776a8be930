# Fine-tuning: learning rates that decrease towards the input, no weight decay on norms, biases and position bias. After
# _base_ = [..., './_base_/schedules/layer_decay.py'] a config sets: optim_wrapper = {{_base_.layer_decay}}
layer_decay = dict(
    constructor='mmcrossformer.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.8),
)
