"""The demo's baseline (plain boxes, one threshold on p) with labels from a bank.

tools/make_label_bank.py configs/label_bank/demo_plain.py work_dirs/demo/teacher_plain/iter_400.pth
tools/train.py configs/label_bank/demo_plain.py
"""

_base_ = ['../demo/student_plain.py', '../_base_/label_bank.py']

work_dir = 'work_dirs/demo/student_plain_bank'
model = dict(labeler=dict(type='LabelBank', path='work_dirs/demo/label_bank_plain'))
train_dataloader = _base_.unseen_weak_views
