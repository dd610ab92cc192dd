r"""Divides a COCO json into labeled and unlabeled parts.

COCO-partial, all folds (mmdet's file names, so that its configs find them)::

    python tools/dataset/split.py data/coco/annotations/instances_train2017.json \
        --percent 1 2 5 10 --fold 1 2 3 4 5 --out-dir data/coco/semi_anns

Own data, 200 labeled images::

    python tools/dataset/split.py data/own/train.json --protocol count --count 200

Images with at least 10 boxes of each class::

    python tools/dataset/split.py data/own/train.json --protocol shots --shots 10
"""

import argparse
import sys
from pathlib import Path

from mmssod.datasets.split import (
    PROTOCOLS,
    SHOTS,
    num_draws,
    read_coco,
    share_name,
    split_coco,
    write_split,
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line, and refuses a share that the protocol does not take."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('annotations', type=Path, help='COCO json to divide')
    parser.add_argument('--percent', type=float, nargs='+', help='shares to label, 1 means 1 %%')
    parser.add_argument('--count', type=int, nargs='+', help='numbers of images to label')
    parser.add_argument('--shots', type=int, nargs='+', help='minimum number of boxes per class')
    parser.add_argument('--fold', type=int, nargs='+', default=[1], help='seeds (default: 1)')
    parser.add_argument(
        '--protocol',
        choices=(*PROTOCOLS, SHOTS),
        default='stac',
        help='stac: with replacement, as STAC and mmdet draw; soft_teacher: without; '
        'count: --count images exactly; shots: images with --shots boxes of each class (default: stac)',
    )
    parser.add_argument('--out-dir', type=Path, help="where to write (default: the json's folder)")
    parser.add_argument(
        '--keep-boxes',
        action='store_true',
        help='also write the unlabeled images with their boxes, to judge pseudo labels by',
    )
    args = parser.parse_args(argv)
    wanted = args.protocol if args.protocol in ('count', SHOTS) else 'percent'
    others = [name for name in ('percent', 'count', SHOTS) if name != wanted]
    if not getattr(args, wanted) or any(getattr(args, name) for name in others):
        parser.error(f'--protocol {args.protocol} takes --{wanted} and no --{", --".join(others)}')
    return args


def main(argv: list[str] | None = None) -> int:
    """Writes one pair of files for each share and fold, and says what is in them."""
    args = parse_args(argv)
    out_dir = args.out_dir or args.annotations.parent
    try:
        coco = read_coco(args.annotations)
        total = len(coco['images'])
        if args.protocol == 'count':
            shares = [(count, share_name(count=count)) for count in args.count]
        elif args.protocol == SHOTS:
            shares = [(shots, share_name(shots=shots)) for shots in args.shots]
        else:
            shares = [(num_draws(total, p), share_name(percent=p)) for p in args.percent]
        for size, share in shares:
            for fold in args.fold:
                split = split_coco(coco, size=size, fold=fold, protocol=args.protocol)
                name = f'{args.annotations.stem}.{fold}@{share}'
                paths = write_split(split, out_dir, name, keep_boxes=args.keep_boxes)
                drawn = 'boxes of each class in' if args.protocol == SHOTS else 'draws of'
                print(f'{args.protocol}, fold {fold}: {size} {drawn} {total} images')
                print(split.summary())
                print('written           ' + ', '.join(map(str, paths)) + '\n')
    except (OSError, ValueError) as error:
        print(f'split.py: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
