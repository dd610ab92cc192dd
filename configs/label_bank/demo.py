"""The demo's student with labels from a bank instead of a teacher in each step; the same losses.

tools/make_label_bank.py configs/label_bank/demo.py work_dirs/demo/teacher/iter_400.pth
tools/train.py configs/label_bank/demo.py
"""

_base_ = ['../demo/student.py', '../_base_/label_bank.py']

work_dir = 'work_dirs/demo/student_bank'
model = dict(labeler=dict(type='LabelBank', path='work_dirs/demo/label_bank'))
train_dataloader = _base_.unseen_weak_views
