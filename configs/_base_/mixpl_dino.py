"""MixPL on DINO: AdamW, a threshold of 0.4, one rate to the end."""

_base_ = './mixpl.py'

semi = dict(balancer=dict(threshold=0.4))
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.0001),
    clip_grad=dict(max_norm=0.1, norm_type=2),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))),
)
param_scheduler = []
