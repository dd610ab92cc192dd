r"""Simulates `mmssod next` against random choice of images, and `mmssod errors` on injected label errors.

The withheld boxes of a split stand for what a labeler would draw::

    python tools/benchmark/label_loop.py rounds --seeds 0 1 2
    python tools/benchmark/label_loop.py errors --seeds 0 1 2

``rounds`` trains teacher and student on the split's labeled images, then adds ``--count`` images ``--rounds`` times,
chosen by ``next`` or at random, and trains on each time. One half of the validation images (each second one) chooses
checkpoints, the other half judges. ``errors`` spoils labels (a third each removed, shifted by half a side, of another
class), trains folds, and counts how many of the first ``--top`` labels that ``errors`` names were spoilt.

Results are json files below ``--out``: what is there is not run again, and what was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ARMS = ('next', 'random')
SPOILT = ('removed', 'shifted', 'swapped')
Coco = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """The files of a data set, and how projects are made of it.

    Args:
        folder: With ``NAME.json``, ``NAME-unlabeled.json``, ``NAME-unlabeled-boxes.json`` and ``val.json``.
        images: Folder of all images.
        name: Name of the split.
        options: Options of ``mmssod.new``: detector, start, iterations.
    """

    folder: Path
    images: Path
    name: str
    options: dict[str, Any]

    def file(self, kind: str = '') -> Path:
        """The labeled images; ``unlabeled`` ones; these with their ``unlabeled-boxes``."""
        return self.folder / f'{self.name}{kind and "-" + kind}.json'

    def project(self, labeled: Path, unlabeled: Path, val: Path, out: Path) -> None:
        """Write a project, unless it is there."""
        import mmssod

        if not (out / 'supervised.py').is_file():
            places = dict(images=str(self.images), val=str(val), val_images=str(self.images))
            mmssod.new(
                str(labeled), str(unlabeled), out=str(out), force=True, **places, **self.options
            )


def parse_args(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('what', choices=['rounds', 'errors'])
    parser.add_argument('--data', type=Path, default=Path('data/aquarium'), help='(%(default)s)')
    parser.add_argument('--images', type=Path, help='by default DATA/images')
    parser.add_argument('--split', default='train.{seed}@60images', help='(%(default)s)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--rounds', type=int, default=3, help='(%(default)s)')
    parser.add_argument('--count', type=int, default=30, help='images a round (%(default)s)')
    parser.add_argument(
        '--share', type=float, default=0.05, help='share of spoilt labels (%(default)s)'
    )
    parser.add_argument(
        '--folds', type=int, default=3, help='number of folds of `errors` (%(default)s)'
    )
    parser.add_argument('--top', type=int, default=50, help='labels that are judged (%(default)s)')
    parser.add_argument(
        '--iterations', type=int, help='iterations of the teacher (by default fitted to the data)'
    )
    parser.add_argument('--detector', default='yolox_nano', help='(%(default)s)')
    parser.add_argument('--start', default='auto', help='weights to start from (%(default)s)')
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/benchmark/label_loop'), help='(%(default)s)'
    )
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Run what is missing, print a table of all there is."""
    args = parse_args(words)
    options = dict(detector=args.detector, start=args.start, iterations=args.iterations)
    for seed in args.seeds:
        images = args.images or args.data / 'images'
        split = Split(args.data, images, args.split.format(seed=seed), dict(options, seed=seed))
        out = args.out / f'seed_{seed}'
        if args.what == 'rounds':
            for arm in ARMS:
                simulate(split, out, arm, seed, args.rounds, args.count)
        else:
            find_spoilt(split, out / 'errors', seed, args.share, args.folds, args.top)
    print('\n'.join(table(args.out, args.what)))


def simulate(split: Split, out: Path, arm: str, seed: int, rounds: int, count: int) -> None:
    """Train and judge one arm, round by round."""
    pick, judge = halves(split, out)
    start = out / 'start'
    split.project(split.file(), split.file('unlabeled'), pick, start)
    once(out / 'round_0.json', lambda: train_and_judge(start, judge, split))
    folder = out / arm
    if not folder.is_dir():
        shutil.rmtree(out / f'{arm}.part', ignore_errors=True)
        shutil.copytree(start, out / f'{arm}.part')
        (out / f'{arm}.part').rename(folder)
    for number in range(1, rounds + 1):
        work = partial(one_round, split, folder, judge, arm, number, seed, count)
        once(out / f'{arm}_{number}.json', work)


def one_round(
    split: Split, folder: Path, judge: Path, arm: str, number: int, seed: int, count: int
) -> dict[str, Any]:
    """Choose, add, train, judge; labels that were added by a call that was cut off are not chosen anew."""
    import mmssod
    from mmssod.datasets.formats import write_labels
    from mmssod.datasets.split import read_coco, take_images
    from mmssod.own_data.run.fold_files import named_pool
    from mmssod.own_data.run.rounds import read_history

    project = mmssod.Project(folder)
    if len(read_history(folder)) < number:
        if arm == 'next':
            chosen = folder / f'chosen_{number}'
            shutil.rmtree(chosen, ignore_errors=True)
            found = project.next(count, out=str(chosen), kinds=['coco'])
            names = [image.name for image in found.images]
        else:
            pool = sorted(named_pool(folder))
            order = np.random.RandomState(1000 * seed + number).permutation(len(pool))
            names = [pool[place] for place in order[:count]]
        truth = read_coco(split.file('unlabeled-boxes'))
        ids = {image['id'] for image in truth['images'] if image['file_name'] in names}
        labels = folder / f'labels_{number}.json'
        write_labels(take_images(truth, ids), labels, 'coco')
        project.add(labels)
    entry = read_history(folder)[number - 1]
    return {
        **train_and_judge(folder, judge, split),
        'boxes': entry['boxes'],
        'classes_added': entry['classes'],
    }


def train_and_judge(folder: Path, judge: Path, split: Split) -> dict[str, Any]:
    """Train teacher and student of a project, as far as they are not, and judge the student's best checkpoint."""
    from mmssod.analysis.report.runs import result_checkpoint
    from mmssod.apis.config import load_config
    from mmssod.apis.plain import plain_detector
    from mmssod.apis.predicting import predict_plain
    from mmssod.apis.teacher_student import train_with_teacher
    from mmssod.datasets.split import read_coco
    from mmssod.engine.terminal import short_terminal
    from mmssod.evaluation import evaluate_boxes
    from mmssod.evaluation.coco import category_ids

    student = folder / 'student.py'
    with short_terminal():
        train_with_teacher(folder / 'teacher.py', student, resume='auto')
        plain = plain_detector(
            load_config(student), result_checkpoint(folder / 'work_dirs/student')
        )
        truth = read_coco(judge)
        found = predict_plain(plain, truth, str(judge), str(split.images), phase='judging images')
    result = evaluate_boxes(truth, found, category_ids(truth, plain.classes))
    labeled = read_coco(folder / 'labeled.json')
    return dict(
        labeled=len(labeled['images']),
        ap=100 * result.ap(),
        ap50=100 * result.ap(iou=0.5),
        classes=dict(zip(plain.classes, (100 * value for value in result.per_class), strict=True)),
    )


def halves(split: Split, out: Path) -> tuple[Path, Path]:
    """The validation images to choose checkpoints by, and those to judge by: each second one."""
    from mmssod.datasets.split import read_coco, take_images, write_coco

    coco = read_coco(split.folder / 'val.json')
    ids = [image['id'] for image in coco['images']]
    files = out / 'pick.json', out / 'judge.json'
    for place, file in enumerate(files):
        if not file.is_file():
            write_coco(take_images(coco, set(ids[place::2])), file)
    return files


def find_spoilt(split: Split, out: Path, seed: int, share: float, folds: int, top: int) -> None:
    """Spoil labels, train folds, count what is found."""
    from mmssod.datasets.split import read_coco, write_coco

    spoilt, planted = spoil(read_coco(split.file('unlabeled-boxes')), share, seed)
    labels, project = out / 'spoilt.json', out / 'project'
    if not labels.is_file():
        write_coco(spoilt, labels)

    def judged() -> dict[str, Any]:
        import mmssod
        from mmssod.engine.terminal import short_terminal
        from mmssod.own_data.run.folds import run_folds

        split.project(labels, split.file(), split.folder / 'val.json', project)
        with short_terminal():
            run_folds(project, folds)
        shown = out / 'shown'
        shutil.rmtree(shown, ignore_errors=True)
        found = mmssod.Project(project).errors(top, out=str(shown), kinds=['coco'])
        hits = [hit(one, planted) for one in found.found]
        kinds = {
            kind: len({h for h in hits if h is not None and planted[h]['how'] == kind})
            for kind in SPOILT
        }
        distinct = len({h for h in hits if h is not None})
        return dict(
            labels=len(spoilt['annotations']), planted=len(planted), shown=len(hits), right=distinct,
            precision=distinct / max(len(hits), 1), kinds=kinds,
        )  # fmt: skip

    once(out.with_suffix('.json'), judged)


def spoil(coco: Coco, share: float, seed: int) -> tuple[Coco, list[dict[str, Any]]]:
    """A data set in which a share of the boxes is removed, shifted by half a side, or of another class, and which.

    Args:
        coco: Data set with sizes of the images.
        share: Share of the boxes, in (0, 1).
        seed: Seed of the draw.

    Returns:
        The data set; the boxes as they were, each with ``how`` it was spoilt.
    """
    random = np.random.RandomState(seed)
    boxes = coco['annotations']
    drawn = random.permutation(len(boxes))[: max(round(share * len(boxes)), 1)]
    ways = {int(place): SPOILT[n % len(SPOILT)] for n, place in enumerate(drawn)}
    size = {image['id']: (image['width'], image['height']) for image in coco['images']}
    ids = [category['id'] for category in coco['categories']]
    kept = []
    for place, box in enumerate(boxes):
        way = ways.get(place)
        if way == 'shifted':
            axis = random.randint(2)
            start, side = box['bbox'][axis], box['bbox'][2 + axis]
            ahead = start + 1.5 * side <= size[box['image_id']][axis]
            bbox = list(box['bbox'])
            bbox[axis] = start + (0.5 if ahead else -0.5) * side
            box = {**box, 'bbox': bbox}
        elif way == 'swapped':
            others = [number for number in ids if number != box['category_id']]
            box = {**box, 'category_id': others[random.randint(len(others))]}
        if way != 'removed':
            kept.append(box)
    return {**coco, 'annotations': kept}, [{**boxes[n], 'how': way} for n, way in ways.items()]


def hit(one: Any, planted: Sequence[dict[str, Any]]) -> int | None:
    """Which planted error a label that looks wrong is: its own box, or one that was where something was found."""
    for number, box in enumerate(planted):
        if box['image_id'] == one.image_id:
            same = (
                box['how'] != 'removed' and one.label is not None and one.label['id'] == box['id']
            )
            if same or iou(one.found['bbox'], box['bbox']) >= 0.5:
                return number
    return None


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two boxes ``x y w h``."""
    sides = [
        max(min(one[i] + one[i + 2], other[i] + other[i + 2]) - max(one[i], other[i]), 0)
        for i in (0, 1)
    ]
    both = sides[0] * sides[1]
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def once(file: Path, work: Callable[[], dict[str, Any]]) -> None:
    """Do what has no result yet."""
    if not file.is_file():
        from mmssod.environment.whole_files import write_whole

        result = work()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(result, indent=1))


def table(out: Path, what: str) -> list[str]:
    """All results as lines of a Markdown table."""
    if what == 'errors':
        rows = [
            (file.parent.name, json.loads(file.read_text()))
            for file in sorted(out.glob('seed_*/errors.json'))
        ]
        lines = [
            '| seed | labels | spoilt | shown | right | precision |',
            '|---|---|---|---|---|---|',
        ]
        return [
            *lines,
            *(
                f'| {name} | {r["labels"]} | {r["planted"]} | {r["shown"]} | {r["right"]} | {r["precision"]:.2f} |'
                for name, r in rows
            ),
        ]
    lines = [
        '| labeled images | ' + ' | '.join(ARMS) + ' | difference | seeds |',
        '|---|---|---|---|---|',
    ]
    number = 0
    while True:
        names = [f'{arm}_{number}.json' if number else 'round_0.json' for arm in ARMS]
        pairs = [[folder / name for name in names] for folder in sorted(out.glob('seed_*'))]
        known = [
            [json.loads(f.read_text()) for f in pair]
            for pair in pairs
            if all(f.is_file() for f in pair)
        ]
        if not known:
            return lines
        ap = np.array([[one['ap'] for one in pair] for pair in known])
        mean, gap = ap.mean(axis=0), ap[:, 0] - ap[:, 1]
        lines.append(
            f'| {known[0][0]["labeled"]} | {mean[0]:.1f} | {mean[1]:.1f} | {gap.mean():+.1f} '
            f'({", ".join(f"{one:+.1f}" for one in gap)}) | {len(known)} |'
        )
        number += 1


if __name__ == '__main__':
    main()
