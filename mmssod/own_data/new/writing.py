"""Writes a project's files: ``data.py`` for the user to edit, and configs of teacher, student and baseline."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from pprint import pformat
from string import Template

from mmssod.datasets.split import write_coco
from mmssod.environment.whole_files import write_whole
from mmssod.own_data.new import texts
from mmssod.own_data.new.detectors import DETECTORS
from mmssod.own_data.new.planning import Plan, recipe
from mmssod.own_data.new.sets import LabeledPart, Pool
from mmssod.own_data.run.candidates import CANDIDATES, TRIAL
from mmssod.structures import Problem

LISTS = ('labeled.json', 'val.json', 'not_unlabeled.txt')
RUNS = ('teacher', 'student', 'supervised')
CONFIGS = ('data.py', *(f'{name}.py' for name in RUNS))
FILES = (*CONFIGS, *LISTS)
"""Of a project with one detector; one with several has these in a folder for each."""
UNWRITABLE = re.compile(r'["\\\x00-\x1f\ud800-\udfff]|\{\{|::')
"""What the path of a config cannot have: mmengine puts it into quotes unchanged."""


def output_problems(folder: Path, sources: Sequence[str], force: bool) -> list[Problem]:
    """Problems with the output folder of a project; ``sources`` are read, one of them may be a glob."""
    other = 'name another folder with --out'
    if folder.exists() and not folder.is_dir():
        fix = 'name another one with --out'
        return [Problem('out: a file', 'a folder, new or not', str(folder), fix)]
    problems = []
    if UNWRITABLE.search(path := os.path.abspath(folder)):
        what, expected = (
            'out: a path that a config cannot hold',
            r'one without " \ {{ :: and line breaks',
        )
        problems.append(Problem(what, expected, repr(path), other))
    read = [Path(source).resolve() for source in sources]
    there = project_files(folder)
    if inputs := [str(file) for file in there if file.resolve() in read]:
        what = 'out: a file that is read would be overwritten'
        problems.append(Problem(what, 'a folder without the inputs', ', '.join(inputs), other))
    elif there and not force:
        what = 'out: files that are there would be overwritten'
        fix = f'{other}, or overwrite them with --force: changes in them are lost'
        expected = 'a new folder, or one without such files'
        problems.append(Problem(what, expected, ', '.join(map(str, there)), fix))
    if around := [p for p in read if p.is_dir() and folder.resolve().is_relative_to(p)]:
        what = 'out: inside a folder that is read'
        fix = 'name a folder outside with --out: pictures that are written there would become unlabeled images'
        problems.append(Problem(what, f'a folder outside {around[0]}', str(folder), fix))
    return problems


def project_files(folder: Path) -> list[Path]:
    """The files that earlier calls have written to a folder, and the outcome of a trial."""
    places = [folder, *(folder / name for name in DETECTORS)]
    files = [place / name for place in places for name in FILES]
    files += [folder / CANDIDATES, folder / TRIAL]
    return [file for file in files if file.exists()]


def write_project(
    folder: Path,
    plan: Plan,
    train: LabeledPart,
    test: LabeledPart,
    pool: Pool,
    seed: int,
    start: str = '',
    up: int = 1,
) -> list[Path]:
    """Write the labels and the configs.

    Args:
        folder: Where they go; it is made.
        plan, train, test, pool, seed: What to train, on what, evaluated on what.
        start: What the teacher starts from, for ``load_from``; '' for what the detector's config says.
        up: How many folders above it the one lies that may move together with it: 2 for one of several detectors.

    Returns:
        All files of the project.
    """
    write_coco(train.coco, folder / 'labeled.json')
    write_coco(test.coco, folder / 'val.json')
    coco = DETECTORS[plan.detector].start
    values = _data_values(folder, plan, train, test, pool, up)
    values |= dict(start=_start(start, folder, up) if start else 'None')
    places = texts.COCO_DATA if coco else texts.TWO_STAGE_DATA
    data = Template(texts.DATA.safe_substitute(places)).substitute(values)
    begin = f'load_from = {_start(start, folder, up, "_base_.")}\n' if start else ''
    files = {'data.py': data, **_run_configs(folder, plan, seed, bool(start), begin)}
    if pool.labeled:
        files['not_unlabeled.txt'] = ''.join(f'{name}\n' for name in pool.labeled)
    for name, text in files.items():
        write_whole(folder / name, text)
    return [folder / name for name in ('labeled.json', 'val.json', *files)]


def write_candidates(folder: Path, names: Sequence[str]) -> Path:
    """Note the detectors that a trial compares, each of which has a project in the folder of its name."""
    file = folder / CANDIDATES
    write_whole(file, json.dumps(dict(detectors=[*names]), indent=1) + '\n')
    return file


def _data_values(
    folder: Path, plan: Plan, train: LabeledPart, test: LabeledPart, pool: Pool, up: int
) -> dict[str, object]:
    """What ``data.py`` says of data and plan, for every detector."""
    classes = [category['name'] for category in train.coco['categories']]
    student = recipe(plan.detector)
    return dict(
        up=up,
        around='the one around it' if up == 1 else 'the one around the project of all detectors',
        classes=pformat(tuple(classes), width=96, compact=True),
        labeled_images=place_of(train.images, folder, up),
        iscrowd=train.iscrowd,
        val_images=place_of(test.images, folder, up),
        set_aside=test.aside,
        unlabeled=place_of(pool.source, folder, up),
        prefix=place_of(pool.prefix, folder, up) if pool.prefix else "''",
        not_unlabeled="[f'{here}/not_unlabeled.txt']" if pool.labeled else '[]',
        scale=plan.scale,
        scale_comment=texts.SCALE_COMMENT,
        batch=plan.batch,
        rate=f'{plan.rate:g}',
        optimizer=DETECTORS[plan.detector].optimizer_name,
        iterations=plan.iterations,
        student_share=f'{plan.student_share:g}',
        step_cost=f'{student.step_cost:g}',
        step_seconds=f'{plan.step_seconds:.2g}',
        workers=plan.workers,
        image_cache="dict(folder=f'{here}/cache', limit=4.0)" if plan.keeps_images else 'None',
        start_comment='weights to start from: a name, a URL or a file; None draws them at random',
        rare=max(1, len(classes) // 3) if len(classes) > 2 else 0,
    )


def _run_configs(
    folder: Path, plan: Plan, seed: int, started: bool, load_from: str
) -> dict[str, str]:
    """Texts of the configs of teacher, student and baseline by file name.

    A detector that starts from COCO has a student with an EMA teacher, a two-stage one the paper's method.
    """
    chosen = DETECTORS[plan.detector]
    dry, _, both, baseline, *_ = steps(folder, plan).values()
    teacher = dict(begins='', hooks='', load_from=load_from)
    heads = Template(texts.TWO_STAGE_HEADS).substitute(rois=plan.rois)
    student = dict(result='', joint='', rate='')
    if chosen.start:
        begins = 'starts from trained weights' if started else 'starts from random weights'
        hooks = texts.FREEZE * started + texts.CHANNELS_LAST * plan.channels_last
        hooks += texts.FIRST * (plan.known > 0)
        teacher = dict(begins=f'{begins}, ', hooks=hooks, load_from='load_from = _base_.start\n')
        heads = texts.FROZEN * started + texts.COCO_HEADS
        joint = '' if started else texts.NOT_JOINT
        student = dict(result=texts.MEAN_IS_RESULT, joint=joint, rate=texts.LOWER_RATE)
    names = dict(model=chosen.model, optimizer=chosen.optimizer, seed=seed)
    return {
        'teacher.py': texts.TEACHER.substitute(teacher | names, heads=heads, command=dry),
        'student.py': texts.STUDENT.substitute(student, method=chosen.recipe, command=both),
        'supervised.py': texts.SUPERVISED.substitute(command=baseline),
    }


def steps(folder: Path, plan: Plan) -> dict[str, str]:
    """Next commands with their purpose: try, browse, train both, train the baseline, evaluate, compare, export."""
    teacher, student, supervised = (folder / f'{name}.py' for name in RUNS)
    runs = [folder / 'work_dirs' / name for name in ('teacher', 'supervised', 'student')]
    coco = DETECTORS[plan.detector].start
    result = 'the mean of the last students' if coco else 'the student'
    row = ': the row "student (EMA)" is the result' if coco else ''
    words: dict[str, list[str | Path]] = {
        'try one batch; nothing is trained': ['train', teacher, '--dry-run'],
        'look at the images as the student sees them': ['browse', student, '--out', folder / 'views'],
        'train the teacher on the labeled images, then the student on all': ['train', student, '--teacher', teacher],
        'train on the labeled images alone for as long: what the result must beat': ['train', supervised],
        f'evaluate the result: {result}': ['test', folder],
        f'compare all detectors on one page{row}': ['report', *runs, '--out', folder / 'report.html'],
        'write the result as a detector without the training around it': [
            'export', folder, '--out', folder / 'detector',
        ],
    }  # fmt: skip
    return {note: shlex.join(['mmssod', *map(str, line)]) for note, line in words.items()}


def place_of(path: Path | str, folder: Path, up: int, base: str = '') -> str:
    """A path in a config: where it lies beside the project or in it, from there, so that both may move; else absolute.

    ``base`` stands before a name of ``data.py``: ``_base_.`` in the other configs.
    """
    full, place = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    beside = place.parents[min(up, len(place.parents)) - 1]
    if beside == beside.parent or not full.is_relative_to(beside):
        return repr(full.as_posix())
    name, around = ('here', place) if full.is_relative_to(place) else ('beside', beside)
    relative = full.relative_to(around).as_posix()
    if re.search(r"""["'{}\\\x00-\x1f\ud800-\udfff]""", relative):
        return repr(full.as_posix())
    return f"f'{{{base}{name}}}/{relative}'"


def _start(start: str, folder: Path, up: int, base: str = '') -> str:
    """The same of what a training starts from, which may be a name or a URL."""
    return place_of(start, folder, up, base) if os.path.isabs(start) else repr(start)
