"""Config templates of a project: two-stage detectors, and detectors that start from COCO."""

from __future__ import annotations

from string import Template

DATA = Template('''\
"""Your data, its classes, sizes and lengths: the one file to read and change; the other configs here use it.

Written by `mmssod new`. It works from every folder; what lies beside this folder may move together with it.
"""

_base_ = $bases

here = "{{ fileDirname }}"  # this folder, wherever it lies
beside = here.rsplit('/', $up)[0]  # $around
classes = $classes
labeled_json, labeled_images = f'{here}/labeled.json', $labeled_images
iscrowd = '$iscrowd'  # its boxes with `iscrowd` in training: difficult ones of VOC 'object', crowds 'background'
val_json, val_images = f'{here}/val.json', $val_images
set_aside = $set_aside  # whether val.json holds labeled images that were set aside: `mmssod run --folds` judges on all
unlabeled_images = $unlabeled  # a folder, a glob, a text list or a COCO json
unlabeled_prefix = $prefix  # folder that the names in a list or json are relative to
not_unlabeled = $not_unlabeled  # lists of images among them that are labeled
${start}scale = $scale  # $scale_comment
batch = $batch  # $batch_comment; halve it when memory is short
learning_rate = $rate  # of $optimizer, for that batch
iterations = $iterations  # of the teacher
student_iterations = max(round($student_share * iterations), 1)  # after it
student_cost = $step_cost  # time of an iteration of the student over one of the teacher
supervised_iterations = iterations + round(student_cost * student_iterations)  # as long as both together, in seconds
evaluations = 4  # of each training; the checkpoint of the best one is kept
patience = 2  # evaluations in a row without a better one that end student and baseline early; 0: none do
step_seconds = $step_seconds  # of a teacher's iteration, a rough estimate for this machine; `mmssod run` corrects it
workers = $workers  # processes that load images
image_cache = $image_cache  # images that are decoded and resized once; None: each time anew

stop_early = dict(stop_early=dict(type='StopEarlyHook', patience=patience)) if patience else {}
${jitter}resize = dict(resize=dict(scale=scale))
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
metainfo = dict(classes=classes)
$labeled
unlabeled = dict(
    images=unlabeled_images, data_prefix=dict(img=unlabeled_prefix), exclude=not_unlabeled,
    pipeline=$unlabeled_steps, cache=image_cache,
)
val = dict(
    ann_file=val_json, data_prefix=dict(img=val_images), metainfo=metainfo, pipeline=test_pipeline
)
loader = dict(num_workers=workers)
train_dataloader = dict(
    batch_size=batch, sampler=dict(counts=dict(labeled=batch)), dataset=dict(labeled=labeled), **loader
)
semi_train_dataloader = dict(
    batch_size=2 * batch,
    sampler=dict(counts=$semi_counts),
    dataset=dict(labeled=$semi_labeled, unlabeled=unlabeled),
    **loader,
)
val_dataloader = dict(batch_size=batch, dataset=val, **loader)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=val_json, train_ann_file=labeled_json, num_rare=$rare, log_classes=True)
test_evaluator = val_evaluator
''')

SCALE_COMMENT = 'greatest width and height, the proportions are kept; larger finds smaller objects and takes longer'

TWO_STAGE_DATA = dict(
    bases='"mmssod::_base_/datasets/coco_json.py"',
    start='',
    jitter='',
    batch_comment='labeled images per iteration and GPU, and as many unlabeled ones',
    semi_counts='dict(labeled=batch, unlabeled=batch)',
    labeled="""\
labeled = dict(
    ann_file=labeled_json,
    iscrowd=iscrowd,
    data_prefix=dict(img=labeled_images),
    metainfo=metainfo,
    pipeline=resize, cache=image_cache,
)""",
    semi_labeled='labeled',
    unlabeled_steps='resize',
)
"""What fills the places of ``DATA``; places of its own come after."""

COCO_DATA = dict(
    bases='["mmssod::_base_/datasets/coco_json.py", "mmssod::_base_/datasets/jitter.py"]',
    start='start = $start  # $start_comment\n',
    jitter="""\
sizes = {  # change at random: few labeled images are learned by heart in one size
    'resize': dict(scale=scale, **_base_.jitter['resize']),
    'crop': dict(crop_size=scale, **_base_.jitter['crop']),
    '_delete_': True,
}
jitter = {**_base_.jitter, **sizes}
strong_jitter = {**_base_.strong_jitter, **sizes}
strong = dict(**strong_jitter, **_base_.strong_steps, pack=_base_.pack)
""",
    batch_comment='labeled images per iteration and GPU; a student gets half of them, and up to 2 * batch unlabeled',
    semi_counts='dict(labeled=max(batch // 2, 1), unlabeled=2 * batch - max(batch // 2, 1))',
    labeled="""\
places = dict(
    ann_file=labeled_json,
    iscrowd=iscrowd,
    data_prefix=dict(img=labeled_images),
    metainfo=metainfo, cache=image_cache,
)
labeled = dict(pipeline=dict(**jitter, pack=_base_.pack), **places)
branch = dict(type='MultiBranch', branch_field=_base_.branches, labeled=_base_.pack)
semi_labeled = dict(pipeline=dict(**jitter, branch=branch), **places)""",
    semi_labeled='semi_labeled',
    unlabeled_steps='dict(**resize, views=dict(strong=strong))',
)
"""Likewise, of detectors that start from COCO."""

TEACHER = Template('''\
"""The teacher: ${begins}learns from the labeled images alone.

$command
"""

_base_ = [
    "mmssod::_base_/models/$model",
    "./data.py",
    "mmssod::_base_/$optimizer",
    "mmssod::_base_/default_runtime.py",
]

share = -(-_base_.iterations // _base_.evaluations)
train_cfg = dict(max_iters=_base_.iterations, val_interval=share)
model = dict($heads)
optim_wrapper = dict(optimizer=dict(lr=_base_.learning_rate))
auto_scale_lr = dict(base_batch_size=_base_.batch)
default_hooks = dict(
    checkpoint=dict(interval=share),
$hooks)
randomness = dict(seed=$seed)
work_dir = f'{_base_.here}/work_dirs/teacher'
$load_from''')
TWO_STAGE_HEADS = """
    roi_head=dict(bbox_head=dict(num_classes=len(_base_.classes))),
    train_cfg=dict(rcnn=dict(sampler=dict(num=$rois))),
"""
COCO_HEADS = 'bbox_head=dict(num_classes=len(_base_.classes))'
FROZEN = 'backbone=dict(frozen_stages=1), '
"""The first stage keeps what its start has learned, which also shortens a step."""
FREEZE = """\
    freeze_bn=dict(type='FreezeBatchNormHook'),  # as in the start: small batches spoil its statistics
"""
CHANNELS_LAST = """\
    speed=dict(  # faster on CPUs
        type='SpeedHook', channels_last=True, fused_optimizer=True, keep_memory=True
    ),
"""
FIRST = """\
    due_evaluation=dict(first=True),  # the start knows classes already: how well?
"""

STUDENT = Template('''\
"""The student: starts from the teacher, learns from labeled and unlabeled images.
$result
$command
"""

_base_ = ["./teacher.py", "mmssod::_base_/$method"]

share = -(-_base_.student_iterations // _base_.evaluations)
train_cfg = dict(max_iters=_base_.student_iterations, val_interval=share)
model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
${joint}train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = dict(
    checkpoint=dict(interval=share),
    due_evaluation=dict(first=True),  # of the teacher's end, so that the best checkpoint is never below it
    **_base_.semi_hooks,
    **_base_.stop_early,
)
${rate}auto_scale_lr = dict(base_batch_size=2 * _base_.batch)
work_dir = f'{_base_.here}/work_dirs/student'
load_from = f'{_base_.here}/work_dirs/teacher/iter_{_base_.iterations}.pth'
''')
MEAN_IS_RESULT = """
The mean of the last students labels the unlabeled images; it is evaluated, and it is the result.
"""
NOT_JOINT = "model['joint_features'] = False  # batch norm counts over labeled images and strong views apart\n"
LOWER_RATE = """\
optim_wrapper = dict(optimizer=dict(lr=_base_.learning_rate * _base_.rate_share))
param_scheduler = _base_.semi_schedule
"""

SUPERVISED = Template('''\
"""The baseline: the labeled images alone for as long as teacher and student together, what unlabeled ones must beat.

$command
"""

_base_ = './teacher.py'

share = -(-_base_.supervised_iterations // _base_.evaluations)
train_cfg = dict(max_iters=_base_.supervised_iterations, val_interval=share)
default_hooks = dict(checkpoint=dict(interval=share), **_base_.stop_early)
work_dir = f'{_base_.here}/work_dirs/supervised'
''')
