"""Find labeled boxes of a project that look wrong: missing, misplaced, of a mistaken class.

PROJECT is a project folder written by `mmssod new`. After `mmssod run PROJECT --folds K` each image is judged by
detectors that were not trained on it; else by the student, and the page says which labels it was trained on. Writes a
page of pictures, a list, and the labels of the shown images to correct. For example::

    mmssod run own --folds 5
    mmssod errors own --count 50
    mmssod add own own/errors_1/labels/coco.json --corrections
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmssod.cli.options import add_device, add_label_formats, check_counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('project', help='project folder written by `mmssod new`, trained')
    parser.add_argument('--count', type=int, default=50, help='labels to show (%(default)s)')
    parser.add_argument('--out', help='new output folder (PROJECT/errors_1, ...)')
    add_label_formats(parser)
    add_device(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what cannot be."""
    check_counts(parser, args, 'count')


def before_loading(args: argparse.Namespace) -> None:
    """Refuse a folder that is no project."""
    from mmssod.own_data.run.candidates import project_lines

    project_lines(Path(args.project))


def run(args: argparse.Namespace) -> None:
    """Judge, rank, write."""
    from mmssod.own_data.project import Project  # after the arguments: --help is quick

    Project(Path(args.project)).errors(
        args.count, out=args.out, kinds=args.formats, device=args.device
    )
