"""The paper's optimizer: SGD 0.01 for a total batch of 8.

The rate falls by 10 at 2/3 and 8/9 of `max_iters`: 120k and 160k of 180k, "likewise for other schedules".
"""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0001),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(type='ShareStepLR', shares=(2 / 3, 8 / 9), gamma=0.1, by_epoch=False),
]
auto_scale_lr = dict(enable=False, base_batch_size=8)
