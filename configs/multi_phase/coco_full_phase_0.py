"""Multi-Phase on COCO-full, phase 0: supervised; coco_full.py has the command.

12 epochs of 117 266 images at 16 a batch are 87 950 iterations; the rate falls after 8 and 11 of them. Labels are made
at nine sizes.
"""

_base_ = ['../supervised/coco_full_1x.py', '../_base_/multi_phase.py']

train_cfg = dict(max_iters=88000)
optim_wrapper = dict(optimizer=dict(lr=0.02))
auto_scale_lr = dict(base_batch_size=16)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='ShareStepLR', shares=(8 / 12, 11 / 12), gamma=0.1, by_epoch=False),
]

sizes = [
    dict(type='Resize', scale=(round(short * 5 / 3), short), keep_ratio=True)
    for short in range(400, 1201, 100)
]
tta_pipeline = [
    *_base_.load_label_view,
    dict(type='TestTimeAug', transforms=[sizes, *_base_.flip_and_pack]),
]
work_dir = 'work_dirs/multi_phase_coco_full/phase_0'
