"""Divides a COCO json into a labeled and an unlabeled part, by the usual protocols.

N is the number of images in the json, in whose order they are numbered. What was drawn is told by
a checksum of the labeled image ids, so that two people can see whether they train on the same data.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmssod.datasets.annotation_files import is_id, is_number, read_json, whole_categories
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

Coco = dict[str, Any]

ENTRY_KEYS = dict(
    images=('id', 'file_name'),
    annotations=('id', 'image_id', 'category_id', 'bbox'),
    categories=('id', 'name'),
)
"""What each entry of COCO's lists must have."""


def draw_stac(num_images: int, size: int, fold: int) -> np.ndarray:
    """``size`` draws **with** replacement, the repeated ones dropped: fewer images than ``size``.

    Bit for bit what STAC's ``prepare_coco_data.py`` and mmdet's ``split_coco.py`` draw, with the
    fold as seed: 1 % of 118 287 images are 1182 draws and 1174 or 1175 images.

    Returns:
        Image numbers in [0, N), ascending.
    """
    return np.unique(np.random.RandomState(fold).choice(num_images, size=size))


def draw_without_replacement(num_images: int, size: int, fold: int) -> np.ndarray:
    """Exactly ``size`` images, each at most once, with the fold as seed.

    As ``soft_teacher`` this is Soft Teacher's ``semi_coco.py`` with its default seed offset of 0.
    Its shell script adds a random offset to the seed, so the folds behind that paper's own figures
    cannot be drawn again.

    Returns:
        Image numbers in [0, N), ascending.
    """
    return np.sort(np.random.RandomState(fold).choice(num_images, size=size, replace=False))


PROTOCOLS: Mapping[str, Callable[[int, int, int], np.ndarray]] = dict(
    stac=draw_stac, soft_teacher=draw_without_replacement, count=draw_without_replacement
)


SHOTS = 'shots'
"""The protocol of :func:`draw_shots`, which looks at boxes and not at images alone."""


def draw_shots(coco: Coco, shots: int, fold: int) -> set[int | str]:
    """Ids of images that together have at least ``shots`` boxes of each class, with the fold as seed.

    Classes in few images come first: images with the class are drawn until there are enough boxes. Then images that
    no class needs are dropped again, in the order of another draw. Of a class with fewer boxes all are taken; crowd
    regions do not count. As k-shot detection is set up; papers differ in how they draw.

    Args:
        coco: With ``images``, ``annotations`` and ``categories``.
        shots: Boxes of each class, at least 1.
        fold: Seed, >= 0.

    Raises:
        ValueError: ``shots`` below 1, or an image id of a box that is not listed.
    """
    if shots < 1:
        raise InputError(f'shots must be at least 1, got {shots}')
    ids = _checked_ids(coco)
    boxes: dict[int | str, Counter] = {image: Counter() for image in ids}
    for box in coco['annotations']:
        if not box.get('iscrowd'):
            boxes[box['image_id']][box['category_id']] += 1
    total: Counter = sum(boxes.values(), Counter())
    images = Counter(name for counts in boxes.values() for name in counts)
    random = np.random.RandomState(fold)
    order = [ids[number] for number in random.permutation(len(ids))]
    drawn: dict[int | str, Counter] = {}
    found: Counter = Counter()
    for name in sorted(total, key=lambda name: (images[name], str(name))):
        for image in order:
            if found[name] >= min(shots, total[name]):
                break
            if boxes[image][name] and image not in drawn:
                drawn[image] = boxes[image]
                found += boxes[image]
    for image in [order[number] for number in random.permutation(len(order))]:
        counts = drawn.get(image, Counter())
        if image in drawn and all(
            found[name] - n >= min(shots, total[name]) for name, n in counts.items()
        ):
            found -= drawn.pop(image)
    return set(drawn)


@dataclass(frozen=True)
class Split:
    """The two parts of a COCO json.

    Attributes:
        labeled: The labeled images with their annotations.
        unlabeled: The other images without any.
        withheld: The images of ``unlabeled`` with their annotations, to judge pseudo labels by.
        checksum: ``id_checksum`` of the labeled images.
    """

    labeled: Coco
    unlabeled: Coco
    withheld: Coco
    checksum: str

    def boxes_per_class(self) -> dict[str, int]:
        """Class name -> boxes in the labeled part; those with ``iscrowd`` (crowds, difficult objects) do not count."""
        counts = Counter(
            a['category_id'] for a in self.labeled['annotations'] if not a.get('iscrowd')
        )
        return {c['name']: counts[c['id']] for c in self.labeled['categories']}

    def summary(self) -> str:
        """Numbers of images and boxes, the classes without a box, and the checksum, as text."""
        boxes = self.boxes_per_class()
        empty = [name for name, count in boxes.items() if count == 0]
        return '\n'.join(
            [
                f'labeled images    {len(self.labeled["images"])}',
                f'labeled boxes     {sum(boxes.values())}',
                f'unlabeled images  {len(self.unlabeled["images"])}',
                f'without a box     {", ".join(empty) if empty else "no class"}',
                f'checksum of ids   sha256:{self.checksum}',
            ]
        )


def num_draws(num_images: int, percent: float) -> int:
    """``int(percent / 100 * N)``, the draws for a share in percent.

    Raises:
        ValueError: ``percent`` lies outside (0, 100), or makes less than one image.
    """
    if not 0 < percent < 100:
        raise InputError(f'percent must lie between 0 and 100 (1 means 1 %), got {percent!r}')
    size = int(percent / 100 * num_images)
    if size < 1:
        raise InputError(
            f'{percent:g} % of {num_images} images is less than one: '
            f'ask for at least {100 / num_images:g} % or give a count'
        )
    return size


def split_coco(coco: Coco, *, size: int, fold: int, protocol: str = 'stac') -> Split:
    """Divides ``coco`` by drawing ``size`` times; images and annotations keep their order.

    The unlabeled part keeps the categories and has an empty list of annotations, so that COCO
    readers open it.

    Args:
        coco: COCO content with ``images``, ``annotations`` and ``categories``; not changed.
        size: Draws, see ``num_draws``; in [1, N). Of the protocol ``SHOTS`` the boxes of each class.
        fold: Seed, >= 0; the field counts folds from 1.
        protocol: A key of ``PROTOCOLS``, or ``SHOTS``.

    Raises:
        ValueError: An unknown protocol, no such size, or a json that is not COCO's.
    """
    if protocol not in (*PROTOCOLS, SHOTS):
        raise InputError(
            f'unknown protocol {protocol!r}; there are {", ".join((*PROTOCOLS, SHOTS))}'
        )
    ids = _checked_ids(coco)
    if protocol == SHOTS:
        drawn = draw_shots(coco, size, fold)
        if len(drawn) in (0, len(ids)):
            raise InputError(
                f'{size} boxes of each class take {len(drawn)} of {len(ids)} images: expected some labeled and some '
                'not; ask for fewer shots, or check that the json has boxes'
            )
    elif not 1 <= size < len(ids):
        raise InputError(
            f'cannot label {size} of {len(ids)} images: give 1 to {len(ids) - 1}, '
            'so that some remain unlabeled'
        )
    else:
        drawn = {ids[number] for number in PROTOCOLS[protocol](len(ids), size, fold)}
    checksum = id_checksum(drawn)
    draws = dict(shots=size) if protocol == SHOTS else dict(draws=size)
    made = dict(protocol=protocol, fold=fold, **draws, of=len(ids), labeled_ids_sha256=checksum)
    rest = {k: v for k, v in coco.items() if k not in ('images', 'annotations')}
    rest['info'] = {**(coco.get('info') or {}), 'split': made}

    def part(labeled: bool, annotated: bool) -> Coco:
        images = [image for image in coco['images'] if (image['id'] in drawn) is labeled]
        boxes = [a for a in coco['annotations'] if (a['image_id'] in drawn) is labeled]
        return {**rest, 'images': images, 'annotations': boxes if annotated else []}

    return Split(part(True, True), part(False, False), part(False, True), checksum)


def take_images(coco: Coco, ids: Collection[int | str]) -> Coco:
    """Some images of a data set with their boxes; both keep their order."""
    return {
        **coco,
        'images': [image for image in coco['images'] if image['id'] in ids],
        'annotations': [box for box in coco['annotations'] if box['image_id'] in ids],
    }


def id_checksum(ids: Iterable[int | str]) -> str:
    """sha256 of the sorted ids joined by commas (numbers by value), as 64 hexadecimal digits."""
    ordered = sorted(ids, key=lambda i: (isinstance(i, str), i))
    return hashlib.sha256(','.join(map(str, ordered)).encode()).hexdigest()


def share_name(
    *, percent: float | None = None, count: int | None = None, shots: int | None = None
) -> str:
    """What a file name says behind the ``@``: '1' for 1.0 %, '0.5', '40images' of a count, '10shots'."""
    if shots is not None:
        return f'{shots}shots'
    return f'{percent:g}' if percent is not None else f'{count}images'


def write_split(split: Split, folder: Path, name: str, *, keep_boxes: bool = False) -> list[Path]:
    """Writes ``{name}.json`` and ``{name}-unlabeled.json``; existing files are replaced whole.

    Args:
        split: What ``split_coco`` returned.
        folder: Made if missing.
        name: Stem such as ``train.1@10``.
        keep_boxes: Also writes ``{name}-unlabeled-boxes.json`` with the withheld annotations.
    """
    parts = {f'{name}.json': split.labeled, f'{name}-unlabeled.json': split.unlabeled}
    if keep_boxes:
        parts[f'{name}-unlabeled-boxes.json'] = split.withheld
    for file_name, content in parts.items():
        write_coco(content, folder / file_name)
    return [folder / file_name for file_name in parts]


def write_coco(coco: Coco, path: Path) -> None:
    """Writes a json whole: a file that is there is replaced at once, never left half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {**coco, 'categories': whole_categories(coco['categories'])}
    write_whole(path, json.dumps(whole).encode())


def read_coco(path: Path) -> Coco:
    """The content of a COCO json with its annotations.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not json in UTF-8, too large, or lacks one of COCO's lists or a key in an entry of them.
    """
    coco = read_json(path)
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(coco, dict) or not isinstance(coco.get(key), list):
            raise InputError(f'{str(path)!r} is no COCO json with annotations: no list {key!r}')
        for place, entry in enumerate(coco[key]):
            if fault := _entry_fault(key, entry):
                raise InputError(f'{str(path)!r}: {key}[{place}] {fault}, got {str(entry)[:200]}')
    checked: Coco = coco
    return checked


def _entry_fault(key: str, entry: Any) -> str | None:
    """What an entry of one of COCO's lists lacks."""
    missing = [k for k in ENTRY_KEYS[key] if not isinstance(entry, dict) or k not in entry]
    if missing:
        return f'needs {", ".join(map(repr, ENTRY_KEYS[key]))}'
    texts = [entry[k] for k in ('file_name', 'name') if k in ENTRY_KEYS[key]]
    if not all(isinstance(text, str) and text for text in texts):
        return 'needs a name that is a text'
    if key == 'annotations':
        box = entry['bbox']
        whole = isinstance(box, list) and len(box) == 4
        if not whole or not all(map(is_number, box)):
            return 'needs four numbers x y w h as bbox'
    if not all(is_id(entry[k]) for k in ('id', 'image_id', 'category_id') if k in entry):
        return 'needs ids that are whole numbers or texts'
    return None


def _checked_ids(coco: Coco) -> list[int | str]:
    """The image ids in the json's order."""
    ids = [image['id'] for image in coco['images']]
    repeated = [i for i, count in Counter(ids).items() if count > 1]
    if repeated:
        raise InputError(f'image ids must be unique; listed more than once: {repeated[:5]}')
    strangers = {a['image_id'] for a in coco['annotations']} - set(ids)
    if strangers:
        raise InputError(f'annotations of images that are not listed: {sorted(strangers)[:5]}')
    return ids
