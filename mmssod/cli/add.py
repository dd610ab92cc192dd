"""Take corrected labels into a project: what was unlabeled becomes labeled, and `mmssod run` goes on from there.

LABELS may have any supported format, such as the corrected files of `mmssod next`. Earlier trainings are kept in
PROJECT/rounds, the next teacher starts from the last student, and a line in PROJECT/rounds.jsonl says what was added.
Adding the same labels again changes nothing. For example::

    mmssod add own own/next_1/labels/coco.json
    mmssod run own
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmssod.datasets.formats import formats


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    about = ', '.join(form.about for form in formats(reads=True).values())
    parser.add_argument('project', help='project folder written by `mmssod new`')
    parser.add_argument('labels', help=f'corrected labels: {about}')
    parser.add_argument(
        '--images',
        default='',
        help='folder of their images (by default that of the unlabeled ones)',
    )
    parser.add_argument(
        '--format',
        choices=['auto', *formats(reads=True)],
        default='auto',
        help='format of the labels (%(default)s)',
    )
    parser.add_argument(
        '--classes',
        nargs='+',
        default=[],
        help="names for YOLO's class numbers, if no file has them",
    )
    parser.add_argument(
        '--corrections',
        action='store_true',
        help='replace the boxes of images that are labeled already; without it these are an error',
    )


def before_loading(args: argparse.Namespace) -> None:
    """Raise an error for a folder that is not a project, and for missing labels."""
    from mmssod.own_data.run.candidates import project_lines

    project_lines(Path(args.project))
    if not Path(args.labels).exists():
        raise FileNotFoundError(f'labels: no file or folder {args.labels}')


def run(args: argparse.Namespace) -> None:
    """Check, add, print."""
    from mmssod.own_data.project import Project  # after the arguments: --help is quick

    added = Project(Path(args.project)).add(
        args.labels,
        images=args.images,
        kind=args.format,
        classes=args.classes,
        corrections=args.corrections,
    )
    print('\n'.join(added.lines(Path(args.project))))
