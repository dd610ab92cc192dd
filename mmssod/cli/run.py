"""Train teacher, student and baseline of a project, evaluate the best of each, and write the report.

PROJECT is a project folder written by `mmssod new`. Complete trainings are skipped; the same command resumes one that
was interrupted by Ctrl-C, a kill or a power failure. For a project written with `--try`, a short trial of its detectors
on the validation images comes first, and the better one is trained. `--folds K` trains everything K times, each time
with other labeled images held out, so that all are used for evaluation: it takes K times as long, and gives a narrower
interval of the gain. For example::

    mmssod new data/own/train.json --images data/own/images --unlabeled data/own/unlabeled --out own
    mmssod run own
    mmssod run own --folds 5
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmssod.cli.options import add_cfg_options, add_trust_checkpoint, check_seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('project', help='project folder written by `mmssod new`')
    parser.add_argument('--seed', type=int, help="random seed of all runs, instead of the configs'")
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--folds',
        type=int,
        metavar='K',
        help='judge by cross-validation: K times teacher, student and supervised, each labeled image is held out once',
    )
    parser.add_argument(
        '--out',
        help='html file of the report (PROJECT/report.html, of folds PROJECT/folds_K/report.html)',
    )
    add_trust_checkpoint(parser)
    add_cfg_options(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what cannot be."""
    check_seed(parser, args)
    if args.folds is not None and args.folds < 2:
        parser.error(f'argument --folds: expected 2 or more, got {args.folds}')
    if args.out and Path(args.out).suffix != '.html':
        parser.error(f'argument --out: expected a file name ending in .html, got {args.out}')


def before_loading(args: argparse.Namespace) -> None:
    """Say what will be done, in which order, and how long it will take.

    Raises:
        FileNotFoundError: The folder is no project.
        ValueError: More folds than labeled images.
    """
    # These load neither torch nor mmengine.
    from mmssod.own_data.run.candidates import project_lines, trained_project
    from mmssod.own_data.run.fold_facts import fold_lines

    folder = Path(args.project)
    lines = project_lines(folder)
    if args.folds:
        one = trained_project(folder)
        lines = [*lines[: one != folder], *fold_lines(one, args.folds)]
    print('\n'.join(lines), flush=True)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate, report."""
    from mmssod.own_data.project import Project  # after the arguments: --help is quick

    try:
        result = Project(Path(args.project)).run(
            folds=args.folds,
            out=args.out,
            command=args.command_line,
            seed=args.seed,
            amp=args.amp,
            cfg_options=args.cfg_options,
            trust_checkpoint=args.trust_checkpoint,
        )
    except (SystemExit, KeyboardInterrupt) as end:
        print(f'stopped; go on with: {args.command_line}', file=sys.stderr)
        return int(end.code or 0) if isinstance(end, SystemExit) else 130
    return 0 if result.evaluated else 1
