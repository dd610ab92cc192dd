"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any


class KeyValues(argparse.Action):
    """Words ``key=value`` as mmengine's ``DictAction`` reads them, which is imported where it is used."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Read them, or say which word is none."""
        from mmengine.config import DictAction

        for word in values or ():
            if '=' not in word:
                parser.error(f'{option_string}: expected key=value, got {word!r}')
        DictAction(self.option_strings, self.dest)(parser, namespace, values, option_string)


def add_config(parser: argparse.ArgumentParser, text: str = 'config file') -> None:
    """The config: a file, or the name of one of mmssod's own such as ``configs/demo/teacher.py``."""
    parser.add_argument('config', help=text)


def add_run(parser: argparse.ArgumentParser) -> None:
    """The run: a project's folder, whose student is used, or a config and its checkpoint."""
    parser.add_argument(
        'config', help='folder of a project, whose student is used, or config of a run'
    )
    parser.add_argument(
        'checkpoint',
        nargs='?',
        default='',
        help='checkpoint of the run (of a project by default that of the best evaluation)',
    )


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """``--cfg-options key=value ...``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=KeyValues,
        help='values that replace the config\'s, as key=value; lists as key="[a,b]" or key=a,b',
    )


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """``--launcher`` and ``--local_rank``, which old launchers pass."""
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def export_rank(args: argparse.Namespace) -> None:
    """Tell torch the rank that an old launcher gave as an option."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))


def add_trust_checkpoint(parser: argparse.ArgumentParser) -> None:
    """``--trust-checkpoint``."""
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='unpickle checkpoints without restrictions, which runs any code in them; else they are read as data',
    )


def check_seed(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse a seed that torch or numpy refuse."""
    if args.seed is not None and not 0 <= args.seed < 2**32:
        parser.error(f'argument --seed: expected a whole number in [0, 2**32), got {args.seed}')


def check_config(name: str) -> None:
    """Raise an error for a missing config, before anything is loaded.

    Raises:
        FileNotFoundError: Neither a file nor one of mmssod's own.
    """
    from mmssod.apis.packaged import find_config  # which loads nothing

    find_config(name)


def add_part(parser: argparse.ArgumentParser) -> None:
    """``--part``: which of the two detectors of a run."""
    parser.add_argument(
        '--part',
        choices=['auto', 'student', 'teacher'],
        default='auto',
        help='which detector of a run with two; auto: the one that the run tests with (%(default)s)',
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """``--device``."""
    parser.add_argument(
        '--device', help='device such as cuda:0 or cpu; by default a GPU if there is one'
    )


def add_tiles(parser: argparse.ArgumentParser) -> None:
    """``--tile`` and ``--overlap``, for small objects in large images."""
    parser.add_argument(
        '--tile',
        type=int,
        metavar='PX',
        help='also run on tiles of this many pixels of larger images (by default only on whole images)',
    )
    parser.add_argument(
        '--overlap',
        type=float,
        default=0.2,
        help='overlap of neighboring tiles, as a share of a tile: as wide as the objects (%(default)s)',
    )


def check_tiles(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse tiles that cannot be."""
    if args.tile is not None and args.tile < 1:
        parser.error(f'argument --tile: expected a whole number >= 1, got {args.tile}')
    if not 0 <= args.overlap < 1:
        parser.error(f'argument --overlap: expected a number in [0, 1), got {args.overlap}')


def number_or_file(text: str) -> float | str:
    """The word of an option that is a number or else the name of a json.

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    try:
        return float(text)
    except ValueError:
        if text.endswith('.json'):
            return text
    raise argparse.ArgumentTypeError(f'expected a number or a .json file, got {text!r}')


def add_label_formats(parser: argparse.ArgumentParser) -> None:
    """``--formats``: of labels to correct."""
    from mmssod.datasets.formats import formats

    parser.add_argument(
        '--formats',
        nargs='+',
        choices=[*formats(writes=True)],
        default=[],
        help='formats of the labels to correct (by default all of these)',
    )


def check_counts(parser: argparse.ArgumentParser, args: argparse.Namespace, *names: str) -> None:
    """Refuse options below 1."""
    for name in names:
        if (value := getattr(args, name)) < 1:
            parser.error(f'argument --{name}: expected 1 or more, got {value}')
