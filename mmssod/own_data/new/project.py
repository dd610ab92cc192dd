"""Implements ``mmssod new``: read, check, plan, write."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from mmssod.analysis.expected_interval import FEW, expected
from mmssod.datasets.formats import Source, named_sets
from mmssod.datasets.preparation.own_data import LabeledSet
from mmssod.own_data.new.planning import (
    Machine,
    Plan,
    check_plan,
    choose_detector,
    make_plan,
    trial_detectors,
)
from mmssod.own_data.new.sets import LabeledPart, Pool, find_pool, labeled_parts
from mmssod.own_data.new.starting import (
    Start,
    find_start,
    full_name,
    named_problems,
    usable_detector,
)
from mmssod.own_data.new.writing import (
    output_problems,
    project_files,
    steps,
    write_candidates,
    write_project,
)
from mmssod.structures import raise_together

MOST_FOLDS = 5
"""Folds that are proposed: with more, each trains on few more images and all together take longer."""


def new_project(
    labeled: Source,
    unlabeled: str,
    out: str,
    *,
    val: Source | None = None,
    val_share: float = 0.2,
    kind: str = 'auto',
    classes: Sequence[str] = (),
    detector: str = 'auto',
    trial: bool = False,
    start: str = 'auto',
    iterations: int | None = None,
    seed: int = 0,
    force: bool = False,
    machine: Machine | None = None,
) -> str:
    """Check the data, plan a training and write its files.

    Args:
        labeled: The labeled set; or a file that names sets, see :func:`~mmssod.datasets.formats.named_sets`.
        unlabeled: Folder, glob, text list or COCO json of images; those of the labeled sets among them are left out.
        out: Folder for the configs and the labels as COCO json.
        val: Set to evaluate on; without one, that of such a file, else a share of the labeled images is set aside.
        val_share: That share, in (0, 1).
        kind: Format of the labels, see :func:`~mmssod.datasets.formats.read_labels`.
        classes: Class names, likewise.
        detector: A key of :data:`~mmssod.own_data.new.detectors.DETECTORS`, or ``'auto'``: by the start, or the
            machine.
        trial: Write the detectors that a trial compares, each into a folder of ``out``, where neither ``detector`` nor
            ``start`` names one and the machine takes several: ``mmssod run`` chooses among them.
        start: ``'auto'`` for the detector's own COCO weights, ``'none'``, a model's name, a URL or a file.
        iterations: Iterations of teacher and student each; by default fitted to the data.
        seed: Seed for choosing the images that are set aside, and for the runs, >= 0.
        force: Overwrite the files of an earlier project; a file that is read is never overwritten.
        machine: Where it will be trained; by default here.

    Returns:
        A report for people: what was found, what was chosen and why, what was written, the commands to run.

    Raises:
        ValueError: Everything that is wrong with the data and the start's name, together; then weights of another
            detector.
        FileNotFoundError: A source that is not there.
    """
    check_plan(val_share, detector, iterations, seed)
    start = full_name(start)
    folder = Path(out)
    labeled, own = named_sets(labeled)
    val = val or own
    sources = [labeled.labels, unlabeled, *([val.labels] if val else [])]
    problems = [*output_problems(folder, sources, force), *named_problems(start, detector)]
    train, test, findings = labeled_parts(
        labeled, val, val_share=val_share, kind=kind, classes=classes, seed=seed
    )
    pool, more = find_pool(unlabeled, [*train.paths(), *test.paths()], [train.images, test.images])
    findings += more
    raise_together([*problems, *findings.problems], 'before anything was written')
    data, here = LabeledSet.of(train.trained()), machine or Machine.current()
    natural, _ = choose_detector(data, here)
    free = detector == start == 'auto'
    usual, missing = usable_detector(natural) if free else (natural, ())
    names = [category['name'] for category in train.coco['categories']]
    asked = trial_detectors(data, here) if trial and free and not missing else [detector]
    planned: list[tuple[Plan, Start]] = []
    for one in asked if len(asked) > 1 else [detector]:
        begin = find_start(start, one, usual, names)
        chosen = one if begin.detector == natural else begin.detector
        plan = make_plan(data, here, detector=chosen, iterations=iterations, known=begin.known)
        planned.append((plan, begin))
    written = _write(folder, planned, train, test, pool, seed)
    lines = [*findings.counts]
    lines += [f'warning: {line}' for line in (*findings.warnings, *planned[0][0].warnings)]
    judged = len(test.coco['images'])
    lines += [
        '',
        f'{data.images} labeled images, {judged} to evaluate on, {len(pool.images)} unlabeled',
    ]
    lines += interval_lines(judged, data.images, test.aside, folder)
    lines += [f'{data.boxes_an_image:.1f} boxes per image:', data.table(), '']
    lines += _chosen(planned, data.images)
    lines += ['written:', *(f'  {path}' for path in written), '']
    lines += [part for text in missing for part in (f'warning: {text}', '')]
    if trial and len(planned) == 1:
        lines += ['no trial: there is one detector to choose from', '']
    return '\n'.join([*lines, *_next(folder, [plan for plan, _ in planned])])


def _write(
    folder: Path,
    planned: Sequence[tuple[Plan, Start]],
    train: LabeledPart,
    test: LabeledPart,
    pool: Pool,
    seed: int,
) -> list[Path]:
    """Write one project, or one for each candidate of a trial; those of an earlier call are removed."""
    for file in project_files(folder):
        file.unlink()
    parts = (train, test, pool, seed)
    if len(planned) == 1:
        plan, begin = planned[0]
        return write_project(folder, plan, *parts, begin.weights)
    written = []
    for plan, begin in planned:
        written += write_project(folder / plan.detector, plan, *parts, begin.weights, up=2)
    return [*written, write_candidates(folder, [plan.detector for plan, _ in planned])]


def interval_lines(val: int, labeled: int, aside: bool, folder: Path) -> list[str]:
    """What to expect of few images to evaluate on (``val``, >= 1), and of folds; none for ``FEW`` and more.

    Images that were set aside to evaluate on are in the folds, too.
    """
    if val >= FEW:
        return []
    few = f'{val} images to evaluate on are few: the 95 % interval of a gain will be about'
    total = labeled + (val if aside else 0)
    folds = min(MOST_FOLDS, total)
    if folds < 2 or total <= val:
        return [f'{few} {expected(val)}']
    command = shlex.join(['mmssod', 'run', str(folder), '--folds', str(folds)])
    judged = f'judges on all {total} labeled images, about {expected(total)}'
    return [f'{few} {expected(val)}', f'{command} {judged}, and takes {folds} times as long']


def _chosen(planned: Sequence[tuple[Plan, Start]], images: int) -> list[str]:
    """What is chosen, or what a trial will choose from."""
    fixed = (
        'batch norm: fixed as in the start, since batches as small as these spoil its statistics'
    )
    lines = []
    for plan, start in planned:
        begin = [*start.lines, *([fixed] if start.weights else [])]
        chosen = [plan.why[0], *begin, *plan.why[1:], *plan.length_lines(images)]
        title = 'chosen:' if len(planned) == 1 else 'candidate of the trial:'
        lines += [title, *(f'  {line}' for line in chosen), '']
    return lines


def _next(folder: Path, plans: Sequence[Plan]) -> list[str]:
    """The commands to run."""
    run = f'  {shlex.join(["mmssod", "run", str(folder)])}'
    if len(plans) > 1:
        what = 'try the detectors for a short time, train the better one, evaluate, report'
        return ['next:', f'  # {what}', run]
    what = 'all of it: train, evaluate, report; the same command goes on where it was cut off'
    lines = ['next:', f'  # {what}', run, 'or one by one:']
    for note, command in steps(folder, plans[0]).items():
        lines += [f'  # {note}', f'  {command}']
    return lines
