"""Multi-Phase on VOC, phase 0: supervised; voc.py has the command.

12 epochs of 5011 images at 8 a batch are 7517 iterations, without a warm-up; the rate falls after 9. Images are at most
1000 x 600, and labels are made at five sizes.
"""

_base_ = ['../supervised/voc.py', '../_base_/multi_phase.py']

train_cfg = dict(max_iters=7500)
param_scheduler = [dict(type='ShareStepLR', shares=(9 / 12,), gamma=0.1, by_epoch=False)]

scale = (1000, 600)
train_dataloader = dict(dataset=dict(labeled=dict(pipeline=dict(resize=dict(scale=scale)))))
resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = [_base_.test_pipeline[0], resize, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

sizes = [
    dict(type='Resize', scale=(round(short * 5 / 3), short), keep_ratio=True)
    for short in range(400, 801, 100)
]
tta_pipeline = [
    *_base_.load_label_view,
    dict(type='TestTimeAug', transforms=[sizes, *_base_.flip_and_pack]),
]
work_dir = 'work_dirs/multi_phase_voc/phase_0'
