r"""Gain of one row of a matrix over another, seed by seed, with its interval over the images that both are judged on.

Each run is judged with its best checkpoint, which it chose on its own validation images; ``--last`` takes the last one
of OURS, which was not chosen at all, where the images are those that the others chose on. For example::

    python tools/benchmark/judge.py tools/benchmark/matrices/recipe.py --seeds 0 1 2 --ours 'bccd, default' \
        --theirs 'bccd, supervised' --annotations data/bccd/test.json --images data/bccd/images
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

ALLOWED = -0.5  # AP: a seed fails whose whole interval lies below


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('matrix', help='file with the recipes; their runs are there')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--ours', required=True, help='name of a recipe')
    parser.add_argument('--theirs', required=True, nargs='+', help='names of those beside it')
    parser.add_argument('--annotations', default='', help="COCO json (the config's test set)")
    parser.add_argument('--images', default='', help='folder that its file names are relative to')
    parser.add_argument('--last', action='store_true', help='use the last checkpoint of OURS')
    parser.add_argument('--out', help='folder; default: work_dirs/benchmark/<name of the matrix>')
    return parser.parse_args()


def main() -> None:
    """Predict, compare, print."""
    args = parse_args()
    from mmengine.config import ConfigDict

    from matrix_runs import Matrix
    from matrix_runs.tables import spread
    from mmssod.analysis.gain import paired_gain
    from mmssod.analysis.markdown import pipe_table
    from mmssod.analysis.report.runs import best_checkpoint, last_checkpoint
    from mmssod.apis.config import load_config
    from mmssod.apis.predicting import predict, test_set

    matrix = Matrix.fromfile(args.matrix)
    out = Path(args.out or f'work_dirs/benchmark/{Path(args.matrix).stem}')
    judged = dict(annotations=args.annotations, images=args.images)

    def found(name: str, seed: int, *, last: bool = False) -> list[dict]:
        recipe = matrix[name]
        folder = out / f'seed_{seed}' / recipe.slug
        best = '' if last else best_checkpoint(folder)
        cfg = load_config(recipe.config, cfg_options=ConfigDict(recipe.options_of(seed)))
        return predict(cfg, best or last_checkpoint(folder), **judged)

    cfg = load_config(matrix[args.ours].config, cfg_options=matrix[args.ours].options)
    truth = args.annotations or test_set(cfg)[0]
    rows = [['seed', 'over', args.ours, 'AP of that', 'gain', '95 % interval']]
    gains: dict[str, list] = {name: [] for name in args.theirs}
    for seed in args.seeds:
        ours = found(args.ours, seed, last=args.last)
        for name in args.theirs:
            gain = paired_gain(truth, ours, found(name, seed))
            gains[name].append(gain)
            ap = [f'{value:.1f}' for value in (gain.ap, gain.other_ap)]
            between = f'{gain.low:+.1f} to {gain.high:+.1f}'
            rows.append([str(seed), name, *ap, f'{gain.gain:+.1f}', between])
    print('\n'.join(pipe_table(rows)), '\n')
    for name, several in gains.items():
        over, failed = [one.gain for one in several], sum(one.high < ALLOWED for one in several)
        print(
            f'{args.ours} over {name}, on {several[0].images} images: {spread(over)} AP, '
            f'{"above" if mean(over) > 0 else "not above"} in the mean; seeds whose interval lies below {ALLOWED}: '
            f'{failed} of {len(over)}'
        )


if __name__ == '__main__':
    main()
