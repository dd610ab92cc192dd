"""The files of a project: ``data.py`` to read and change, ``teacher.py`` and ``student.py`` that use it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from pprint import pformat
from string import Template

from mmssod.apis.new.planning import DETECTORS, Plan
from mmssod.apis.packaged import configs_folder

DATA = Template('''\
"""Your data, its classes, sizes and lengths: the one file to read and change; teacher.py and student.py use it.

Written by `mmssod new`. Paths are relative to the folder that you call from.
"""

_base_ = '$configs/_base_/datasets/coco_json.py'

classes = $classes
labeled_json, labeled_images = $labeled_json, $labeled_images
val_json, val_images = $val_json, $val_images
unlabeled_images = $unlabeled  # a folder, a glob, a text list or a COCO json; labeled images in it are left out
scale = $scale  # greatest width and height, the proportions are kept; larger finds smaller objects and takes longer
batch = $batch  # labeled images an iteration and GPU, and as many unlabeled ones; halve it when memory is short
learning_rate = $rate  # of $optimizer, for that batch
iterations = $iterations  # of the teacher, and of the student after it
workers = $workers  # processes that load images

resize = dict(resize=dict(scale=scale))
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
metainfo = dict(classes=classes)
labeled = dict(
    ann_file=labeled_json, data_prefix=dict(img=labeled_images), metainfo=metainfo, pipeline=resize
)
unlabeled = dict(images=unlabeled_images, exclude=[labeled_json, val_json], pipeline=resize)
val = dict(
    ann_file=val_json, data_prefix=dict(img=val_images), metainfo=metainfo, pipeline=test_pipeline
)
loader = dict(num_workers=workers)
train_dataloader = dict(
    batch_size=batch, sampler=dict(counts=dict(labeled=batch)), dataset=dict(labeled=labeled), **loader
)
semi_train_dataloader = dict(
    batch_size=2 * batch,
    sampler=dict(counts=dict(labeled=batch, unlabeled=batch)),
    dataset=dict(labeled=labeled, unlabeled=unlabeled),
    **loader,
)
val_dataloader = dict(batch_size=batch, dataset=val, **loader)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=val_json, train_ann_file=labeled_json, num_rare=$rare, log_classes=True)
test_evaluator = val_evaluator
''')

TEACHER = Template('''\
"""The teacher: learns from the labeled images alone.

$command
"""

_base_ = [
    '$configs/_base_/models/$model',
    './data.py',
    '$configs/_base_/$optimizer',
    '$configs/_base_/default_runtime.py',
]

train_cfg = dict(max_iters=_base_.iterations, val_interval=max(_base_.iterations // 4, 1))
model = dict(
    roi_head=dict(bbox_head=dict(num_classes=len(_base_.classes))),
    train_cfg=dict(rcnn=dict(sampler=dict(num=$rois))),
)
optim_wrapper = dict(optimizer=dict(lr=_base_.learning_rate))
auto_scale_lr = dict(base_batch_size=_base_.batch)
default_hooks = dict(
    checkpoint=dict(interval=max(_base_.iterations // 4, 1)),
    logger=dict(log_metric_by_epoch=False),  # evaluations by iteration in TensorBoard, too
)
randomness = dict(seed=$seed)
work_dir = $work_dir
''')

STUDENT = Template('''\
"""The student: starts from the teacher, learns from labeled and unlabeled images.

$command
"""

_base_ = ['./teacher.py', '$configs/_base_/$method']

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=2 * _base_.batch)
work_dir = $work_dir
load_from = f'$teacher_dir/iter_{_base_.iterations}.pth'
''')


def write_project(
    folder: Path,
    plan: Plan,
    classes: Sequence[str],
    labeled_images: Path,
    val_images: Path,
    unlabeled: str,
    seed: int,
) -> list[Path]:
    """Write the three configs; the labels lie in the folder already.

    Args:
        folder: Where they go.
        plan: What was chosen.
        classes: Class names in the order of labels.
        labeled_images: Folder of the labeled images.
        val_images: Folder of those to evaluate on.
        unlabeled: The unlabeled images, as the user named them.
        seed: Of the runs.

    Returns:
        All files of the project.
    """
    chosen = DETECTORS[plan.detector]
    teacher_dir, student_dir = folder / 'work_dirs' / 'teacher', folder / 'work_dirs' / 'student'
    values = dict(
        configs=_base_path(folder),
        classes=pformat(tuple(classes), width=96, compact=True),
        labeled_json=_text(folder / 'labeled.json'),
        labeled_images=_text(labeled_images),
        val_json=_text(folder / 'val.json'),
        val_images=_text(val_images),
        unlabeled=repr(unlabeled),
        scale=plan.scale,
        batch=plan.batch,
        rate=f'{plan.rate:g}',
        optimizer=chosen.optimizer_name,
        iterations=plan.iterations,
        workers=plan.workers,
        rare=max(1, len(classes) // 3) if len(classes) > 2 else 0,
    )
    base, _, train_both = commands(folder, plan)[:3]
    files = {
        'data.py': DATA.substitute(values),
        'teacher.py': TEACHER.substitute(
            values
            | dict(model=chosen.model, optimizer=chosen.optimizer, rois=plan.rois, seed=seed)
            | dict(work_dir=_text(teacher_dir), command=base)
        ),
        'student.py': STUDENT.substitute(
            values
            | dict(method='certainty_lite.py' if plan.detector == 'lite' else 'certainty.py')
            | dict(work_dir=_text(student_dir), teacher_dir=teacher_dir.as_posix())
            | dict(command=train_both)
        ),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding='utf-8')
    return [folder / name for name in ('labeled.json', 'val.json', *files)]


def commands(folder: Path, plan: Plan) -> list[str]:
    """What to type next, in this order: try, label, train both, evaluate, see, take away."""
    teacher, student = (folder / name for name in ('teacher.py', 'student.py'))
    run = folder / 'work_dirs' / 'student'
    checkpoint = run / f'iter_{plan.iterations}.pth'
    return [
        f'mmssod train {teacher} --dry-run',
        f'mmssod browse {student} --out {folder / "views"}',
        f'mmssod train {student} --teacher {teacher}',
        f'mmssod test {student} {checkpoint}',
        f'mmssod report {run} --out {folder / "report.html"}',
        f'mmssod export {student} {checkpoint} --out {folder / "detector"}',
    ]


def _text(path: Path) -> str:
    return repr(path.as_posix())


def _base_path(folder: Path) -> str:
    """Mmssod's configs as a project's files name them: relative within one repository, else absolute."""
    configs, here = configs_folder(), folder.resolve()
    inside = here.is_relative_to(configs.parent)
    return Path(os.path.relpath(configs, here) if inside else configs).as_posix()
