r"""Measure how wide the 95 % interval of a gain is for few test images, and fit ``C / sqrt(n)``.

Of each number of images some subsets are drawn; on each, two detectors are compared by a paired bootstrap. Detections
are those that ``tools/analysis/predict.py`` writes. For example::

    python tools/analysis/gain_interval.py --set data/bccd/val.json student_0.json supervised_0.json \
        --set data/bccd/val.json student_1.json supervised_1.json --images 5 10 20 50 87
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mmssod.analysis.expected_interval import fit_half_width
from mmssod.analysis.gain import matched_gain
from mmssod.analysis.image_matches import match_images, of_images
from mmssod.analysis.markdown import pipe_table
from mmssod.datasets.annotation_files import read_json
from mmssod.evaluation.coco import category_ids


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--set', nargs=3, action='append', required=True, metavar=('TRUTH', 'OURS', 'THEIRS'), dest='sets',
        help='COCO json of the true boxes, detections of a student and of its baseline; once a pair of runs',
    )  # fmt: skip
    parser.add_argument(
        '--images', nargs='+', type=int, required=True, help='numbers of test images'
    )
    parser.add_argument(
        '--subsets', type=int, default=30, help='draws of each number (%(default)s)'
    )
    parser.add_argument(
        '--draws', type=int, default=500, help='number of bootstrap draws (%(default)s)'
    )
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Measure, fit, print."""
    args = parse_args()
    rows, sizes, widths = [], [], []
    for truth_file, *found in args.sets:
        truth = read_json(truth_file)
        names = [category['name'] for category in truth['categories']]
        ids = category_ids(truth, names)
        both = [match_images(truth, read_json(file), ids) for file in found]
        total = len(truth['images'])
        whole = matched_gain(*both, names, total, draws=0).gain
        true = sum(len(one.truth) for one in both[0])
        for size in (size for size in args.images if size <= total):
            gains = [
                matched_gain(
                    *([of_images(one, subset) for one in matches] for matches in both),
                    names,
                    size,
                    draws=args.draws,
                )
                for subset in subsets(total, size, args.subsets, args.seed)
            ]
            half = [(one.high - one.low) / 2 for one in gains]
            holds = sum(one.low <= whole <= one.high for one in gains)
            deviation = np.std([one.gain for one in gains])
            row = [np.mean(half), min(half), max(half), deviation, f'{holds} of {len(gains)}']
            rows.append(
                [Path(found[0]).stem, size, true * size / total, *row, np.mean(half) * size**0.5]
            )
            sizes.append(size)
            widths.append(float(np.mean(half)))
    titles = ['student', 'images', 'true boxes', 'half width (AP)', 'least', 'greatest', 'deviation of the gain (AP)',
              'intervals that hold the gain of all images', 'half width * sqrt(images)']  # fmt: skip
    print('\n'.join(pipe_table([titles, *([_text(value) for value in row] for row in rows)])))
    print(f'\nC = {fit_half_width(sizes, widths):.1f}')


def subsets(total: int, size: int, number: int, seed: int) -> list[np.ndarray]:
    """Indices of drawn images, ascending; of all images there is one subset."""
    generator = np.random.default_rng(seed)
    number = 1 if size == total else number
    return [np.sort(generator.choice(total, size, replace=False)) for _ in range(number)]


def _text(value: object) -> str:
    return f'{value:.1f}' if isinstance(value, float) else str(value)


if __name__ == '__main__':
    main()
