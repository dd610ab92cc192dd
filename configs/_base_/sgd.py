"""The paper's optimizer: SGD 0.01 for a total batch of 8 (4 GPUs x 1 labeled + 1 unlabeled image)."""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0001),
)
auto_scale_lr = dict(enable=False, base_batch_size=8)
