r"""Checks that COCO lies where the configs expect it, and names everything that is missing at once.

COCO-partial with all its splits, then COCO-full::

    python tools/dataset/check_coco.py partial --percent 1 2 5 10 --fold 1 2 3 4 5
    python tools/dataset/check_coco.py full
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdet.datasets import CocoDataset

from downloads import count_warning, missing_files
from mmssod.datasets.image_lists import read_names
from mmssod.datasets.preparation import Findings
from mmssod.datasets.split import Coco, read_coco, share_name
from mmssod.environment.errors import InputError
from mmssod.structures import Problem

SITE = 'http://images.cocodataset.org/'


@dataclass(frozen=True)
class ImageSet:
    """A part of COCO."""

    folder: str  # of its images, below the root
    json: str  # its annotation file, below the root
    archive: str  # the zip with that file, below ``SITE``
    images: int  # how many were published
    labeled: bool = True  # whether the json has boxes


_BOXES = 'annotations/annotations_trainval2017.zip'
TRAIN = ImageSet('train2017', 'annotations/instances_train2017.json', _BOXES, 118287)
VAL = ImageSet('val2017', 'annotations/instances_val2017.json', _BOXES, 5000)
UNLABELED = ImageSet(
    'unlabeled2017',
    'annotations/image_info_unlabeled2017.json',
    'annotations/image_info_unlabeled2017.zip',
    123403,
    labeled=False,
)
SETTINGS = {'partial': (TRAIN, VAL), 'full': (TRAIN, VAL, UNLABELED)}


def check_coco(
    root: Path, setting: str, *, percents: Sequence[float] = (2,), folds: Sequence[int] = (1,)
) -> Findings:
    """Look at everything that the configs of a setting read.

    Args:
        root: ``data/coco`` in the configs.
        setting: ``partial`` or ``full``.
        percents, folds: the splits of COCO-partial that are needed, all combinations.

    Raises:
        ValueError: another setting.
    """
    if setting not in SETTINGS:
        raise InputError(f'expected a setting of {sorted(SETTINGS)}, got {setting!r}')
    findings = Findings()
    for image_set in SETTINGS[setting]:
        findings += check_image_set(root, image_set)
    return findings + check_splits(root, percents, folds) if setting == 'partial' else findings


def check_image_set(root: Path, image_set: ImageSet) -> Findings:
    """Annotation file, classes, and each image that the file names."""
    path, name = root / image_set.json, image_set.folder
    archive = SITE + f'zips/{name}.zip'
    try:
        names, counts, problems = _read(path, image_set)
    except (OSError, ValueError) as error:
        unreadable = Problem(
            f'{name}: no annotation file that can be read',
            str(path),
            str(error),
            f'unpack {SITE}{image_set.archive} in {root}',
        )
        return Findings(
            problems=(unreadable, *missing_files(f'images of {name}', [], root / name, archive))
        )
    problems += missing_files(f'images of {name}', names, root / name, archive)
    return Findings((counts,), count_warning(name, len(names), image_set.images), problems)


def check_splits(root: Path, percents: Sequence[float], folds: Sequence[int]) -> Findings:
    """The json files of the labeled and unlabeled parts that PERCENT and FOLD choose."""
    folder = root / 'semi_anns'
    stems = [
        f'{Path(TRAIN.json).stem}.{f}@{share_name(percent=p)}' for p in percents for f in folds
    ]
    wanted = [f'{stem}{part}.json' for stem in stems for part in ('', '-unlabeled')]
    missing = [file for file in wanted if not (folder / file).is_file()]
    if not missing:
        return Findings((f'splits: {len(stems)} in {folder}',))
    shares = ' '.join(share_name(percent=percent) for percent in percents)
    command = (
        f'python tools/dataset/split.py {root / TRAIN.json} --percent {shares} '
        f'--fold {" ".join(map(str, folds))} --out-dir {folder}'
    )
    problem = Problem(
        'splits of COCO-partial: missing',
        f'{len(wanted)} files in {folder}',
        f'{len(missing)} are not there: {", ".join(missing)}',
        command,
    )
    return Findings(problems=(problem,))


def _read(path: Path, image_set: ImageSet) -> tuple[list[str], str, tuple[Problem, ...]]:
    """Image names, a line of counts, and what is wrong with the classes."""
    if not image_set.labeled:
        names = read_names(str(path))
        return names, f'{image_set.folder}: {len(names)} images, no boxes', ()
    coco = read_coco(path)
    names = [image['file_name'] for image in coco['images']]
    counts = f'{image_set.folder}: {len(names)} images, {len(coco["annotations"])} boxes'
    return names, counts, _class_problems(coco, path)


def _class_problems(coco: Coco, path: Path) -> tuple[Problem, ...]:
    expected = list(CocoDataset.METAINFO['classes'])
    actual = [category['name'] for category in coco['categories']]
    if actual == expected:
        return ()
    fix = f'take the file of {SITE}{_BOXES}; for other classes, see docs/own_data.md'
    return (Problem(f'{path.name}: not the classes of COCO', str(expected), str(actual), fix),)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('setting', choices=['partial', 'full'])
    parser.add_argument('--root', type=Path, default=Path('data/coco'), help='(%(default)s)')
    parser.add_argument(
        '--percent', type=float, nargs='+', default=[2], help='splits of COCO-partial (default: 2)'
    )
    parser.add_argument('--fold', type=int, nargs='+', default=[1], help='their folds (default: 1)')
    return parser.parse_args()


def main() -> int:
    """Check and report."""
    args = parse_args()
    findings = check_coco(args.root, args.setting, percents=args.percent, folds=args.fold)
    print(findings.text())
    return 1 if findings.problems else 0


if __name__ == '__main__':
    sys.exit(main())
