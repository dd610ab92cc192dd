"""Train teacher, student and baseline of a project, evaluate the best of each, and write the report.

PROJECT is a folder that `mmssod new` has written. What is complete is left as it is, and what was cut off, by Ctrl-C, a
kill or a loss of power, goes on: the same command again. Of a project written with `--try`, a short trial of its
detectors on the validation images comes first, and the better one is trained. For example::

    mmssod new data/own/train.json --images data/own/images --unlabeled data/own/unlabeled --out own
    mmssod run own
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from mmssod.cli.options import add_cfg_options, add_trust_checkpoint, check_seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'project',
        help='folder that `mmssod new` has written',
    )
    parser.add_argument('--seed', type=int, help="random seed of all runs, instead of the configs'")
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument('--out', help='html file of the report (PROJECT/report.html)')
    add_trust_checkpoint(parser)
    add_cfg_options(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what cannot be."""
    check_seed(parser, args)
    if args.out and Path(args.out).suffix != '.html':
        parser.error(f'argument --out: expected a file name ending in .html, got {args.out}')


def before_loading(args: argparse.Namespace) -> None:
    """Say what will be done, in which order, and how long it will take.

    Raises:
        FileNotFoundError: The folder is no project.
    """
    from mmssod.apis.project_run.candidates import project_lines  # which loads nothing

    print('\n'.join(project_lines(Path(args.project))), flush=True)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate, report."""
    from mmssod.apis.project_run import running, trial  # after the arguments: --help is quick
    from mmssod.engine.terminal import short_terminal

    folder = Path(args.project)
    page = Path(args.out) if args.out else folder / 'report.html'
    try:
        with short_terminal():
            options = dict(seed=args.seed, amp=args.amp, cfg_options=args.cfg_options)
            trust = args.trust_checkpoint
            folder = trial.choose(folder, trust_checkpoint=trust, **options)
            trainings = running.train_project(folder, trust_checkpoint=trust, **options)
        finished = running.reported(folder, trainings, page)
        print('\n'.join(running.summary(folder, trainings)), flush=True)
        status = 0 if finished else _report(running.report_runs(trainings), page)
        if not finished and not status:
            running.note_report(folder, trainings)
    except (SystemExit, KeyboardInterrupt) as end:
        print(f'stopped; go on with: {args.command_line}', file=sys.stderr)
        return int(end.code or 0) if isinstance(end, SystemExit) else 130
    if finished:
        print(f'finished before, nothing was left to do; the report: {page}')
    return status


def _report(runs: list[str], page: Path) -> int:
    """What `mmssod report` does; its last line is the last one of this command, too."""
    from mmssod.cli.main import run_tool

    words = [*runs, '--out', str(page)]
    print(f'mmssod report {shlex.join(words)}', flush=True)
    return run_tool('report', words, prog='mmssod report')
