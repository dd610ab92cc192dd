"""Cross-validation of a project: each labeled image is judged by detectors not trained on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from mmengine.registry import init_default_scope

from mmssod.analysis.gain import Gain, paired_gain
from mmssod.analysis.report.runs import last_checkpoint, read_run_folder
from mmssod.analysis.verdict import Facts, Length, Verdict, verdict
from mmssod.apis.config import load_config
from mmssod.apis.plain import plain_detector
from mmssod.apis.predicting import predict_plain, test_classes
from mmssod.datasets.split import Coco, read_coco, take_images
from mmssod.engine.progress import print_now
from mmssod.environment.whole_files import write_whole
from mmssod.evaluation import DetectorOutputs
from mmssod.own_data.judging import training_length
from mmssod.own_data.run.facts import STAGES
from mmssod.own_data.run.fold_facts import fold_stages, measured_step
from mmssod.own_data.run.fold_files import HELD_OUT, counts, labeled_set, write_folds
from mmssod.own_data.run.running import shown_path, train_project
from mmssod.own_data.run.stages import Training

FOUND = 'held_out_boxes.json'
"""File of a fold's work directory: what its last checkpoint finds on the held-out images."""


@dataclass(frozen=True)
class Folds:
    """Detections of the detectors of all folds, each on images that it was not trained on.

    Args:
        outputs: On all labeled images, of all folds together, by training.
        held_out: Image ids of each fold.
        gain: Gain of the student over the supervised baseline, on all images.
        parts: Gain on the images of each fold; without intervals.
        verdict: On ``gain``, with the deviation over folds.
    """

    outputs: DetectorOutputs
    held_out: tuple[frozenset[int | str], ...]
    gain: Gain
    parts: tuple[Gain, ...]
    verdict: Verdict


def run_folds(
    folder: Path,
    number: int,
    *,
    seed: int | None = None,
    amp: bool = False,
    cfg_options: dict[str, Any] | None = None,
    trust_checkpoint: bool = False,
    say: Callable[[str], None] = print_now,
) -> Folds:
    """Train teacher, student and baseline of each fold, as far as they are not complete, and judge them together.

    Args:
        folder: Project folder.
        number: Number of folds.
        seed, amp, cfg_options, trust_checkpoint: Of all trainings, see :func:`mmssod.apis.train`; the seed is the
            folds', too.
        say: Gets a line before each fold and training.

    Raises:
        ValueError: See :func:`~mmssod.own_data.run.fold_files.write_folds` and
            :func:`~mmssod.own_data.run.running.train_project`.
        SystemExit: Told to end: the checkpoint was saved.
    """
    drawn_by = seed if seed is not None else _seed(folder)
    folders, notes = write_folds(folder, number, drawn_by)
    for note in notes:
        say(note)
    for place, (fold, (train, held_out)) in enumerate(
        zip(folders, counts(folders), strict=True), start=1
    ):
        say(
            f'fold {place} of {number}: trains on {train} labeled images, is judged on {held_out} others'
        )
        stages, estimate = fold_stages(folder, number)
        trainings = train_project(
            fold,
            seed=seed,
            amp=amp,
            cfg_options=cfg_options,
            trust_checkpoint=trust_checkpoint,
            say=say,
            step=measured_step(stages, estimate),
        )
        for training in trainings:
            held_out_boxes(fold, training)
    return judge_folds(folder, folders)


def held_out_boxes(fold: Path, training: Training) -> list[dict]:
    """What a complete training of a fold finds on its held-out images, in COCO's result format; read where it is known.

    Args:
        fold: The fold's folder.
        training: One of its trainings; its result is judged, see :func:`~mmssod.apis.plain.plain_detector`.
    """
    checkpoint = Path(last_checkpoint(training.work_dir))
    file = training.work_dir / FOUND
    try:
        known = json.loads(file.read_text())
        if known['checkpoint'] == checkpoint.name:
            return list(known['boxes'])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    cfg = load_config(training.config)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    truth = fold / HELD_OUT
    found = predict_plain(
        plain_detector(cfg, str(checkpoint)),
        read_coco(truth),
        str(truth),
        str(labeled_set(fold)[1]),
        phase=f'{training.name} on held-out images',
    )
    write_whole(file, json.dumps(dict(checkpoint=checkpoint.name, boxes=found)).encode())
    return found


def judge_folds(folder: Path, folders: Sequence[Path]) -> Folds:
    """Judge the detections of all folds together.

    Args:
        folder: Project folder.
        folders: Folders of its folds, all complete.
    """
    truth, images = labeled_set(folder)
    held_out = [
        frozenset(i['id'] for i in read_coco(fold / HELD_OUT)['images']) for fold in folders
    ]
    found = {
        name: [box for fold in folders for box in _known(fold / 'work_dirs' / name / FOUND)]
        for name in STAGES
        if all((fold / 'work_dirs' / name / FOUND).is_file() for fold in folders)
    }
    classes = test_classes(load_config(folders[0] / 'student.py'))
    outputs = DetectorOutputs(truth, classes, found, str(images))
    gain, parts = pooled_gain(truth, found['student'], found['supervised'], held_out, classes)
    lengths = [_lengths(fold) for fold in folders]
    return Folds(
        outputs=outputs,
        held_out=tuple(held_out),
        gain=gain,
        parts=tuple(parts),
        verdict=verdict(
            gain,
            folds=[part.gain for part in parts],
            length=reduce(add, (student for student, _ in lengths)),
            other_length=reduce(add, (supervised for _, supervised in lengths)),
            facts=Facts(labeled=len(truth['images'])),
        ),
    )


def pooled_gain(
    truth: Coco,
    ours: Sequence[dict],
    theirs: Sequence[dict],
    held_out: Sequence[frozenset[int | str]],
    classes: Sequence[str],
    draws: int = 1000,
) -> tuple[Gain, list[Gain]]:
    """The gain over all images, whose detections come from the detectors of all folds, and that of each fold.

    AP of all is no mean of the folds' AP: detections are ordered by score over all images, whichever fold's detector
    made them, and few images of a fold may lack a class.

    Args:
        truth: All images.
        ours, theirs: Detections in COCO's result format.
        held_out: Image ids of each fold.
        classes: Names of the classes to judge.
        draws: Number of bootstrap draws over all images; folds have none.
    """
    parts = []
    for ids in held_out:
        mine, other = ([box for box in found if box['image_id'] in ids] for found in (ours, theirs))
        parts.append(paired_gain(take_images(truth, ids), mine, other, draws=0, classes=classes))
    return paired_gain(truth, ours, theirs, draws=draws, classes=classes), parts


def fold_rows(folds: Folds) -> list[dict[str, Any]]:
    """Of each fold its number, images, true boxes, and AP of baseline and student with their difference, percent."""
    boxes = [box for box in folds.outputs.annotations['annotations'] if not box.get('iscrowd')]
    return [
        dict(
            fold=place,
            images=len(ids),
            boxes=sum(box['image_id'] in ids for box in boxes),
            supervised=_known_number(part.other_ap),
            student=_known_number(part.ap),
            gain=_known_number(part.gain),
        )
        for place, (ids, part) in enumerate(zip(folds.held_out, folds.parts, strict=True), start=1)
    ]


def fold_summary(folder: Path, folds: Folds) -> list[str]:
    """The folds and the detectors in lines, for the terminal; the verdict comes after."""
    lines = [
        f'fold {row["fold"]}: {row["images"]} images, {row["boxes"]} true boxes, student {_ap(row["student"])}, '
        f'supervised {_ap(row["supervised"])}{_change(row["gain"])}'
        for row in fold_rows(folds)
    ]
    lines.append(
        f'all {len(folds.outputs.annotations["images"])} images: student {_ap(folds.gain.ap)}, supervised '
        f'{_ap(folds.gain.other_ap)}'
    )
    return [
        *lines,
        f'these detectors are judged, not used; the one to use comes from: mmssod run {shown_path(folder)}',
    ]


def result_json(folds: Folds) -> dict[str, Any]:
    """The figures for other programs."""
    judged: Mapping[str, Any] = dict(
        sentence=folds.verdict.sentence,
        outcome=folds.verdict.outcome,
        gain=folds.verdict.gain,
        low=folds.verdict.low,
        high=folds.verdict.high,
        deviation=folds.verdict.deviation,
    )
    return dict(verdict=judged, folds=fold_rows(folds))


def _seed(folder: Path) -> int:
    return int((load_config(folder / 'teacher.py').get('randomness') or {}).get('seed') or 0)


def _known(file: Path) -> list[dict]:
    return list(json.loads(file.read_text())['boxes'])


def _lengths(fold: Path) -> tuple[Length, Length]:
    """How long student and baseline of a fold were trained."""
    records = {
        name: read_run_folder(fold / 'work_dirs' / name)
        for name in STAGES
        if (fold / 'work_dirs' / name).is_dir()
    }
    all_of_it = list(records.values())
    return (
        training_length(records['student'], all_of_it),
        training_length(records['supervised'], all_of_it),
    )


def _known_number(value: float) -> float | None:
    return None if value != value else value


def _ap(value: float | None) -> str:
    return 'no AP' if value is None or value != value else f'AP {value:.1f}'


def _change(value: float | None) -> str:
    return '' if value is None else f', change {value:+.1f} AP'
