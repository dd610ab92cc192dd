"""The demo's plain student with labels of another detector, from a file, in the place of a teacher's.

The file is a COCO data set whose annotations have scores; any detector's will do.

    tools/train.py configs/foundation/demo.py --load-from work_dirs/demo/teacher_plain/iter_400.pth
"""

_base_ = ['../demo/student_plain.py', '../_base_/label_bank.py']

work_dir = 'work_dirs/demo/foundation'
model = dict(
    labeler=dict(
        _delete_=True,
        type='DetectionsLabeler',
        file='work_dirs/demo/detections.json',
        classes=_base_.classes,
    )
)
train_dataloader = _base_.unseen_weak_views
