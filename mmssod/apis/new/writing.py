"""The files of a project: ``data.py`` to read and change, and teacher, student and baseline that use it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from pprint import pformat
from string import Template

from mmssod.apis.new.planning import DETECTORS, Plan
from mmssod.apis.new.pool import Pool
from mmssod.apis.new.sets import LabeledPart
from mmssod.apis.packaged import configs_folder
from mmssod.datasets.split import write_coco
from mmssod.structures import Problem

DATA = Template('''\
"""Your data, its classes, sizes and lengths: the one file to read and change; the other configs here use it.

Written by `mmssod new`. It works from every folder; images are read where the paths say.
"""

_base_ = "$configs/_base_/datasets/coco_json.py"

here = "{{ fileDirname }}"  # this folder, wherever it lies
classes = $classes
labeled_json, labeled_images = f'{here}/labeled.json', $labeled_images
val_json, val_images = f'{here}/val.json', $val_images
unlabeled_images = $unlabeled  # a folder, a glob, a text list or a COCO json
unlabeled_prefix = $prefix  # folder that the names in a list or json are relative to
not_unlabeled = $not_unlabeled  # lists of images among them that are labeled
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
unlabeled = dict(
    images=unlabeled_images,
    data_prefix=dict(img=unlabeled_prefix),
    exclude=not_unlabeled,
    pipeline=resize,
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
    "$configs/_base_/models/$model",
    "./data.py",
    "$configs/_base_/$optimizer",
    "$configs/_base_/default_runtime.py",
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
work_dir = f'{_base_.here}/work_dirs/teacher'
''')

STUDENT = Template('''\
"""The student: starts from the teacher, learns from labeled and unlabeled images.

$command
"""

_base_ = ["./teacher.py", "$configs/_base_/$method"]

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=2 * _base_.batch)
work_dir = f'{_base_.here}/work_dirs/student'
load_from = f'{_base_.here}/work_dirs/teacher/iter_{_base_.iterations}.pth'
''')

SUPERVISED = Template('''\
"""The baseline: the labeled images alone for as long as teacher and student together, what unlabeled ones must beat.

$command
"""

_base_ = './teacher.py'

train_cfg = dict(max_iters=2 * _base_.iterations, val_interval=max(_base_.iterations // 2, 1))
work_dir = f'{_base_.here}/work_dirs/supervised'
''')

LISTS = ('labeled.json', 'val.json', 'not_unlabeled.txt')
RUNS = ('teacher', 'student', 'supervised')
CONFIGS = ('data.py', *(f'{name}.py' for name in RUNS))
UNWRITABLE = re.compile(r'["\\\x00-\x1f\ud800-\udfff]|\{\{|::')
"""What the path of a config, and of mmssod's own that it names, cannot have: mmengine puts it into quotes unchanged."""


def output_problems(folder: Path, sources: Sequence[str], force: bool) -> list[Problem]:
    """What is wrong with a folder to write a project in.

    Args:
        folder: It.
        sources: Files and folders that are read; the unlabeled images' may be a glob.
        force: Whether the files of an earlier project may be overwritten.
    """
    if folder.exists() and not folder.is_dir():
        return [
            Problem(
                'out: a file', 'a folder, new or not', str(folder), 'name another one with --out'
            )
        ]
    paths = {'out': os.path.abspath(folder), "mmssod's configs": _base_path(folder)}
    problems = [
        Problem(
            f'{name}: a path that a config cannot hold',
            r'one without " \ {{ :: and line breaks',
            repr(path),
            'name another folder with --out' if name == 'out' else 'install mmssod elsewhere',
        )
        for name, path in paths.items()
        if UNWRITABLE.search(path)
    ]
    read = [Path(source).resolve() for source in sources]
    there = [folder / name for name in (*CONFIGS, *LISTS) if (folder / name).exists()]
    inputs = [str(file) for file in there if file.resolve() in read]
    around = [str(path) for path in read if path.is_dir() and folder.resolve().is_relative_to(path)]
    if inputs:
        what, mend = (
            'out: a file that is read would be overwritten',
            'name another folder with --out',
        )
        problems.append(Problem(what, 'a folder without the inputs', ', '.join(inputs), mend))
    elif there and not force:
        problems.append(
            Problem(
                'out: files that are there would be overwritten',
                'a new folder, or one without such files',
                ', '.join(map(str, there)),
                'name another folder with --out, or overwrite them with --force: changes in them are lost',
            )
        )
    if around:
        what = 'out: inside a folder that is read'
        mend = 'name a folder outside with --out: pictures that are written there would become unlabeled images'
        problems.append(Problem(what, f'a folder outside {around[0]}', str(folder), mend))
    return problems


def write_project(
    folder: Path, plan: Plan, train: LabeledPart, test: LabeledPart, pool: Pool, seed: int
) -> list[Path]:
    """Write the labels and the configs.

    Args:
        folder: Where they go; it is made.
        plan: What was chosen.
        train: The labeled set.
        test: The one to evaluate on.
        pool: The unlabeled images.
        seed: Of the runs.

    Returns:
        All files of the project.
    """
    write_coco(train.coco, folder / 'labeled.json')
    write_coco(test.coco, folder / 'val.json')
    files = _configs(folder, plan, train, test, pool, seed)
    if pool.labeled:
        files['not_unlabeled.txt'] = ''.join(f'{name}\n' for name in pool.labeled)
    for name, text in files.items():
        (folder / name).write_text(text, encoding='utf-8')
    return [folder / name for name in ('labeled.json', 'val.json', *files)]


def _configs(
    folder: Path, plan: Plan, train: LabeledPart, test: LabeledPart, pool: Pool, seed: int
) -> dict[str, str]:
    """Texts of the configs by file name."""
    chosen = DETECTORS[plan.detector]
    classes = [category['name'] for category in train.coco['categories']]
    data: dict[str, object] = dict(
        classes=pformat(tuple(classes), width=96, compact=True),
        labeled_images=_text(train.images),
        val_images=_text(test.images),
        unlabeled=_text(pool.source),
        prefix=_text(pool.prefix) if pool.prefix else "''",
        not_unlabeled="[f'{here}/not_unlabeled.txt']" if pool.labeled else '[]',
        scale=plan.scale,
        batch=plan.batch,
        rate=f'{plan.rate:g}',
        optimizer=chosen.optimizer_name,
        iterations=plan.iterations,
        workers=plan.workers,
        rare=max(1, len(classes) // 3) if len(classes) > 2 else 0,
    )
    base: dict[str, object] = dict(configs=_base_path(folder))
    training = dict(model=chosen.model, optimizer=chosen.optimizer, rois=plan.rois, seed=seed)
    method = 'certainty_lite.py' if plan.detector == 'lite' else 'certainty.py'
    dry, _, both, baseline = commands(folder, plan)[:4]
    return {
        'data.py': DATA.substitute(base | data),
        'teacher.py': TEACHER.substitute(base | training | dict(command=dry)),
        'student.py': STUDENT.substitute(base | dict(method=method, command=both)),
        'supervised.py': SUPERVISED.substitute(command=baseline),
    }


def commands(folder: Path, plan: Plan) -> list[str]:
    """What to type next, in this order: try, look, train both, train the baseline, evaluate, compare, take away."""
    teacher, student, supervised = (folder / f'{name}.py' for name in RUNS)
    runs = [folder / 'work_dirs' / name for name in ('teacher', 'supervised', 'student')]
    checkpoint = runs[-1] / f'iter_{plan.iterations}.pth'
    lines = [
        ['train', teacher, '--dry-run'],
        ['browse', student, '--out', folder / 'views'],
        ['train', student, '--teacher', teacher],
        ['train', supervised],
        ['test', student, checkpoint],
        ['report', *runs, '--out', folder / 'report.html'],
        ['export', student, checkpoint, '--out', folder / 'detector'],
    ]
    return [shlex.join(['mmssod', *map(str, line)]) for line in lines]


def _text(path: Path | str) -> str:
    """An absolute path in a config."""
    return repr(Path(os.path.abspath(path)).as_posix())


def _base_path(folder: Path) -> str:
    """Mmssod's configs as a project's files name them: relative within one repository, else absolute."""
    configs, here = configs_folder(), folder.resolve()
    inside = here.is_relative_to(configs.parent)
    return Path(os.path.relpath(configs, here) if inside else configs).as_posix()
