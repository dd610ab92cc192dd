"""Ranks a project's unlabeled images by expected benefit of a label, and writes files for labeling the best."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mmssod.analysis.pictures import tag
from mmssod.analysis.report.gallery import Item, Panel, Shape, shapes_of
from mmssod.apis.offline_labels import with_annotations
from mmssod.datasets.image_files import UnreadableImageError
from mmssod.datasets.preparation.own_data import class_counts
from mmssod.engine.progress import print_now, with_progress
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.evaluation.detections import corners
from mmssod.models.checkpoint_parts import PARTS
from mmssod.own_data.browsing import choose as draw
from mmssod.own_data.detector import DEFAULT_SCORE, Detector, project_student
from mmssod.own_data.inferring import Frame, tell_skipped
from mmssod.own_data.loop.looking import FLOOR, Look, Looker
from mmssod.own_data.loop.pages import new_folder, write_formats, write_pictures
from mmssod.own_data.loop.ranking import Choice, Signals, choose
from mmssod.own_data.run.candidates import trained_project
from mmssod.own_data.run.fold_files import labeled_part, named_pool
from mmssod.own_data.score_thresholds import class_limits

SAMPLE = 2000
"""Unlabeled images that are looked at, at most."""
KNOWN = 500
"""Labeled images that novelty is measured from, at most."""
HIGH, MOST_REASONS = 0.75, 3
"""A signal is a reason where an image is ahead of so many; no more reasons are named."""


@dataclass(frozen=True)
class NextImage:
    """An image to label.

    Args:
        name: As the labels to correct have it.
        path: Image file.
        reason: Why it, in words.
        ranks: By signal, the share of images that it is ahead of.
        duplicates: Names of images that are nearly the same, and are not proposed.
    """

    name: str
    path: str
    reason: str
    ranks: dict[str, float]
    duplicates: tuple[str, ...]


@dataclass(frozen=True)
class NextImages:
    """The images to label next.

    Args:
        images: The most instructive first.
        folder: Where ``page.html``, ``next.json``, ``next.txt`` and ``labels`` lie.
        labels: The last by format.
    """

    images: tuple[NextImage, ...]
    folder: Path
    labels: dict[str, Path]


@dataclass(frozen=True)
class _Seen:
    """An unlabeled image, its width and height in pixels, and what was seen in it."""

    name: str
    path: str
    size: tuple[int, int]
    look: Look


def next_images(
    folder: Path,
    count: int,
    *,
    out: str | None = None,
    kinds: Sequence[str] = (),
    sample: int = SAMPLE,
    device: str | None = None,
    say: Callable[[str], None] = print_now,
) -> NextImages:
    """Choose the images to label next, and write ``next.json``, ``next.txt``, ``page.html`` and ``labels``.

    Args:
        folder: Folder of a project with a trained student.
        count: Number of images, >= 1.
        out: A new folder; by default ``next_1``, ``next_2``, ... in the project.
        kinds: Formats of the labels to correct; none for all that can be written.
        sample: Unlabeled images to look at, at most, drawn at random.
        device: By default a GPU if there is one.
        say: Gets the lines on what was looked at and what was written.

    Raises:
        FileNotFoundError: No project, or none with a trained student.
        ValueError: Numbers below 1; no unlabeled image is left; ``out`` is not empty.
    """
    for name, value in (('count', count), ('sample', sample)):
        if value < 1:
            raise InputError(f'{name}: expected a whole number >= 1, got {value}')
    target = new_folder(folder, 'next', out)
    place = trained_project(folder)
    looker = project_looker(folder, device)
    pool = named_pool(place)
    if not pool:
        raise InputError(
            f'{folder}: expected unlabeled images, found none; fix: add images to label'
        )
    names = [list(pool)[index] for index in draw(len(pool), sample, 0)]
    seen = _look(looker, {name: pool[name] for name in names})
    coco, root = labeled_part(place)
    labeled = list(class_counts(coco).values())
    chosen = choose(_signals(seen), labeled, _known(looker, root, coco['images']), count)
    picked = [seen[choice.index] for choice in chosen]
    listed = [_named(choice, seen, looker, labeled) for choice in chosen]
    target.mkdir(parents=True, exist_ok=True)
    write_whole(target / 'next.json', json.dumps([asdict(one) for one in listed], indent=1))
    write_whole(target / 'next.txt', ''.join(f'{one.path}\n' for one in listed))
    labels = write_formats(_labels(looker, picked), target / 'labels', kinds)
    write_pictures(
        target / 'page.html',
        [
            _item(number, *pair, looker)
            for number, pair in enumerate(zip(listed, picked, strict=True), 1)
        ],
        title=f'{folder.resolve().name}: label these next',
        sub=f'{len(listed)} of {len(seen)} unlabeled images that were looked at, the most instructive first',
        notes=_notes(looker),
        classes=looker.detector.classes,
        words=dict(kept='found', rejected='unsure'),
    )
    say(f'{len(seen)} of {len(pool)} unlabeled images were looked at')
    say(f'{len(listed)} to label: {target / "page.html"}, {target / "next.txt"}')
    say(f'labels to correct: {", ".join(str(path) for path in labels.values())}')
    return NextImages(tuple(listed), target, labels)


def project_looker(folder: Path, device: str | None) -> Looker:
    """The last student of a project, with the other detector of its run where there is one.

    Raises:
        FileNotFoundError: See :func:`~mmssod.own_data.detector.project_student`.
    """
    config, checkpoint, thresholds = project_student(folder)
    detector = Detector(config, checkpoint, score_thr=FLOOR, device=device)
    other = None
    for part in PARTS if detector.part in PARTS else ():
        if part != detector.part:
            other = Detector(config, checkpoint, part=part, score_thr=FLOOR, device=device)
    limits = class_limits(DEFAULT_SCORE if thresholds is None else thresholds, detector.classes)
    return Looker(detector, np.clip(limits, FLOOR, 0.95), other)


def _look(looker: Looker, files: dict[str, str]) -> list[_Seen]:
    """What is seen in images, by name; those that cannot be read are left out."""
    seen, skipped = [], []
    for name in with_progress(list(files), 'unlabeled images'):
        try:
            pixels = Frame(name, files[name]).pixels()
        except UnreadableImageError as error:
            skipped.append(str(error))
            continue
        height, width = pixels.shape[:2]
        seen.append(_Seen(name, files[name], (width, height), looker(pixels)))
    tell_skipped(skipped, len(seen))
    return seen


def _known(looker: Looker, root: Path, images: Sequence[dict]) -> np.ndarray:
    """Features of labeled images, shape (L, D)."""
    files = [str(root / images[index]['file_name']) for index in draw(len(images), KNOWN, 0)]
    return np.stack(
        [
            looker.features(Frame(file, file).pixels())
            for file in with_progress(files, 'labeled images')
        ]
    )


def _signals(seen: Sequence[_Seen]) -> Signals:
    looks = [one.look for one in seen]
    return Signals(
        doubt=np.array([look.doubt for look in looks]),
        place=np.array([look.place for look in looks]),
        disagreement=np.array([look.flip + look.parts for look in looks]),
        expected=np.stack([look.expected for look in looks]),
        features=np.stack([look.features for look in looks]),
    )


def _named(
    choice: Choice, seen: Sequence[_Seen], looker: Looker, labeled: Sequence[int]
) -> NextImage:
    one = seen[choice.index]
    texts = _reasons(choice, one.look, looker, labeled)
    order = sorted(texts, key=lambda name: -choice.ranks[name])
    said = [name for name in order if choice.ranks[name] >= HIGH][:MOST_REASONS] or order[:1]
    duplicates = tuple(seen[index].name for index in choice.duplicates)
    reason = '; '.join(texts[name] for name in said)
    if duplicates:
        reason += f'; stands for {len(duplicates)} that are nearly the same'
    return NextImage(one.name, one.path, reason, choice.ranks, duplicates)


def _reasons(choice: Choice, look: Look, looker: Looker, labeled: Sequence[int]) -> dict[str, str]:
    """What each signal says of an image; signals that say nothing are left out."""
    classes = looker.detector.classes
    texts = {}
    if look.unsure is not None and look.doubt > 0:
        name = classes[look.unsure['category_id'] - 1]
        texts['class'] = f'class unsure in {look.doubt:.1f} boxes ({name} {tag(look.unsure)})'
    if look.place > 0:
        texts['place'] = f'place unsure in {look.place:.1f} boxes'
    if look.flip + look.parts > 0:
        pairs = [(look.flip, 'image and mirror image'), (look.parts, 'student and teacher')]
        texts['disagreement'] = ', '.join(
            f'{who} differ by {n:.1f} boxes' for n, who in pairs if n > 0
        )
    rarest = int(choice.gains.argmax())
    if choice.gains[rarest] > 0:
        texts['rarity'] = (
            f'about {look.expected[rarest]:.1f} {classes[rarest]} ({labeled[rarest]} labeled)'
        )
    texts['novelty'] = 'unlike labeled and listed images'
    return texts


def _labels(looker: Looker, picked: Sequence[_Seen]) -> dict:
    """What is found in images, as a COCO data set with scores, ids from 1."""
    images = [
        dict(id=number, file_name=one.name, width=one.size[0], height=one.size[1])
        for number, one in enumerate(picked, start=1)
    ]
    found = [
        {**box, 'image_id': number, 'bbox': bbox}
        for number, one in enumerate(picked, start=1)
        for box in one.look.boxes
        if looker.is_found(box) and min((bbox := on_image(box['bbox'], one.size))[2:]) > 0
    ]
    empty = dict(images=images, annotations=[], categories=looker.detector.categories())
    return with_annotations(empty, found)


def on_image(bbox: Sequence[float], size: tuple[int, int]) -> list[float]:
    """The part of a box ``x y w h`` that lies on an image of a width and height, with sides of 0 where none does."""
    x, y, w, h = bbox
    corners = ((x, x + w), (y, y + h))
    (x1, x2), (y1, y2) = (
        [min(max(place, 0), side) for place in places]
        for places, side in zip(corners, size, strict=True)
    )
    return [x1, y1, x2 - x1, y2 - y1]


def _item(number: int, image: NextImage, seen: _Seen, looker: Looker) -> Item:
    classes = looker.detector.classes
    shapes: tuple[Shape, ...] = ()
    for layer, wanted in (('rejected', False), ('kept', True)):
        boxes = [b for b in seen.look.boxes if looker.is_found(b) == wanted and looker.is_likely(b)]
        names = [classes[box['category_id'] - 1] for box in boxes]
        tags = [f'{name} {tag(box)}' for name, box in zip(names, boxes, strict=True)]
        shapes += shapes_of(layer, corners(boxes), names, tags)
    return Item(image.path, f'{number}. {image.name}: {image.reason}', (Panel('', shapes),))


def _notes(looker: Looker) -> list[str]:
    place = (
        'place (boxes weighted by p (1 - v))'
        if looker.told
        else 'place (this detector gives no v: how far boxes move when the image is flipped)'
    )
    both = ', and of student and teacher' if looker.other else ''
    return [
        f'Each image has five ranks among all: doubt in class, {place}, difference of image and mirror image{both}, '
        'boxes of classes with few labels, distance to labeled and listed images. The mean of the ranks orders them; '
        'of images that are nearly the same, one is listed.',
        'Found boxes are the labels to correct; unsure ones, below the threshold of their class, are not among them.',
    ]
