"""Read, check, plan, write: the whole of ``mmssod new``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmssod.apis.new.machine import Machine
from mmssod.apis.new.planning import Plan, make_plan
from mmssod.apis.new.writing import commands, write_project
from mmssod.datasets.image_lists import FoundImage, exclude_names, find_images
from mmssod.datasets.preparation.findings import Findings
from mmssod.datasets.preparation.formats import read_labels
from mmssod.datasets.preparation.own_data import (
    LabeledSet,
    check_images,
    check_labeled,
    with_sizes,
)
from mmssod.datasets.split import Coco, split_coco, write_coco
from mmssod.structures import Problem, raise_together


@dataclass(frozen=True)
class Source:
    """One labeled set as the user names it.

    Args:
        labels: COCO json, folder of VOC xml or folder of YOLO txt.
        images: Folder of its images; '' looks where its format usually has them.
    """

    labels: str
    images: str = ''

    def folder(self) -> Path:
        """The folder of the images."""
        if self.images:
            return Path(self.images)
        labels = Path(self.labels)
        if labels.suffix == '.json':
            beside = [labels.parent / name for name in ('images', 'JPEGImages', labels.stem)]
            return next((folder for folder in beside if folder.is_dir()), labels.parent)
        swapped = {'labels': 'images', 'Annotations': 'JPEGImages', 'annotations': 'images'}
        for old, new in swapped.items():
            parts = [new if part == old else part for part in labels.parts]
            if old in labels.parts and Path(*parts).is_dir():
                return Path(*parts)
        return labels


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
    machine: Machine | None = None,
) -> str:
    """Check the data, plan a training and write its files.

    Args:
        labeled: The labeled set.
        unlabeled: Folder, glob, text list or COCO json of images; those of the labeled sets among them are left out.
        out: Folder for the configs and the labels as COCO json.
        val: Set to evaluate on; without one, a share of the labeled images is set aside.
        val_share: That share, in (0, 1).
        kind: Format of the labels, see :func:`~mmssod.datasets.preparation.formats.read_labels`.
        classes: Class names, likewise.
        detector: ``'lite'``, ``'r50'`` or ``'auto'``.
        iterations: Of the teacher, and of the student after it; by default fitted to the data.
        seed: Of the images that are set aside, and of the runs.
        machine: Where it will be trained; by default here.

    Returns:
        A report for people: what was found, what was chosen and why, what was written, the commands to run.

    Raises:
        ValueError: Everything that is wrong with the data, together.
        FileNotFoundError: A source that is not there.
    """
    if not 0 < val_share < 1:
        raise ValueError(f'val_share: expected a share in (0, 1), got {val_share}')
    train, test, findings = _labeled_sets(labeled, val, val_share, kind, classes, seed)
    extra, more = _unlabeled(unlabeled, [train, test])
    findings += more
    raise_together(findings.problems)
    data = LabeledSet.of(train.coco)
    plan = make_plan(data, machine or Machine.current(), detector=detector, iterations=iterations)
    folder = Path(out)
    write_coco(train.coco, folder / 'labeled.json')
    write_coco(test.coco, folder / 'val.json')
    written = write_project(
        folder, plan, list(data.boxes), train.images, test.images, unlabeled, seed
    )
    return _report(findings, data, len(test.coco['images']), len(extra), plan, written, folder)


@dataclass(frozen=True)
class _Set:
    coco: Coco
    images: Path


def _labeled_sets(
    labeled: Source,
    val: Source | None,
    val_share: float,
    kind: str,
    classes: Sequence[str],
    seed: int,
) -> tuple[_Set, _Set, Findings]:
    """The sets to train on and to evaluate on, and what was found in them."""
    train, findings = _read('labeled', labeled, kind, classes)
    if val is None:
        size = max(1, round(val_share * len(train.coco['images'])))
        if len(train.coco['images']) < 2:
            return train, train, findings
        split = split_coco(train.coco, size=size, fold=seed, protocol='count')
        note = f'val: {size} of the labeled images, set aside to evaluate on (--val names others)'
        findings += Findings((note,))
        return _Set(split.withheld, train.images), _Set(split.labeled, train.images), findings
    names = [category['name'] for category in train.coco['categories']]
    test, more = _read('val', val, kind, classes or names)
    return train, test, findings + more + _shared_names(train, test)


def _read(name: str, source: Source, kind: str, classes: Sequence[str]) -> tuple[_Set, Findings]:
    images = source.folder()
    if not Path(source.labels).exists():
        raise FileNotFoundError(f'{name}: no file or folder {source.labels}')
    if not images.is_dir():
        raise FileNotFoundError(f'{name}: no folder of images {images}; name it with --images')
    coco, findings = read_labels(Path(source.labels), images, kind, classes)
    coco = with_sizes(coco, images)
    findings += check_labeled(name, coco, images)
    there = [image for image in coco['images'] if (images / image['file_name']).is_file()]
    found = [FoundImage(str(images / i['file_name']), i['file_name'], i['id']) for i in there]
    return _Set(coco, images), findings + check_images(name, found)


def _shared_names(train: _Set, test: _Set) -> Findings:
    """Images to evaluate on that are trained on, too."""
    paths = {(train.images / image['file_name']).resolve() for image in train.coco['images']}
    both = [
        i['file_name']
        for i in test.coco['images']
        if (test.images / i['file_name']).resolve() in paths
    ]
    if not both:
        return Findings()
    return Findings(
        problems=(
            Problem(
                f'{len(both)} images are in the labeled set and in the one to evaluate on',
                'two sets without a common image',
                ', '.join(both[:5]),
                'remove them from one of the two; figures on images that were trained on mean nothing',
            ),
        )
    )


def _unlabeled(unlabeled: str, labeled: Sequence[_Set]) -> tuple[list[FoundImage], Findings]:
    """The unlabeled images without those of the labeled sets."""
    found = find_images(unlabeled)
    names = [image['file_name'] for part in labeled for image in part.coco['images']]
    rest = exclude_names(found, names)
    findings = check_images('unlabeled', rest)
    if len(rest) < len(found):
        findings += Findings(
            (f'unlabeled: {len(found) - len(rest)} labeled images among them are left out',)
        )
    if not rest:
        mend = 'name a folder with other images than the labeled ones'
        problem = Problem('unlabeled: empty', 'at least one image', f'none in {unlabeled}', mend)
        findings += Findings(problems=(problem,))
    return rest, findings


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
