"""Train teacher, student and baseline of a project, evaluate the best of each, and write the report.

PROJECT is a folder that `mmssod new` has written. What is complete is left as it is, and what was cut off, by Ctrl-C, a
kill or a loss of power, goes on: the same command again. Of a project written with `--try`, a short trial of its
detectors on the validation images comes first, and the better one is trained. With `--folds K` it is done K times over,
each time with other labeled images held out, so that all of them judge: K times the time, and an interval of the gain
that is narrower. For example::

    mmssod new data/own/train.json --images data/own/images --unlabeled data/own/unlabeled --out own
    mmssod run own
    mmssod run own --folds 5
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmssod.cli.options import add_cfg_options, add_trust_checkpoint, check_seed

if TYPE_CHECKING:
    from mmssod.apis.project_run.stages import Training


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('project', help='folder that `mmssod new` has written')
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
    from mmssod.apis.project_run.candidates import project_lines, trained_project
    from mmssod.apis.project_run.fold_facts import fold_lines

    folder = Path(args.project)
    lines = project_lines(folder)
    if args.folds:
        one = trained_project(folder)
        lines = [*lines[: one != folder], *fold_lines(one, args.folds)]
    print('\n'.join(lines), flush=True)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate, report."""
    try:
        return _run_folds(args) if args.folds else _run(args)
    except (SystemExit, KeyboardInterrupt) as end:
        print(f'stopped; go on with: {args.command_line}', file=sys.stderr)
        return int(end.code or 0) if isinstance(end, SystemExit) else 130


def _run(args: argparse.Namespace) -> int:
    from mmssod.apis.project_run import running, trial  # after the arguments: --help is quick
    from mmssod.engine.terminal import short_terminal

    folder = Path(args.project)
    page = Path(args.out) if args.out else folder / 'report.html'
    with short_terminal():
        folder = trial.choose(folder, **_options(args))
        trainings = running.train_project(folder, **_options(args))
    known = running.noted_verdict(folder, trainings, page)
    print('\n'.join(running.summary(folder, trainings, page)), flush=True)
    if known is not None:
        print(f'finished before, nothing was left to do; the report: {page}\n{known}')
        return 0
    return _report(folder, trainings, page)


def _run_folds(args: argparse.Namespace) -> int:
    from mmssod.apis import fold_report
    from mmssod.apis.project_run import folds, trial
    from mmssod.apis.project_run.fold_facts import folds_folder
    from mmssod.engine.terminal import short_terminal

    with short_terminal():
        folder = trial.choose(Path(args.project), **_options(args))
        judged = folds.run_folds(folder, args.folds, **_options(args))
    page = Path(args.out) if args.out else folds_folder(folder, args.folds) / 'report.html'
    fold_report.write_fold_report(folder, judged, page, args.command_line)
    print('\n'.join([*folds.fold_summary(folder, judged), str(page), judged.verdict.sentence]))
    return 0


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Options of all trainings."""
    return dict(
        seed=args.seed,
        amp=args.amp,
        cfg_options=args.cfg_options,
        trust_checkpoint=args.trust_checkpoint,
    )


def _report(folder: Path, trainings: list[Training], page: Path) -> int:
    """What `mmssod report` does; its last line is the last one of this command, too."""
    from mmssod.apis.project_run import running
    from mmssod.apis.reporting import report
    from mmssod.cli.report import tell
    from mmssod.engine.terminal import short_terminal

    runs = running.report_runs(trainings)
    command = shlex.join(['mmssod', 'report', *runs, '--out', str(page)])
    print(command, flush=True)
    with short_terminal():
        made = report(runs, str(page), command=command)
    status = tell(made, str(page))
    if not status:
        running.note_report(folder, trainings, made.verdict.sentence if made.verdict else '')
    return status
