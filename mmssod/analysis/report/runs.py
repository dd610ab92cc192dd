"""Reads a run's work directory: config, curves, class balance, last checkpoint.

``M`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmssod.analysis.class_balance import class_balance
from mmssod.engine.main_metric import step_of
from mmssod.engine.reliability.checkpoint_files import older, signature
from mmssod.environment.data_configs import read_dumped
from mmssod.environment.errors import InputError
from mmssod.environment.log_entries import log_entries, start_files


@dataclass(frozen=True)
class RunRecord:
    """One run.

    Args:
        name: What the page calls it.
        folder: Work directory of the run.
        config: Config of the run.
        checkpoint: Checkpoint of the best evaluation, else the last one; '' if there is none.
        train: Scalars of the training by name: pairs of iteration and value.
        evaluations: Metrics of each evaluation by iteration.
        balance: See :func:`mmssod.analysis.class_balance.class_balance`; None where nothing was balanced.
    """

    name: str
    folder: Path
    config: Config
    checkpoint: str
    train: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    evaluations: dict[int, dict[str, float]] = field(default_factory=dict)
    balance: dict[str, Any] | None = None

    @property
    def iterations(self) -> int:
        """Iterations by the log, the last evaluation's and the checkpoint's among them."""
        logged = [points[-1][0] for points in self.train.values() if points]
        return max([*logged, *self.evaluations, step_of(self.checkpoint) or 0])

    @property
    def seconds(self) -> float:
        """Time of the training iterations by the log, without evaluations; 0 if it does not say.

        The log has a line each so many iterations, and none of a training that is shorter; those after the last line
        count as long as those before it.
        """
        last, total, seconds = 0, 0.0, 0.0
        for iteration, seconds in self.train.get('time', []):
            total += seconds * (iteration - last)
            last = iteration
        return total + seconds * (self.iterations - last)


def read_run_folder(folder: str | Path, name: str = '') -> RunRecord:
    """Read a work directory.

    Args:
        folder: Work directory, or the folder of one of its starts.
        name: What the page calls the run; by default the folder's name.

    Raises:
        ValueError: It is no run: what is in it has no config, or a config alone; or its config is code, see
            :func:`dumped_config`.
    """
    folder = Path(folder)
    configs = run_configs(folder)
    if not configs:
        inside = [*folder.glob('work_dirs/*'), *folder.glob('*')]
        runs = sorted(str(path) for path in inside if path.is_dir() and run_configs(path))
        raise InputError(
            f'{folder}: expected the work directory of a run, with a config beside a checkpoint or a log, or in '
            f'{folder}/*/vis_data; found none'
            + (f'. Runs below it: {" ".join(runs)}' if runs else ', such as work_dirs/student')
        )
    train, evaluations = read_scalars(folder)
    try:
        balance: dict[str, Any] | None = class_balance(folder)
    except ValueError:  # no pseudo labels in it
        balance = None
    return RunRecord(
        name=name or folder.resolve().name,
        folder=folder,
        config=dumped_config(folder, configs),
        checkpoint=result_checkpoint(folder),
        train=train,
        evaluations=evaluations,
        balance=balance,
    )


def dumped_config(folder: Path, configs: Sequence[Path]) -> Config:
    """The config of a run's last start, read as data: nothing of what lies in a work directory is run.

    Its ``load_from`` is that of the last start that did not resume: what the run began with, not its own checkpoint.

    mmengine notes it for each start in ``<start>/vis_data/config.py``, and as ``<name of the config>.py`` in the work
    directory. What the last start noted counts; else the one file that is a dumped config.

    Raises:
        ValueError: None is a dumped config (with the reason), or several in the work directory are.
    """
    if noted := start_files(folder, 'config.py'):
        config = read_dumped(noted[-1])
        first = next(
            (one for one in map(read_dumped, reversed(noted)) if not one.get('resume')), config
        )
        config.load_from = first.get('load_from')
        return config
    found, refused = {}, []
    for file in sorted(configs):
        try:
            found[file.name] = read_dumped(file)
        except ValueError as error:
            refused.append(str(error))
    runs = {name: config for name, config in found.items() if 'model' in config}
    if len(runs) != 1:
        raise InputError(
            f'{folder}: expected one config as mmengine dumps it, got {sorted(runs) or "none"}'
            + ''.join(f'; {reason}' for reason in refused)
            + '. Leave the one that the run was trained with'
        )
    return runs.popitem()[1]


def run_configs(folder: Path) -> list[Path]:
    """The configs that a training left in its work directory.

    A config alone is one to train, and one beside a checkpoint of another name may be an exported detector's.
    """
    noted = start_files(folder, 'config.py')
    left = ('last_checkpoint', 'iter_*.pth', 'epoch_*.pth', '[0-9]*/*.log', '[0-9]*/vis_data/*')
    trained = any(next(folder.glob(pattern), None) for pattern in left)
    return noted + ([*folder.glob('*.py')] if trained else [])


def read_scalars(
    folder: Path,
) -> tuple[dict[str, list[tuple[int, float]]], dict[int, dict[str, float]]]:
    """Curves of all starts of a run, in the order of iterations; what was done twice counts as done last.

    An evaluation's own ``step`` may count epochs: then it belongs to the last iteration logged before it.
    """
    points: dict[str, dict[int, float]] = {}
    evaluations: dict[int, dict[str, float]] = {}
    for file in start_files(folder, 'scalars.json'):
        iteration = 0
        for entry in log_entries(file):
            numbers = {k: v for k, v in entry.items() if isinstance(v, (int, float))}
            if any('/' in key and not key.startswith('pseudo/') for key in numbers):
                at = max(iteration, int(numbers.get('step', 0)))
                evaluations[at] = {k: v for k, v in numbers.items() if '/' in k}
                continue
            iteration = int(numbers.get('iter', iteration))
            at = int(numbers.get('step', iteration))
            for key, value in numbers.items():
                if key not in ('iter', 'step', 'epoch'):
                    points.setdefault(key, {})[at] = value
    return {key: sorted(values.items()) for key, values in points.items()}, evaluations


def best_checkpoint(folder: Path) -> str:
    """The checkpoint of a run's best evaluation (``best_*.pth``), '' where none was kept.

    Of two, which a kill may leave, the later one: it was better than the one before.
    """
    files = [file for file in _own(folder, 'best_*.pth') if step_of(file.name) is not None]
    return str(max(files, key=lambda file: step_of(file.name) or 0)) if files else ''


def result_checkpoint(folder: Path) -> str:
    """The checkpoint that is reported: that of the best evaluation, else the last one, '' without any."""
    return best_checkpoint(folder) or last_checkpoint(folder)


def last_checkpoint(folder: Path) -> str:
    """The newest checkpoint of a work directory, '' without one; found also where the folder was moved."""
    note = folder / 'last_checkpoint'
    if note.is_file():
        named = Path(note.read_text(errors='replace').strip())
        foreign = older(str(folder))
        for place in (folder / named.name, named):
            if place.is_file() and not (foreign and signature(place) in foreign):
                return str(place)
    files = sorted(_own(folder, '*.pth'), key=lambda file: file.stat().st_mtime)
    return str(files[-1]) if files else ''


def _own(folder: Path, pattern: str) -> list[Path]:
    """Checkpoints but those of a run that was in the folder before."""
    foreign = older(str(folder))
    return [file for file in folder.glob(pattern) if not foreign or signature(file) not in foreign]
