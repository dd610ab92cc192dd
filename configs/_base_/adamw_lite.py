"""Optimizer of the lite detector: 4 labeled images a batch (a student adds 4 unlabeled ones), gradients clipped.

AdamW and not the paper's SGD, which is far from done after a few hundred iterations (docs/design.md).
"""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.0005, weight_decay=0.01),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100),
    dict(type='ShareStepLR', shares=(2 / 3, 8 / 9), gamma=0.1, by_epoch=False),
]
auto_scale_lr = dict(enable=False, base_batch_size=4)
