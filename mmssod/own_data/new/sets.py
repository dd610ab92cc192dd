"""The images of ``mmssod new``: the labeled sets to train on and to evaluate on, and the unlabeled images."""

from __future__ import annotations

import os.path as osp
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmssod.datasets.annotation_files import as_trained, impossible, whole_annotations
from mmssod.datasets.formats import LabelFormat, Source, find_format
from mmssod.datasets.image_lists import FoundImage, find_images, list_folder, source_kind
from mmssod.datasets.left_out import left_out
from mmssod.datasets.preparation import SHOWN, Findings
from mmssod.datasets.preparation.annotation_checks import annotation_findings
from mmssod.datasets.preparation.image_checks import READ_IMAGES
from mmssod.datasets.preparation.image_files import copies, count_files, with_file_names
from mmssod.datasets.preparation.own_data import check_images, check_labeled, with_sizes
from mmssod.datasets.split import Coco, take_images
from mmssod.structures import Problem

LOOKED_AT = 16
"""Image names of a file of labels by which their folder is told."""


@dataclass(frozen=True)
class LabeledPart:
    """A labeled set that was read.

    Args:
        coco: COCO data set.
        images: Folder that its file names are relative to.
        iscrowd: What its boxes with ``iscrowd`` are in training, see ``LabeledDataset``.
        aside: Whether they are labeled images that were set aside to evaluate on.
    """

    coco: Coco
    images: Path
    iscrowd: str = 'background'
    aside: bool = False

    def trained(self) -> Coco:
        """The data set as it is trained: difficult objects without the mark by which evaluation leaves them out."""
        if self.iscrowd != 'object':
            return self.coco
        return {**self.coco, 'annotations': as_trained(self.coco['annotations'], 'object')}

    def paths(self) -> list[Path]:
        """The files of its images, links followed."""
        names = [image['file_name'] for image in self.coco['images']]
        return [(self.images / name).resolve() for name in names if not impossible(name)]


@dataclass(frozen=True)
class Pool:
    """Unlabeled images.

    Args:
        source: Folder, glob, text list or COCO json that names them, absolute.
        prefix: Folder that the names in a list or json are relative to, absolute; '' of folders, globs and lists of
            absolute names.
        images: Images that are not labeled.
        labeled: Names, within the source, of those that are.
    """

    source: str
    prefix: str
    images: tuple[FoundImage, ...]
    labeled: tuple[str, ...]


def labeled_parts(
    labeled: Source,
    val: Source | None,
    *,
    val_share: float,
    kind: str,
    classes: Sequence[str],
    seed: int,
) -> tuple[LabeledPart, LabeledPart, Findings]:
    """The sets to train on and to evaluate on, and what was found in them; arguments are ``new_project``'s.

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
    if stay:
        shown = ', '.join(str(path) for path in sorted(twins)[:SHOWN])
        text = (
            f'labeled: {len(stay)} images have a copy among them, byte by byte: {shown}; each counts in training, none '
            'is set aside to evaluate on'
        )
        findings += Findings(warnings=(text,))
    findings += _aside_findings(train.coco, aside, size)
    return replace(train, coco=kept), replace(train, coco=aside, aside=True), findings


def set_aside(coco: Coco, size: int, seed: int, stay: Collection[int] = ()) -> tuple[Coco, Coco]:
    """Draw images to evaluate on; no class loses its last image, and the first one drawn has a box.

    Args:
        coco: COCO data set.
        size: Wanted number of images, >= 1.
        seed: Seed of the draw, >= 0.
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
        problem = Problem(
            'labeled: no image can be set aside to evaluate on',
            'two images at least, and each class of one of them in another, too',
            f'{len(coco["images"])} images, each the only one of some class or a copy of another',
            'label more images, or name others to evaluate on with --val',
        )
        return Findings(problems=(problem,))
    note = f'val: {count} of the labeled images, set aside to evaluate on (--val names others)'
    warnings = []
    if count < size:
        warnings.append(f'val: {size} were wanted; more would take all boxes of a class')
    filled, seen = (
        {box['category_id'] for box in part['annotations'] if not box.get('iscrowd')}
        for part in (coco, aside)
    )
    if names := [c['name'] for c in coco['categories'] if c['id'] in filled - seen]:
        text = f'val: classes without a box, whose AP nothing will tell: {", ".join(names)}'
        warnings.append(text)
    return Findings((note,), tuple(warnings))


def _read(
    name: str, source: Source, kind: str, classes: Sequence[str]
) -> tuple[LabeledPart, Findings]:
    labels = Path(source.labels)
    if not labels.exists():
        raise FileNotFoundError(f'{name}: no file or folder {labels}')
    form = find_format(labels, kind)
    images = Path(source.images) if source.images else _image_folder(labels, form)
    if not images.is_dir():
        raise FileNotFoundError(f'{name}: no folder of images {images}; name it with --images')
    coco, findings = form.read(labels, images, classes, source.listed)
    if findings.problems and not coco['images']:
        return LabeledPart(coco, images), findings  # all else follows from these
    coco, notes = with_file_names(name, coco, images)
    part, more = checked(
        name, LabeledPart(with_sizes(coco, images), images, form.iscrowd), source.labels
    )
    return part, findings + notes + more


def checked(name: str, part: LabeledPart, labels: str) -> tuple[LabeledPart, Findings]:
    """A labeled set, complete, and what is wrong with it.

    Args:
        name: What it is, such as ``labeled``.
        part: Images and labels, with sizes of all images.
        labels: File or folder of the labels, for messages.
    """
    coco, images = part.coco, part.images
    findings = check_labeled(name, coco if name == 'val' else part.trained(), images)
    there = [image for image in coco['images'] if (images / image['file_name']).is_file()]
    found = [FoundImage(str(images / i['file_name']), i['file_name'], i['id']) for i in there]
    findings += check_images(name, found) + _refused(name, labels, coco, images)
    whole = {**coco, 'annotations': whole_annotations(coco['annotations'])}
    return replace(part, coco=whole), findings


def _image_folder(labels: Path, form: LabelFormat) -> Path:
    """Where the images of labels usually are: beside a file the folder that has most of them."""
    if form.folder:
        swapped = {'labels': 'images', 'Annotations': 'JPEGImages', 'annotations': 'images'}
        for old, new in swapped.items():
            folder = Path(*(new if part == old else part for part in labels.parts))
            if folder != labels and folder.is_dir():
                return folder
        return labels
    try:
        names = form.image_names(labels)[:LOOKED_AT]
    except (ValueError, OSError):
        names = []  # reading tells of it
    beside = [labels.parent / name for name in ('images', 'JPEGImages', labels.stem)]
    places = [*(folder for folder in beside if folder.is_dir()), labels.parent]
    return max(places, key=lambda place: count_files(place, names))


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
    problem = Problem(
        f'{len(both)} images are in the labeled set and in the one to evaluate on',
        'two sets without a common image',
        ', '.join(both[:SHOWN]),
        'remove them from one of the two; figures on images that were trained on mean nothing',
    )
    return Findings(problems=(problem,))


def find_pool(
    source: str, labeled: Sequence[Path], folders: Iterable[Path] = ()
) -> tuple[Pool, Findings]:
    """Find the unlabeled images; those that are labeled are told by file and by content, not by name.

    Args:
        source: As :func:`~mmssod.datasets.image_lists.find_images` takes it, and with its errors.
        labeled: The files of the labeled images, links followed.
        folders: Where names of a list or json are looked for when they are not beside it.
    """
    prefix = ''
    if source_kind(source) in ('text list', 'COCO json'):
        prefix = list_folder(source, [str(folder) for folder in folders])
    found, known = find_images(source, prefix=prefix), set(labeled)
    twins = copies([Path(image.path) for image in found], labeled)
    same = {image.name for image in found if Path(image.path).resolve() in known}
    others = {image.name for image in found if Path(image.path) in twins} - same
    rest = tuple(image for image in found if image.name not in same | others)
    notes = [
        f'unlabeled: {len(names)} {what} among them are left out'
        for names, what in ((same, 'labeled images'), (others, 'copies of labeled images'))
        if names
    ]
    if files := left_out(source):
        notes.append(f'unlabeled: other files below {source} are left out: {files}')
    findings = check_images('unlabeled', rest, decode=True) + Findings(tuple(notes))
    if not rest:
        fix = 'name a folder with other images than the labeled ones'
        problem = Problem('unlabeled: empty', 'at least one image', f'none in {source}', fix)
        findings += Findings(problems=(problem,))
    return Pool(osp.abspath(source), prefix, rest, tuple(sorted(same | others))), findings
