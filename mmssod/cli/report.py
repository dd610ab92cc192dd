"""Write one HTML page about one or more runs; it opens without a network.

It begins with the verdict: the gain of the student over the supervised run, with a 95 % interval over test images. The
verdict is also the last line printed. Both detectors of a run with student and teacher are evaluated; several runs are
shown side by side. The exit status is 1 if nothing could be evaluated; the page then shows the rest. For example::

    mmssod report own/work_dirs/teacher own/work_dirs/supervised own/work_dirs/student --out report.html
"""

from __future__ import annotations

import argparse
import importlib
import sys

from mmssod.cli.options import add_cfg_options, add_device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('runs', nargs='+', help='work directories: teacher, supervised, student')
    parser.add_argument('--out', default='report.html', help='html file to write (%(default)s)')
    parser.add_argument(
        '--names',
        nargs='+',
        default=[],
        help="names of the runs on the page (by default their folders' names)",
    )
    parser.add_argument('--title', default='', help='heading of the page')
    parser.add_argument(
        '--pictures',
        type=int,
        default=24,
        help='maximum number of images per gallery (%(default)s)',
    )
    parser.add_argument(
        '--sample',
        type=int,
        default=200,
        help='maximum number of unlabeled images to label (%(default)s)',
    )
    parser.add_argument(
        '--withheld',
        default='',
        help='COCO json with true boxes of the unlabeled images, to judge pseudo labels by (by default the file '
        "beside them that mmssod's own tools write, if there is one)",
    )
    parser.add_argument(
        '--max-mb',
        type=float,
        default=10.0,
        help='maximum size of all images together, MB (%(default)s)',
    )
    parser.add_argument(
        '--import',
        nargs='+',
        default=[],
        dest='modules',
        metavar='MODULE',
        help='modules with classes of your own that the runs use; a work directory alone imports nothing',
    )
    add_device(parser)
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate, choose, write."""
    from mmssod.own_data.reporting import (  # after the arguments, so that --help is quick
        report,
        told,
    )

    for module in args.modules:
        importlib.import_module(module)
    page = report(
        args.runs,
        args.out,
        names=args.names,
        pictures=args.pictures,
        sample=args.sample,
        withheld=args.withheld,
        max_mb=args.max_mb,
        title=args.title,
        command=args.command_line,
        device=args.device,
        cfg_options=args.cfg_options,
    )
    print('\n'.join(told(page, args.out)))
    if not page.scores:
        print(page.test, file=sys.stderr)
    return 0 if page.scores else 1
