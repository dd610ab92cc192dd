"""Check labeled and unlabeled images, print what they hold, and write configs that fit them and this machine.

For example::

    mmssod new data/own/train.json --images data/own/images --unlabeled data/own/unlabeled --out own
    mmssod new data/own/labels --unlabeled data/own/unlabeled --classes cat dog --out own
    mmssod new data/own/data.yaml --unlabeled data/own/unlabeled --out own
    mmssod new data/own/train.json --unlabeled data/own/unlabeled --start weights/yolox_nano.pth --out own
    mmssod new data/own/train.json --unlabeled data/own/unlabeled --val data/own/val.json --try --out own
"""

from __future__ import annotations

import argparse

from mmssod.datasets.formats import Source, formats
from mmssod.own_data.new.detectors import DETECTORS, OLD_NAMES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    about = ', '.join(form.about for form in formats(reads=True).values())
    parser.add_argument('labeled', help=f'labels: {about}; or a data.yaml that names such sets')
    parser.add_argument(
        '--images', default='', help='folder of the labeled images (by default beside the labels)'
    )
    parser.add_argument(
        '--unlabeled',
        required=True,
        help='unlabeled images: a folder, a glob, a text list or a COCO json; labeled ones in it are left out',
    )
    parser.add_argument('--out', default='own', help='output folder (%(default)s)')
    parser.add_argument('--val', help='labels to evaluate on, in the same format')
    parser.add_argument('--val-images', default='', help='folder of their images')
    parser.add_argument(
        '--val-share',
        type=float,
        default=0.2,
        help='without --val or that of a yaml: share of the labeled images to set aside for evaluation (%(default)s)',
    )
    parser.add_argument(
        '--format',
        choices=['auto', *formats(reads=True)],
        default='auto',
        help='format of the labels (%(default)s)',
    )
    parser.add_argument(
        '--classes', nargs='+', default=[], help='class names (by default those of the labels)'
    )
    parser.add_argument(
        '--detector',
        choices=['auto', *DETECTORS, *OLD_NAMES],
        metavar='NAME',
        default='auto',
        help='yolox_nano, for CPUs; rtmdet_tiny, rtmdet_m or rtmdet_l, for GPUs; faster_rcnn_lite (small) or '
        "faster_rcnn, with the paper's buckets; auto: by the start, or the machine (%(default)s)",
    )
    parser.add_argument(
        '--try',
        dest='trial',
        action='store_true',
        help='write the configs of several detectors: `mmssod run` trains each for a short time, and goes on with the '
        'one that is better on the validation images; with --detector or --start there is one, and no trial',
    )
    parser.add_argument(
        '--start',
        default='auto',
        metavar='NAME|FILE|none',
        help="weights to start from: a model of MMDetection's zoo, a URL or a file; auto: those of the detector on "
        'COCO; nothing is downloaded before the training (%(default)s)',
    )
    parser.add_argument(
        '--iterations',
        type=int,
        help='iterations of teacher and student each (by default chosen from the data)',
    )
    parser.add_argument('--seed', type=int, default=0, help='random seed (%(default)s)')
    parser.add_argument(
        '--force',
        action='store_true',
        help='overwrite the configs and lists of an earlier call; never a file that is read',
    )


def run(args: argparse.Namespace) -> None:
    """Check, write, print."""
    from mmssod.own_data.new import new_project  # after the arguments, so that --help is quick

    report = new_project(
        Source(args.labeled, args.images),
        args.unlabeled,
        args.out,
        val=Source(args.val, args.val_images) if args.val else None,
        val_share=args.val_share,
        kind=args.format,
        classes=args.classes,
        detector=args.detector,
        trial=args.trial,
        start=args.start,
        iterations=args.iterations,
        seed=args.seed,
        force=args.force,
    )
    print(report)
