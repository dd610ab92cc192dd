"""Gather what the report page shows: read runs, run their detectors, choose pictures."""

from __future__ import annotations

import json
import os.path as osp
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from markupsafe import escape
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmssod.analysis.report.facts import run_facts
from mmssod.analysis.report.gallery import embed
from mmssod.analysis.report.numbers import pseudo_labels, rare_classes, score
from mmssod.analysis.report.page import Page, render
from mmssod.analysis.report.runs import RunRecord, read_run_folder
from mmssod.analysis.report.samples import (
    difference_items,
    label_items,
    sample_images,
    with_true_boxes,
    withheld_file,
)
from mmssod.apis.offline_labels import labeled_annotations, unlabeled_images
from mmssod.apis.plain import PlainDetector, plain_detector
from mmssod.apis.predicting import predict, test_classes, test_set
from mmssod.datasets.annotation_files import read_json
from mmssod.datasets.split import read_coco
from mmssod.environment import collect
from mmssod.evaluation import DetectorOutputs


@dataclass(frozen=True)
class Found:
    """One detector of a run.

    Args:
        label: What the page calls it.
        run: Its run.
        plain: The detector.
    """

    label: str
    run: RunRecord
    plain: PlainDetector


def report(
    runs: Sequence[str],
    out: str,
    *,
    names: Sequence[str] = (),
    pictures: int = 24,
    sample: int = 200,
    withheld: str = '',
    max_mb: float = 10.0,
    title: str = '',
    command: str = '',
) -> Page:
    """Write the page.

    The detectors of all runs are evaluated on the test set of the last run. Its teacher, or else its student, labels a
    sample of the unlabeled images.

    Args:
        runs: Work directories; of a run with student and teacher both are shown.
        out: The ``.html`` file; its folder is made.
        names: What the page calls the runs; by default their folders' names.
        pictures: Most pictures a gallery.
        sample: Most unlabeled images to label.
        withheld: COCO json with true boxes of the unlabeled images; by default what the repository's tools leave beside
            them (``...-boxes.json``, ``...-withheld.json``), if it is there.
        max_mb: Most size of all pictures, in MB.
        title: Heading; by default the names of the runs.
        command: How the page was made, to be printed in it.

    Returns:
        What was written.

    Raises:
        ValueError: No run, another number of names than of runs, ``out`` is no ``.html``, or runs of other classes.
    """
    if not runs or (names and len(names) != len(runs)):
        raise ValueError(
            f'report: expected runs and a name for each or none, got {list(runs)}, {list(names)}'
        )
    if Path(out).suffix != '.html':
        raise ValueError(f'out: expected a file name ending in .html, got {out}')
    records = [read_run_folder(r, n) for r, n in zip(runs, names or run_names(runs), strict=True)]
    last = records[-1]
    init_default_scope(last.config.get('default_scope', 'mmdet'))
    found = detectors(records)
    classes = test_classes(last.config)
    for one in found:
        if set(one.plain.classes) != set(classes):
            raise ValueError(
                f'{one.label}: expected the classes {classes} of {last.name}, got {one.plain.classes}'
            )
    labeled = _labeled(last.config)
    rare, counts = rare_classes(labeled, classes)
    half = int(max_mb * 1e6 / 2)
    judged: dict[str, Any] = (
        _judge(found, last.config, classes, rare, pictures, half) if found else {}
    )
    page = Page(
        title=title or 'Report: ' + ', '.join(record.name for record in records),
        runs=records,
        facts={record.name: run_facts(record) for record in records},
        classes=classes,
        rare=rare,
        labeled_boxes=counts,
        measured={'command': command, 'date': date.today().isoformat(), **collect()},
        **{'scores': (), 'test': 'Nothing was evaluated: no checkpoint.', **judged},
        **_labels(found, last, classes, labeled, withheld, sample, pictures, half),
    )
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The page may be shown to others: paths below the working folder start there.
    path.write_text(render(page).replace(f'{escape(Path.cwd())}/', ''), encoding='utf-8')
    return page


def run_names(runs: Sequence[str]) -> list[str]:
    """The folders' names; with the folder above where two are alike."""
    paths = [Path(run).resolve() for run in runs]
    counts = Counter(path.name for path in paths)
    return [p.name if counts[p.name] == 1 else f'{p.parent.name}/{p.name}' for p in paths]


def detectors(records: Sequence[RunRecord]) -> list[Found]:
    """The detectors of all runs that have a checkpoint, of each run the teacher first.

    A teacher with the very weights of a detector that is there already, that of the teacher's own run, is left out.
    """
    found: list[Found] = []
    for record in (record for record in records if record.checkpoint):
        if 'detector' not in record.config.model:
            found.append(
                Found(record.name, record, plain_detector(record.config, record.checkpoint))
            )
            continue
        teacher = _teacher(record)
        if teacher is not None and not any(_same(teacher, one.plain) for one in found):
            label = 'teacher' if len(records) == 1 else f"{record.name}'s teacher"
            found.append(Found(label, record, teacher))
        student = plain_detector(record.config, record.checkpoint, 'student')
        found.append(Found('student' if len(records) == 1 else record.name, record, student))
    return found


def _teacher(record: RunRecord) -> PlainDetector | None:
    """The teacher inside a run; None where labels come from elsewhere, such as a bank or another network."""
    try:
        return plain_detector(record.config, record.checkpoint, 'teacher')
    except ValueError:
        return None


def _same(one: PlainDetector, other: PlainDetector) -> bool:
    return one.weights.keys() == other.weights.keys() and all(
        torch.equal(weight, other.weights[name]) for name, weight in one.weights.items()
    )


def outputs_of(
    found: Sequence[Found], annotations: str, images: str, classes: Sequence[str]
) -> DetectorOutputs:
    """What detectors find on the images of a COCO json."""
    results = {}
    with TemporaryDirectory(prefix='mmssod_report_') as folder:
        checkpoint = osp.join(folder, 'detector.pth')
        for one in found:
            meta = dict(dataset_meta=dict(classes=one.plain.classes))
            torch.save(dict(state_dict=one.plain.weights, meta=meta), checkpoint)
            cfg = one.plain.config.copy()
            cfg.log_level = 'WARNING'
            results[one.label] = predict(cfg, checkpoint, annotations=annotations, images=images)
    truth = read_json(annotations)
    return DetectorOutputs(truth, tuple(classes), results, images)


def _judge(
    found: Sequence[Found],
    cfg: Config,
    classes: Sequence[str],
    rare: Sequence[int],
    number: int,
    most_bytes: int,
) -> dict[str, Any]:
    """Scores of all detectors, and the pictures on which the first and the last differ."""
    annotations, images = test_set(cfg)
    outputs = outputs_of(found, annotations, images, classes)
    gallery = []
    if len(found) > 1:
        pair = {one.label: outputs.found[one.label] for one in (found[0], found[-1])}
        two = DetectorOutputs(outputs.annotations, outputs.classes, pair, images)
        gallery = embed(list(difference_items(two))[:number], most_bytes)
    text = f'{len(outputs.annotations["images"])} test images, {annotations}'
    return dict(
        scores=[score(outputs, one.label, rare) for one in found],
        test=text,
        difference_gallery=gallery,
    )


def _labels(
    found: Sequence[Found],
    run: RunRecord,
    classes: Sequence[str],
    labeled: dict | None,
    withheld: str,
    sample: int,
    number: int,
    most_bytes: int,
) -> dict[str, Any]:
    """Pseudo labels of the last run's teacher, or of what it started from, or of its student."""
    unlabeled = run.config.train_dataloader.dataset.get('unlabeled')
    if not found or unlabeled is None or labeled is None:
        return {}
    teacher = _teacher(run)
    teachers = [one for one in found if teacher is not None and _same(teacher, one.plain)]
    labeler = (teachers or [one for one in found if one.run is run] or list(found))[0]
    images = unlabeled_images(unlabeled, labeled['categories'])
    source = osp.join(unlabeled.get('data_root') or '', unlabeled.images)
    withheld = withheld or withheld_file(source)
    total = len(images['images'])
    if withheld:
        images = with_true_boxes(images, read_coco(Path(withheld)))
    images = sample_images(images, sample)
    with TemporaryDirectory(prefix='mmssod_report_') as folder:
        file = osp.join(folder, 'unlabeled.json')
        Path(file).write_text(json.dumps(images))
        outputs = outputs_of([labeler], file, '', classes)
    certainty, thresholds = selection(run, len(classes))
    labels = pseudo_labels(outputs, labeler.label, certainty, thresholds, bool(withheld))
    items = label_items(outputs, labeler.label, certainty, thresholds)
    judged = f', judged by {withheld}' if withheld else '; no true boxes are known'
    return dict(
        labels=[labels],
        label_note=f'{labeler.label} on {labels.images} of {total} unlabeled images of {source}{judged}.',
        label_gallery=embed(list(items)[:number], most_bytes),
    )


def selection(run: RunRecord, num_classes: int) -> tuple[str, list[float]]:
    """What a run's thresholds are compared with, and the thresholds that it ended with."""
    model = run.config.model
    certainty = model.get('selector', {}).get('certainty', 'p')
    if run.balance is not None and len(run.balance['thresholds'][-1]) == num_classes:
        return certainty, list(run.balance['thresholds'][-1])
    return certainty, [float(model.get('balancer', {}).get('threshold', 0.5))] * num_classes


def _labeled(cfg: Config) -> dict | None:
    """The labeled set of a config; None where its file is not here."""
    try:
        return labeled_annotations(cfg)
    except (FileNotFoundError, AttributeError):
        return None
