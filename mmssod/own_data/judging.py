"""Computes the verdict from runs and their detections: gains, training lengths, measured facts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmssod.analysis.gain import paired_gain
from mmssod.analysis.report.facts import count_unlabeled
from mmssod.analysis.report.numbers import Labels, pseudo_labels
from mmssod.analysis.report.runs import RunRecord, read_run_folder
from mmssod.analysis.verdict import Facts, Length, Verdict, verdict
from mmssod.apis.offline_labels import labeled_annotations
from mmssod.engine.hooks.stop_early_hook import STOPPED
from mmssod.evaluation import DetectorOutputs
from mmssod.own_data.report_detectors import Comparison, starts_from
from mmssod.own_data.run.facts import read_json_dict
from mmssod.own_data.selection import selection


def judge(
    compared: Sequence[Comparison],
    outputs: DetectorOutputs,
    records: Sequence[RunRecord],
    draws: int = 1000,
) -> Verdict | None:
    """Judge students by their baselines.

    Args:
        compared: See :func:`~mmssod.own_data.report_detectors.comparisons`; of several seeds, each has a baseline.
        outputs: What all detectors found on the test images.
        records: All runs, among which those that others start from are looked for.
        draws: Number of bootstrap draws.

    Returns:
        None where no run has used unlabeled images.
    """
    if not compared:
        return None
    last = compared[-1]
    if last.supervised is None:
        return verdict(None, missing=missing_baseline(last.student.run))
    gains = [
        paired_gain(
            outputs.annotations,
            outputs.found[one.student.label],
            outputs.found[one.supervised.label],
            draws=draws,
            classes=outputs.classes,
        )
        for one in compared
        if one.supervised is not None
    ]
    return verdict(
        gains,
        length=training_length(last.student.run, records),
        other_length=training_length(last.supervised.run, records),
        facts=measured_facts(last, outputs),
    )


def training_length(run: RunRecord, records: Sequence[RunRecord]) -> Length:
    """Training length of a run, including the runs that it started from.

    One that patience ended early counts as long as it might have gone on: more time would have been of no use to it.

    Args:
        run: Run to judge.
        records: Runs among which those are looked for; else in the folder that ``load_from`` names, if it is a run's.
    """
    loader = run.config.train_dataloader
    counts = (loader.get('sampler') or {}).get('counts') or {}
    batch = sum(counts.values()) or loader.get('batch_size') or 0
    allowed = _allowed(run) / max(run.iterations, 1)
    own = Length(run.seconds * allowed, round(run.iterations * allowed * batch))
    others = [other for other in records if other.folder.resolve() != run.folder.resolve()]
    origin = next((other for other in others if starts_from(run, other)), None) or _origin(run)
    return own if origin is None else own + training_length(origin, others)


def _allowed(run: RunRecord) -> int:
    """Iterations of a run, those that it did without because it ended early among them."""
    length = read_json_dict(run.folder / STOPPED).get('max_iters')
    return max(length, run.iterations) if isinstance(length, int) else run.iterations


def measured_facts(compared: Comparison, outputs: DetectorOutputs) -> Facts:
    """Measured facts about a student's training: its pseudo labels, judged on the test images, and its data."""
    run = compared.student.run
    labels = labels_on_test(compared, outputs)
    balancer = run.config.model.get('balancer') or {}
    return Facts(
        **({} if labels is None else _label_facts(labels, outputs.classes)),
        threshold=balancer.get('threshold'),
        share=balancer.get('share'),
        labeled=_labeled(run),
        passes=_passes(run),
    )


def labels_on_test(compared: Comparison, outputs: DetectorOutputs) -> Labels | None:
    """What the teacher's pseudo labels would be on the test images at the run's thresholds; None without either."""
    teacher, run = compared.teacher, compared.student.run
    if not run.config.model.get('balancer'):
        return None  # another method, whose thresholds are not known here
    if (
        teacher is None
        or teacher.label not in outputs.found
        or not outputs.annotations['annotations']
    ):
        return None
    certainty, thresholds = selection(run.config, run.checkpoint, len(outputs.classes))
    return pseudo_labels(outputs, teacher.label, certainty, thresholds, true=True)


def missing_baseline(run: RunRecord) -> str:
    """How to get a missing baseline: the command, if the run belongs to a project of ``mmssod new``."""
    for folder in (run.folder.parent.parent, run.folder.parent):
        config = folder / 'supervised.py'
        if config.is_file():
            return f'mmssod train {config}, then give its work directory to the report as well'
    return ''


def _label_facts(labels: Labels, classes: Sequence[str]) -> dict:
    true, recall, precision = labels.withheld or (), labels.recall or (), labels.precision or ()
    right = [(r or 0) * n for r, n in zip(recall, true, strict=True)]
    precise = [(p or 0) * n for p, n in zip(precision, labels.kept, strict=True)]
    known = zip(classes, recall, strict=True)
    return dict(
        recall=sum(right) / sum(true) if sum(true) else None,
        precision=sum(precise) / sum(labels.kept) if sum(labels.kept) else None,
        class_recall={name: value for name, value in known if value is not None},
    )


def _origin(run: RunRecord) -> RunRecord | None:
    """The run whose checkpoint a run starts from, if its folder is there."""
    start = run.config.get('load_from')
    if (
        not start
        or not Path(start).is_file()
        or Path(start).parent.resolve() == run.folder.resolve()
    ):
        return None
    try:
        return read_run_folder(Path(start).parent)
    except (ValueError, OSError):
        return None  # other weights, such as COCO's


def _labeled(run: RunRecord) -> int | None:
    try:
        return len(labeled_annotations(run.config)['images'])
    except (FileNotFoundError, AttributeError):
        return None


def _passes(run: RunRecord) -> float | None:
    """How many times each unlabeled image was seen, on average."""
    loader = run.config.train_dataloader
    unlabeled = loader.dataset.get('unlabeled')
    number = ((loader.get('sampler') or {}).get('counts') or {}).get('unlabeled')
    if not unlabeled or not number or not run.iterations:
        return None
    total = count_unlabeled(unlabeled)
    return run.iterations * number / total if total else None
