"""Multi-Phase on the demo, phase 0: supervised, 400 iterations of 4 images (32 epochs); demo.py has the command.

AdamW and one rate for all phases instead of the method's SGD: it is far from done after so few iterations. Labels are
made at three sizes.
"""

_base_ = ['../demo/teacher_plain.py', '../_base_/multi_phase.py']


sizes = [dict(type='Resize', scale=(side, side), keep_ratio=True) for side in (128, 160, 192)]
tta_pipeline = [
    *_base_.load_label_view,
    dict(type='TestTimeAug', transforms=[sizes, *_base_.flip_and_pack]),
]
work_dir = 'work_dirs/demo/multi_phase/phase_0'
