"""Multi-Phase on the demo, phase 2: labeled images four times and what phases 0 and 1 agree on.

400 iterations of 8 images are 2.8 epochs of (4 x 50 + 950) images, or more if images have no label. demo.py has the
command.
"""

_base_ = './demo_phase_1.py'

train_dataloader = dict(
    sampler=dict(repeats=dict(labeled=4)),
    dataset=dict(pseudo=dict(ann_file='work_dirs/demo/multi_phase/labels_2.json')),
)
work_dir = 'work_dirs/demo/multi_phase/phase_2'
