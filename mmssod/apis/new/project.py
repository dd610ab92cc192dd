"""Read, check, plan, write: the whole of ``mmssod new``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmssod.apis.new.data_yaml import SUFFIXES, yaml_sources
from mmssod.apis.new.machine import Machine
from mmssod.apis.new.planning import Plan, check_plan, make_plan
from mmssod.apis.new.pool import find_pool
from mmssod.apis.new.sets import Source, labeled_parts
from mmssod.apis.new.writing import commands, output_problems, write_project
from mmssod.datasets.preparation.findings import Findings
from mmssod.datasets.preparation.own_data import LabeledSet
from mmssod.structures import raise_together


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
    iterations: int | None = None,
    seed: int = 0,
    force: bool = False,
    machine: Machine | None = None,
) -> str:
    """Check the data, plan a training and write its files.

    Args:
        labeled: The labeled set; of a ``data.yaml``, see :func:`~mmssod.apis.new.data_yaml.yaml_sources`.
        unlabeled: Folder, glob, text list or COCO json of images; those of the labeled sets among them are left out.
        out: Folder for the configs and the labels as COCO json.
        val: Set to evaluate on; without one, that of the yaml, else a share of the labeled images is set aside.
        val_share: That share, in (0, 1).
        kind: Format of the labels, see :func:`~mmssod.datasets.preparation.formats.read_labels`.
        classes: Class names, likewise.
        detector: ``'lite'``, ``'r50'`` or ``'auto'``.
        iterations: Of the teacher, and of the student after it; by default fitted to the data.
        seed: Of the images that are set aside, and of the runs, >= 0.
        force: Overwrite the files of an earlier project; a file that is read is never overwritten.
        machine: Where it will be trained; by default here.

    Returns:
        A report for people: what was found, what was chosen and why, what was written, the commands to run.

    Raises:
        ValueError: Everything that is wrong with the data, together.
        FileNotFoundError: A source that is not there.
    """
    check_plan(val_share, detector, iterations, seed)
    folder = Path(out)
    if Path(labeled.labels).suffix.lower() in SUFFIXES:
        labeled, own = yaml_sources(Path(labeled.labels))
        val = val or own
    sources = [labeled.labels, unlabeled, *([val.labels] if val else [])]
    problems = output_problems(folder, sources, force)
    train, test, findings = labeled_parts(
        labeled, val, val_share=val_share, kind=kind, classes=classes, seed=seed
    )
    pool, more = find_pool(unlabeled, [*train.paths(), *test.paths()], [train.images, test.images])
    findings += more
    raise_together([*problems, *findings.problems], 'before anything was written')
    data = LabeledSet.of(train.coco)
    plan = make_plan(data, machine or Machine.current(), detector=detector, iterations=iterations)
    written = write_project(folder, plan, train, test, pool, seed)
    return _report(
        findings, data, len(test.coco['images']), len(pool.images), plan, written, folder
    )


def _report(
    findings: Findings,
    data: LabeledSet,
    val: int,
    unlabeled: int,
    plan: Plan,
    written: Sequence[Path],
    folder: Path,
) -> str:
    lines = [*findings.counts, *(f'warning: {warning}' for warning in findings.warnings)]
    lines += ['', f'{data.images} labeled images, {val} to evaluate on, {unlabeled} unlabeled']
    lines += [f'{data.boxes_an_image:.1f} boxes an image:', data.table(), '']
    lines += ['chosen:', *(f'  {line}' for line in plan.why), '']
    lines += ['written:', *(f'  {path}' for path in written), '']
    lines += ['next:', *(f'  {line}' for line in commands(folder, plan))]
    return '\n'.join(lines)
