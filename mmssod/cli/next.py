"""Choose the unlabeled images of a project that teach the most when they are labeled.

PROJECT is a project folder written by `mmssod new`, with a trained student. Writes a list of the images, a page of
pictures with the reason for each, and the student's detections as labels to correct in a labeling tool. For example::

    mmssod next own --count 30
    mmssod add own own/next_1/labels/coco.json
    mmssod run own
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmssod.cli.options import add_device, add_label_formats, check_counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'project', help='project folder written by `mmssod new`, with a trained student'
    )
    parser.add_argument('--count', type=int, default=30, help='images to label (%(default)s)')
    parser.add_argument(
        '--sample',
        type=int,
        default=2000,
        help='unlabeled images to look at, at most, drawn at random (%(default)s)',
    )
    parser.add_argument('--out', help='new output folder (PROJECT/next_1, next_2, ...)')
    add_label_formats(parser)
    add_device(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what cannot be."""
    check_counts(parser, args, 'count', 'sample')


def before_loading(args: argparse.Namespace) -> None:
    """Refuse a folder that is no project."""
    from mmssod.own_data.run.candidates import project_lines

    project_lines(Path(args.project))


def run(args: argparse.Namespace) -> None:
    """Look, choose, write."""
    from mmssod.own_data.project import Project  # after the arguments: --help is quick

    Project(Path(args.project)).next(
        args.count, out=args.out, kinds=args.formats, sample=args.sample, device=args.device
    )
