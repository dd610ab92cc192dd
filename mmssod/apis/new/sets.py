"""The labeled sets of ``mmssod new``: the one to train on and the one to evaluate on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmssod.datasets.annotation_files import as_trained, impossible, whole_annotations
from mmssod.datasets.image_lists import FoundImage
from mmssod.datasets.preparation.annotation_checks import annotation_findings
from mmssod.datasets.preparation.findings import SHOWN, Findings
from mmssod.datasets.preparation.formats import guess_format, read_labels
from mmssod.datasets.preparation.image_checks import READ_IMAGES
from mmssod.datasets.preparation.image_files import (
    copies,
    count_files,
    first_names,
    with_file_names,
)
from mmssod.datasets.preparation.own_data import check_images, check_labeled, with_sizes
from mmssod.datasets.preparation.yolo_txt import Keypoints
from mmssod.datasets.split import Coco, take_images
from mmssod.structures import Problem


@dataclass(frozen=True)
class Source:
    """One labeled set as the user names it.

    Args:
        labels: COCO json, folder of VOC xml or folder of YOLO txt.
        images: Folder of its images; '' looks where its format usually has them.
        names: Of YOLO's numbers, where they are known.
        keypoints: Of YOLO's poses, with the names.
    """

    labels: str
    images: str = ''
    names: tuple[str, ...] = ()
    keypoints: Keypoints | None = None

    def folder(self) -> Path:
        """The folder of the images."""
        if self.images:
            return Path(self.images)
        labels = Path(self.labels)
        if labels.suffix.lower() == '.json':
            beside = [labels.parent / name for name in ('images', 'JPEGImages', labels.stem)]
            places = [*(folder for folder in beside if folder.is_dir()), labels.parent]
            return max(places, key=lambda place: count_files(place, first_names(labels)))
        swapped = {'labels': 'images', 'Annotations': 'JPEGImages', 'annotations': 'images'}
        for old, new in swapped.items():
            parts = [new if part == old else part for part in labels.parts]
            if old in labels.parts and Path(*parts).is_dir():
                return Path(*parts)
        return labels


@dataclass(frozen=True)
class LabeledPart:
    """A labeled set that was read.

    Args:
        coco: COCO data set.
        images: Folder that its file names are relative to.
        difficult: Whether its boxes with ``iscrowd`` are VOC's difficult objects, and not crowds.
        aside: Whether they are labeled images that were set aside to evaluate on.
    """

    coco: Coco
    images: Path
    difficult: bool = False
    aside: bool = False

    @property
    def iscrowd(self) -> str:
        """What these boxes are in training (see ``LabeledDataset``): difficult ones objects, crowds background."""
        return 'object' if self.difficult else 'background'

    def trained(self) -> Coco:
        """The data set as it is trained: difficult objects without the mark by which evaluation leaves them out."""
        if not self.difficult:
            return self.coco
        return {**self.coco, 'annotations': as_trained(self.coco['annotations'], 'object')}

    def paths(self) -> list[Path]:
        """The files of its images, links followed."""
        names = [image['file_name'] for image in self.coco['images']]
        return [(self.images / name).resolve() for name in names if not impossible(name)]


def labeled_parts(
    labeled: Source,
    val: Source | None,
    *,
    val_share: float,
    kind: str,
    classes: Sequence[str],
    seed: int,
) -> tuple[LabeledPart, LabeledPart, Findings]:
    """The sets to train on and to evaluate on, and what was found in them.

    Args:
        labeled: The labeled set.
        val: The one to evaluate on; without it a share of the labeled images is set aside.
        val_share: That share, in (0, 1).
        kind: Format, see :func:`~mmssod.datasets.preparation.formats.read_labels`.
        classes: Class names, likewise.
        seed: Of the images that are set aside.

    Raises:
        ValueError: Labels that cannot be read.
        FileNotFoundError: A source that is not there.
    """
    train, findings = _read('labeled', labeled, kind, classes)
    if val is not None:
        names = [category['name'] for category in train.coco['categories']]
        test, more = _read('val', val, kind, classes or names)
        return train, test, findings + more + _shared_images(train, test)
    if findings.problems:  # they come first: what is left may be no set at all
        return train, train, findings
    size = max(1, round(val_share * len(train.coco['images'])))
    twins = copies([train.images / image['file_name'] for image in train.coco['images']])
    stay = {i['id'] for i in train.coco['images'] if train.images / i['file_name'] in twins}
    kept, aside = set_aside(train.coco, size, seed, stay)
    rest, test = replace(train, coco=kept), replace(train, coco=aside, aside=True)
    if stay:
        shown = ', '.join(str(path) for path in sorted(twins)[:SHOWN])
        findings += Findings(
            warnings=(
                f'labeled: {len(stay)} images have a copy among them, byte by byte: {shown}; each counts in '
                'training, none is set aside to evaluate on',
            )
        )
    return rest, test, findings + _aside_findings(train.coco, aside, size)


def set_aside(coco: Coco, size: int, seed: int, stay: Collection[int] = ()) -> tuple[Coco, Coco]:
    """Draw images to evaluate on; no class loses its last image, and the first one drawn has a box.

    Args:
        coco: COCO data set.
        size: Wanted number of images, >= 1.
        seed: Of the draw, >= 0.
        stay: Ids of images that are not drawn.

    Returns:
        The data set without the drawn images, and the drawn ones: fewer than ``size`` where classes would be lost, and
        none where even one image would take a class along.
    """
    numbers: dict[int, set[int]] = {image['id']: set() for image in coco['images']}
    for box in coco['annotations']:
        if not box.get('iscrowd'):
            numbers[box['image_id']].add(box['category_id'])
    left = Counter(number for found in numbers.values() for number in found)
    ids = list(numbers)
    order = [ids[place] for place in np.random.RandomState(seed).permutation(len(ids))]
    order = [one for one in order if one not in stay]
    first = next((i for i in order if numbers[i] and all(left[n] > 1 for n in numbers[i])), None)
    drawn: set[int] = set()
    for one in order if first is None else [first, *order]:
        if first is None or len(drawn) == size:
            break
        if one not in drawn and all(left[number] > 1 for number in numbers[one]):
            drawn.add(one)
            left.subtract(numbers[one])
    return take_images(coco, set(ids) - drawn), take_images(coco, drawn)


def _aside_findings(coco: Coco, aside: Coco, size: int) -> Findings:
    """What setting aside came to: images to evaluate on, classes without one."""
    count = len(aside['images'])
    if not count:
        return Findings(
            problems=(
                Problem(
                    'labeled: no image can be set aside to evaluate on',
                    'two images at least, and each class of one of them in another, too',
                    f'{len(coco["images"])} images, each the only one of some class or a copy of another',
                    'label more images, or name others to evaluate on with --val',
                ),
            )
        )
    note = f'val: {count} of the labeled images, set aside to evaluate on (--val names others)'
    warnings = []
    if count < size:
        warnings.append(f'val: {size} were wanted; more would take all boxes of a class')
    seen = {box['category_id'] for box in aside['annotations'] if not box.get('iscrowd')}
    filled = {box['category_id'] for box in coco['annotations'] if not box.get('iscrowd')}
    names = [c['name'] for c in coco['categories'] if c['id'] in filled - seen]
    if names:
        warnings.append(
            f'val: classes without a box, whose AP nothing will tell: {", ".join(names)}'
        )
    return Findings((note,), tuple(warnings))


def _read(
    name: str, source: Source, kind: str, classes: Sequence[str]
) -> tuple[LabeledPart, Findings]:
    if not Path(source.labels).exists():
        raise FileNotFoundError(f'{name}: no file or folder {source.labels}')
    images = source.folder()
    if not images.is_dir():
        raise FileNotFoundError(f'{name}: no folder of images {images}; name it with --images')
    kind = guess_format(Path(source.labels)) if kind == 'auto' else kind
    coco, findings = read_labels(
        Path(source.labels), images, kind, classes, source.names, source.keypoints
    )
    if findings.problems and not coco['images']:
        return LabeledPart(coco, images), findings  # all else follows from these
    coco, notes = with_file_names(name, coco, images)
    part = LabeledPart(with_sizes(coco, images), images, difficult=kind == 'voc')
    coco = part.coco
    findings += notes + check_labeled(name, part.trained() if name == 'labeled' else coco, images)
    there = [image for image in coco['images'] if (images / image['file_name']).is_file()]
    found = [FoundImage(str(images / i['file_name']), i['file_name'], i['id']) for i in there]
    findings += check_images(name, found) + _refused(name, source.labels, coco, images)
    whole = {**coco, 'annotations': whole_annotations(coco['annotations'])}
    return replace(part, coco=whole), findings


def _refused(name: str, labels: str, coco: Coco, images: Path) -> Findings:
    """What ``train`` would say, without images that are not there or have no size: others tell of these."""
    known = [i for i in coco['images'] if i['width'] and (images / i['file_name']).is_file()]
    left_out = {i['id'] for i in coco['images']} - {i['id'] for i in known}
    boxes = [box for box in coco['annotations'] if box['image_id'] not in left_out]
    seen = {**coco, 'images': known, 'annotations': boxes}
    classes = [category['name'] for category in coco['categories']]
    return annotation_findings(name, labels, seen, classes, str(images), READ_IMAGES)


def _shared_images(train: LabeledPart, test: LabeledPart) -> Findings:
    """Images to evaluate on that are trained on, too."""
    trained = train.paths()
    both = [str(path) for path in sorted(set(trained) & set(test.paths()))]
    both += [f'{path} (a copy)' for path in sorted(copies(test.paths(), trained))]
    if not both:
        return Findings()
    return Findings(
        problems=(
            Problem(
                f'{len(both)} images are in the labeled set and in the one to evaluate on',
                'two sets without a common image',
                ', '.join(both[:SHOWN]),
                'remove them from one of the two; figures on images that were trained on mean nothing',
            ),
        )
    )
