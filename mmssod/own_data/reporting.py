"""Collects the content of the report page: reads runs, runs their detectors, chooses images."""

from __future__ import annotations

import json
import os.path as osp
from collections.abc import Sequence
from copy import deepcopy
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmssod.analysis.report.facts import run_facts, shorten
from mmssod.analysis.report.gallery import embed, link_files
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
from mmssod.analysis.report.why import thresholds_json, why
from mmssod.apis.offline_labels import labeled_annotations, unlabeled_images
from mmssod.apis.predicting import predict_plain, test_classes, test_set
from mmssod.datasets.split import read_coco
from mmssod.environment import collect
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.evaluation import DetectorOutputs
from mmssod.own_data.judging import judge, labels_on_test
from mmssod.own_data.report_detectors import (
    Comparison,
    Found,
    comparisons,
    detectors,
    is_result,
    teacher_of,
)
from mmssod.own_data.score_thresholds import thresholds_file
from mmssod.own_data.selection import selection


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
    device: str | None = None,
    cfg_options: dict[str, Any] | None = None,
) -> Page:
    """Write the page.

    The detectors of all runs are evaluated on the test set of the last run that has one, and the last student is judged
    by the supervised run. The last run's teacher, or else its student, labels a sample of the unlabeled images.

    Args:
        runs: Work directories; of a run with student and teacher both are shown.
        out: The ``.html`` file; its folder is made.
        names: What the page calls the runs; by default see :func:`run_names`.
        pictures: Most pictures a gallery.
        sample: Most unlabeled images to label.
        withheld: COCO json with true boxes of the unlabeled images; by default what the repository's tools leave beside
            them (``...-boxes.json``, ``...-withheld.json``), if it is there.
        max_mb: Most size of all pictures, in MB.
        title: Heading; by default the names of the runs.
        command: How the page was made, to be printed in it.
        device: Device for the detectors; by default a GPU if there is one.
        cfg_options: Values by dotted key that replace those of every run's config.

    Returns:
        What was written.

    Raises:
        ValueError: No run, other than one name of its own for each, ``out`` is no ``.html``, or runs of other classes.
    """
    names = names or run_names(runs)
    if not runs or not all(names) or not len(set(names)) == len(names) == len(runs):
        raise InputError(
            f'report: expected runs and for each a name that no other has, got {list(runs)}, {list(names)}'
        )
    if Path(out).suffix != '.html':
        raise InputError(f'out: expected a file name ending in .html, got {out}')
    records = [read_run_folder(run, name) for run, name in zip(runs, names, strict=True)]
    for record in records:
        record.config.merge_from_dict(deepcopy(cfg_options or {}))
    last = records[-1]
    init_default_scope(last.config.get('default_scope', 'mmdet'))
    tested = [record.config for record in records if record.config.get('test_dataloader')][-1:]
    for record in records:
        lend_pipeline(record.config)
    found = detectors(records)
    classes = test_classes(last.config)
    for one in found:
        if set(one.plain.classes) != set(classes):
            raise InputError(
                f'{one.label}: expected the classes {classes} of {last.name}, got {one.plain.classes}'
            )
    labeled = _labeled(last.config)
    rare, counts = rare_classes(labeled, classes)
    half = int(max_mb * 1e6 / 2)
    teacher = teacher_of(found, last)
    judged: dict[str, Any] = {}
    if found and tested:
        annotations, images = test_set(tested[0])
        outputs = _outputs(found, classes, annotations, images, 'test images', device)
        compared = comparisons(found)
        judged = _judge(outputs, shown_pair(found, compared), rare, pictures, half)
        judged['verdict'] = judge(compared, outputs, records)
        judged['judged'] = judged_labels(found, compared)
        judged.update(_why(found, compared, outputs, Path(out)))
        judged['test'] = shorten(f'{len(outputs.annotations["images"])} test images, {annotations}')
    own = [one for one in found if one.run is last]
    labeler = teacher or next(iter([*own, *found]), None)
    nothing = 'no test set in the config' if found else 'no checkpoint'
    page = Page(
        title=title or 'Report: ' + ', '.join(record.name for record in records),
        runs=records,
        facts={record.name: run_facts(record) for record in records},
        results={one.run.name: one.label for one in found if is_result(one)},
        classes=classes,
        rare=rare,
        labeled_boxes=counts,
        measured={'command': shorten(command), 'date': date.today().isoformat(), **collect()},
        **{'scores': (), 'test': f'Nothing was evaluated: {nothing}.', **judged},
        **_labels(labeler, last, classes, labeled, withheld, sample, pictures, half, device),
    )
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    link_files([*page.label_gallery, *page.difference_gallery], path.parent)
    write_whole(path, render(page).encode(errors='backslashreplace'))
    return page


def told(page: Page, out: str) -> list[str]:
    """Lines for the terminal: the figures, where the page lies, and the verdict."""
    lines = [
        f'{score.label}: AP {_text(score.mean)}, AP50 {_text(score.at50)}, AP75 {_text(score.at75)}'
        for score in page.scores
    ]
    return [*lines, out, *([page.verdict.sentence] if page.verdict else [])]


def run_names(runs: Sequence[str]) -> list[str]:
    """The folders' names; where some are alike, with as many folders above as tell them apart.

    Raises:
        ValueError: One folder is named twice.
    """
    paths = [Path(run).resolve() for run in runs]
    if len(set(paths)) < len(paths):
        raise InputError(f'report: expected each run once, or a name for each, got {list(runs)}')
    names = [path.name for path in paths]
    depth = 1
    while len(set(names)) < len(names):
        depth += 1
        names = [
            str(Path(*path.parts[-depth:])) if names.count(name) > 1 else name
            for path, name in zip(paths, names, strict=True)
        ]
    return names


def lend_pipeline(cfg: Config) -> None:
    """Give a config without a test set the pipeline of its evaluations, to label with; its images are others.

    Args:
        cfg: Changed in place.
    """
    if cfg.get('test_dataloader'):
        return
    dataset = cfg.train_dataloader.dataset
    metainfo = dataset.get('labeled', dataset).get('metainfo') or {}
    cfg.test_dataloader = cfg.get('val_dataloader') or dict(
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='CocoDataset', metainfo=metainfo, test_mode=True, pipeline=cfg.get('test_pipeline')),
    )  # fmt: skip


def shown_pair(found: Sequence[Found], compared: Sequence[Comparison]) -> list[Found]:
    """The two detectors whose differences are shown: first the baseline, then what is judged by it; [] for one alone.

    A student and its supervised baseline, or its teacher where there is none; without a student the first and the last.
    """
    if compared:
        last = compared[-1]
        first = last.supervised or last.teacher
        return [] if first is None or first is last.student else [first, last.student]
    return [found[0], found[-1]] if len(found) > 1 else []


def judged_labels(found: Sequence[Found], compared: Sequence[Comparison]) -> tuple[str, ...]:
    """Labels of the baseline and of what is judged by it; () where nothing is, as a student beside its teacher."""
    if compared and compared[-1].supervised is None:
        return ()
    return tuple(one.label for one in shown_pair(found, compared))


def _outputs(
    found: Sequence[Found],
    classes: Sequence[str],
    annotations: str,
    images: str,
    what: str,
    device: str | None,
) -> DetectorOutputs:
    """What detectors find on the images of a COCO json."""
    truth = read_coco(Path(annotations))
    results = {
        one.label: predict_plain(
            one.plain, truth, annotations, images, phase=f'{one.label} on {what}', device=device
        )
        for one in found
    }
    return DetectorOutputs(truth, tuple(classes), results, images)


def _labels(
    labeler: Found | None,
    run: RunRecord,
    classes: Sequence[str],
    labeled: dict | None,
    withheld: str,
    sample: int,
    number: int,
    most_bytes: int,
    device: str | None,
) -> dict[str, Any]:
    """Pseudo labels of one detector on a run's unlabeled images, kept by the run's thresholds."""
    unlabeled = run.config.train_dataloader.dataset.get('unlabeled')
    if labeler is None or unlabeled is None or labeled is None or not sample:
        return {}
    if labeler.plain.config.test_dataloader.dataset.get('pipeline', ()) is None:
        return {}
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
        outputs = _outputs([labeler], classes, file, '', 'unlabeled images', device)
    certainty, thresholds = selection(run.config, run.checkpoint, len(classes))
    labels = pseudo_labels(outputs, labeler.label, certainty, thresholds, bool(withheld))
    items = label_items(outputs, labeler.label, certainty, thresholds)
    judged = f', judged by {withheld}' if withheld else '; no true boxes are known'
    return dict(
        labels=[labels],
        label_note=shorten(
            f'{labeler.label} on {labels.images} of {total} unlabeled images of {source}{judged}.'
        ),
        label_gallery=embed(list(items)[:number], most_bytes),
    )


def _judge(
    outputs: DetectorOutputs,
    pair: Sequence[Found],
    rare: Sequence[int],
    number: int,
    most_bytes: int,
) -> dict[str, Any]:
    """Scores of all detectors, and the pictures on which two differ."""
    gallery = []
    if pair:
        found = {one.label: outputs.found[one.label] for one in pair}
        two = DetectorOutputs(outputs.annotations, outputs.classes, found, outputs.images)
        gallery = embed(list(difference_items(two))[:number], most_bytes)
    return dict(
        scores=[score(outputs, label, rare) for label in outputs.found],
        difference_gallery=gallery,
    )


def _why(
    found: Sequence[Found], compared: Sequence[Comparison], outputs: DetectorOutputs, out: Path
) -> dict[str, Any]:
    """Errors of the baseline and the student, or of the last detector; the last one's best thresholds in a file."""
    pair = shown_pair(found, compared) or [found[-1]]
    looked_at = [why(outputs, one.label) for one in pair]
    file = thresholds_file(out)
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(thresholds_json(looked_at[-1], outputs.classes), indent=2)
    write_whole(file, text + '\n')
    return dict(
        why=looked_at,
        judged_labels=labels_on_test(compared[-1], outputs) if compared else None,
        thresholds_file=file.name,
    )


def _labeled(cfg: Config) -> dict | None:
    """The labeled set of a config; None where its file is not here."""
    try:
        return labeled_annotations(cfg)
    except (FileNotFoundError, AttributeError):
        return None


def _text(value: float | None) -> str:
    return 'undefined' if value is None else f'{value:.1f}'
