"""Ranks labeled boxes of a project that look wrong, where possible by detectors not trained on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmengine.registry import init_default_scope

from mmssod.analysis.report.gallery import Item, Panel, Shape, shapes_of
from mmssod.apis.config import load_config
from mmssod.apis.plain import plain_detector
from mmssod.apis.predicting import predict_plain
from mmssod.datasets.split import Coco, read_coco, take_images, write_coco
from mmssod.engine.progress import print_now
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.evaluation.detections import corners
from mmssod.own_data.detector import project_student
from mmssod.own_data.loop.pages import new_folder, write_formats, write_pictures
from mmssod.own_data.loop.suspicions import KINDS, Suspicion, suspicions
from mmssod.own_data.run.candidates import trained_project
from mmssod.own_data.run.fold_files import HELD_OUT, labeled_set
from mmssod.own_data.run.folds import FOUND

LEAST = 0.1
"""Least score of a detection that speaks against a label."""


@dataclass(frozen=True)
class LabelErrors:
    """Labels that look wrong.

    Args:
        found: The most suspicious first.
        unseen: Ids of images whose detector was not trained on their labels.
        folder: Where ``page.html``, ``errors.json`` and ``labels`` lie.
        labels: The labels of the shown images, to correct, by format.
    """

    found: tuple[Suspicion, ...]
    unseen: frozenset[int | str]
    folder: Path
    labels: dict[str, Path]


def label_errors(
    folder: Path,
    count: int,
    *,
    out: str | None = None,
    kinds: Sequence[str] = (),
    device: str | None = None,
    say: Callable[[str], None] = print_now,
) -> LabelErrors:
    """Rank labels that look wrong, and write ``page.html``, ``errors.json`` and ``labels``.

    Args:
        folder: Folder of a project with a trained student, better with complete folds (``mmssod run --folds``).
        count: Number of labels to show, >= 1.
        out: A new folder; by default ``errors_1``, ``errors_2``, ... in the project.
        kinds: Formats of the labels to correct; none for all that can be written.
        device: By default a GPU if there is one.
        say: Gets the lines on who judged, and what was written.

    Raises:
        FileNotFoundError: No project, or none with a trained student.
        ValueError: ``count`` below 1; ``out`` is not empty.
    """
    if count < 1:
        raise InputError(f'count: expected a whole number >= 1, got {count}')
    target = new_folder(folder, 'errors', out)
    place = trained_project(folder)
    truth, images = labeled_set(place)
    detections, unseen = _of_folds(place, truth)
    if not unseen:
        detections, unseen = _of_student(folder, place, truth, images, device)
    sure = [box for box in detections if box['score'] >= LEAST]
    found = tuple(suspicions(truth, sure)[:count])
    judged = _who(folder, len(unseen), len(truth['images']))
    files = {image['id']: image['file_name'] for image in truth['images']}
    names = {category['id']: category['name'] for category in truth['categories']}
    listed = [
        _entry(number, one, files, names, unseen) for number, one in enumerate(found, start=1)
    ]
    target.mkdir(parents=True, exist_ok=True)
    write_whole(target / 'errors.json', json.dumps(listed, indent=1))
    labels = write_formats(
        take_images(truth, {one.image_id for one in found}), target / 'labels', kinds
    )
    meanings = ', '.join(f'{what}: {meaning}' for what, meaning in KINDS.values())
    write_pictures(
        target / 'page.html',
        _items(found, truth, images, listed, names),
        title=f'{folder.resolve().name}: labels that look wrong',
        sub=f'{len(found)} labels, the most suspicious first',
        notes=[
            f'{judged}. A detector is wrong more often than a careful labeler: look at each.',
            meanings,
        ],
        classes=list(names.values()),
        words=dict(truth='labeled', rejected='looks wrong', kept='found instead'),
    )
    for line in (
        judged,
        f'{len(found)} labels that look wrong: {target / "page.html"}, {target / "errors.json"}',
    ):
        say(line)
    say(f'labels to correct, then mmssod add --corrections: {", ".join(map(str, labels.values()))}')
    return LabelErrors(found, frozenset(unseen), target, labels)


def _of_folds(place: Path, truth: Coco) -> tuple[list[dict[str, Any]], set[Any]]:
    """What complete folds of these labels have found on the images that they hold out, and the ids of these."""
    ids = {image['id'] for image in truth['images']}
    for folds in sorted(place.glob('folds_*')):
        parts = sorted(folds.glob('fold_*'))
        files = [part / 'work_dirs' / 'student' / FOUND for part in parts]
        if not files or not all(file.is_file() for file in files):
            continue
        held_out = [read_coco(part / HELD_OUT) for part in parts]
        if {image['id'] for part in held_out for image in part['images']} == ids:
            return [box for file in files for box in json.loads(file.read_text())['boxes']], ids
    return [], set()


def _of_student(
    folder: Path, place: Path, truth: Coco, images: Path, device: str | None
) -> tuple[list[dict[str, Any]], set[Any]]:
    """What the last student finds on all labeled images, and the ids of those that it was not trained on."""
    config, checkpoint, _ = project_student(folder)
    cfg = load_config(config)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    plain = plain_detector(cfg, checkpoint)
    with TemporaryDirectory(prefix='mmssod_errors_') as made:
        file = Path(made, 'labeled.json')
        write_coco(truth, file)
        found = predict_plain(
            plain, truth, str(file), str(images), phase='labeled images', device=device
        )
    trained = {image['id'] for image in read_coco(place / 'labeled.json')['images']}
    return found, {image['id'] for image in truth['images']} - trained


def _who(folder: Path, unseen: int, images: int) -> str:
    if unseen == images:
        return f'Each of the {images} images was judged by a detector that was not trained on it'
    return (
        f'The student was trained on {images - unseen} of the {images} images, and may have learned wrong labels of '
        f'these by heart: `mmssod run {folder} --folds 5` trains detectors that judge images they have not seen'
    )


def _entry(
    number: int, one: Suspicion, files: dict[Any, str], names: dict[Any, str], unseen: set[Any]
) -> dict[str, Any]:
    """A label that looks wrong, as plain data."""
    label = one.label
    return dict(
        rank=number,
        kind=KINDS[one.kind][0],
        score=round(one.score, 4),
        image=files[one.image_id],
        unseen=one.image_id in unseen,
        found=dict(
            name=names[one.found['category_id']], bbox=one.found['bbox'], score=one.found['score']
        ),
        label=label and dict(id=label['id'], name=names[label['category_id']], bbox=label['bbox']),
    )


def _items(
    found: Sequence[Suspicion],
    truth: Coco,
    images: Path,
    listed: Sequence[dict[str, Any]],
    names: dict[Any, str],
) -> list[Item]:
    """A picture for each label, with the other labels of its image."""
    labels: dict[Any, list[dict]] = {image['id']: [] for image in truth['images']}
    for box in truth['annotations']:
        labels[box['image_id']].append(box)
    items = []
    for one, entry in zip(found, listed, strict=True):
        others = [box for box in labels[one.image_id] if box is not one.label]
        shapes: tuple[Shape, ...] = ()
        for layer, boxes in (
            ('truth', others),
            ('rejected', [one.label] if one.label else []),
            ('kept', [one.found]),
        ):
            classes = [names[box['category_id']] for box in boxes]
            tags = [
                f'{name} {box["score"]:.2f}' if layer == 'kept' else name
                for name, box in zip(classes, boxes, strict=True)
            ]
            shapes += shapes_of(layer, corners(boxes), classes, tags)
        items.append(
            Item(
                str(images / entry['image']),
                f'{entry["rank"]}. {_said(entry)}: {entry["image"]}',
                (Panel('', shapes),),
            )
        )
    return items


def _said(entry: dict[str, Any]) -> str:
    """One label's fault in words."""
    name, score = entry['found']['name'], f'{entry["found"]["score"]:.2f}'
    if entry['label'] is None:
        return f'missing: {name} ({score})'
    if entry['kind'] == KINDS['Cls'][0]:
        return f'mistaken class: {entry["label"]["name"]}, found as {name} ({score})'
    return f'misplaced: {name}, found beside it ({score})'
