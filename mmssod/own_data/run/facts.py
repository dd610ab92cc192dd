"""Reads a project's folder without torch and mmengine: its trainings, their progress and durations."""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from mmssod.environment.log_entries import log_entries, start_files

STAGES = ('teacher', 'student', 'supervised')
"""A project's trainings in their order; each has a config of its name."""
STUDENT_COST = 'student_cost'
"""The value of ``data.py`` for the time of a student's iteration over its teacher's: the recipe's ``step_cost``."""
STEP_SECONDS = 'step_seconds'
"""The value of ``data.py`` that estimates the time of the teacher's iteration."""

_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {'max': max, 'min': min, 'round': round, 'dict': dict}


@dataclass(frozen=True)
class Stage:
    """One training of a project, by its files.

    Args:
        name: One of :data:`STAGES`.
        length: Iterations; None where the config does not say it in plain numbers.
        done: Iterations of its newest checkpoint.
        complete: Whether it is trained and evaluated to its end.
        seconds: Seconds per iteration, from the log; 0 without one.
        cost: Time of an iteration over that of the teacher, where it is not measured.
    """

    name: str
    length: int | None
    done: int
    complete: bool
    seconds: float
    cost: float = 1.0


def read_project(folder: Path) -> tuple[list[Stage], float]:
    """The trainings of a project, and the estimated seconds of an iteration of its teacher, 0 for no estimate.

    Raises:
        FileNotFoundError: The folder is no project: a config is missing.
    """
    missing = [name for name in STAGES if not (folder / f'{name}.py').is_file()]
    if missing:
        raise FileNotFoundError(
            f'{folder}: expected the folder of a project, with teacher.py, student.py and supervised.py, found no '
            f'{" and no ".join(f"{name}.py" for name in missing)}; write one with `mmssod new`, or train single '
            'configs with `mmssod train`'
        )
    data = assigned(folder / 'data.py', {})
    teacher = {**data, **assigned(folder / 'teacher.py', data)}
    values = {
        'teacher': teacher,
        **{name: {**teacher, **assigned(folder / f'{name}.py', teacher)} for name in STAGES[1:]},
    }
    cost = _float(data.get(STUDENT_COST)) or 2.0  # twice the images
    stages = [
        _stage(folder, name, values[name].get('train_cfg'), cost if name == 'student' else 1.0)
        for name in STAGES
    ]
    return stages, _float(data.get(STEP_SECONDS))


def _float(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _stage(folder: Path, name: str, loop: Any, cost: float) -> Stage:
    length = loop.get('max_iters') if isinstance(loop, dict) else None
    work_dir = folder / 'work_dirs' / name
    known = length if isinstance(length, int) else None
    return Stage(
        name=name,
        length=known,
        done=newest_iteration(work_dir),
        complete=known is not None and complete(work_dir, known),
        seconds=step_seconds(work_dir),
        cost=cost,
    )


def complete(work_dir: Path, length: int, evaluated: bool = True, may_stop: bool = True) -> bool:
    """Whether a training has its last checkpoint and the evaluation of it, or was ended early.

    Args:
        work_dir: Work directory of the run.
        length: Iterations that its config says.
        evaluated: Whether it evaluates.
        may_stop: Whether its config lets it end early.
    """
    early = read_json_dict(work_dir / 'stopped_early.json')
    if may_stop and early.get('max_iters') == length:
        return (work_dir / f'iter_{early.get("iteration")}.pth').is_file()
    if not (work_dir / f'iter_{length}.pth').is_file():
        return False
    return not evaluated or _number(work_dir / 'last_evaluation') >= length


def newest_iteration(work_dir: Path) -> int:
    """The iteration of the checkpoint that a training goes on from; 0 for none."""
    try:
        named = (work_dir / 'last_checkpoint').read_text().strip()
    except OSError:
        return 0
    found = re.search(r'iter_(\d+)\.pth$', named)
    there = found and (work_dir / found[0]).is_file()
    return int(found[1]) if found and there else 0


def step_seconds(work_dir: Path) -> float:
    """Seconds of an iteration, the mean of the last ten lines of the newest log; 0 without one."""
    logs = start_files(work_dir, 'scalars.json')
    found = [time for log in logs[-2:] for time in _times(log)]
    return fmean(found[-10:]) if found else 0.0


def _times(log: Path) -> Iterator[float]:
    for entry in log_entries(log):
        if 'loss' in entry and isinstance(entry.get('time'), (int, float)):
            yield float(entry['time'])


def assigned(file: Path, base: Mapping[str, Any]) -> dict[str, Any]:
    """What a config assigns in plain numbers, texts, dicts of them and arithmetic; all else is left out.

    Args:
        file: Config file; one that is missing or no Python assigns nothing.
        base: What ``_base_.name`` means in it.
    """
    try:
        lines = ast.parse(file.read_text(encoding='utf-8')).body
    except (OSError, SyntaxError, ValueError):
        return {}
    found: dict[str, Any] = {}
    for line in lines:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            try:
                found[line.targets[0].id] = _value(line.value, found, base)
            except (LookupError, TypeError, ValueError, ArithmeticError):
                found.pop(line.targets[0].id, None)
    return found


def _value(node: ast.expr, known: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """The value of an expression.

    Raises:
        LookupError: It holds something else.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == '_base_':
        return base[node.attr]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, known, base)
    if isinstance(node, ast.BinOp):
        sides = (_value(side, known, base) for side in (node.left, node.right))
        return _OPERATORS[type(node.op)](*sides)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_value(key, known, base): _value(value, known, base) for key, value in pairs if key}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        places = [_value(argument, known, base) for argument in node.args]
        names = {str(word.arg): _value(word.value, known, base) for word in node.keywords}
        return _FUNCTIONS[node.func.id](*places, **names)
    raise LookupError(type(node).__name__)


def seconds_left(stages: list[Stage], step: float) -> float | None:
    """The time of all that is to be trained, evaluations left out; None where something is not known.

    Args:
        stages: Stages of the project.
        step: Seconds of the teacher's iteration, by an estimate; what a log says goes before.
    """
    measured = [stage.seconds / stage.cost for stage in stages if stage.seconds]
    step = fmean(measured) if measured else step
    total = 0.0
    for stage in stages:
        if stage.complete:
            continue
        if stage.length is None or not step:
            return None
        total += max(stage.length - stage.done, 0) * (stage.seconds or step * stage.cost)
    return total


def plan_lines(folder: Path) -> list[str]:
    """What ``mmssod run`` will do, in which order, and how long it will take.

    Raises:
        FileNotFoundError: See :func:`read_project`.
    """
    stages, step = read_project(folder)
    parts = [_part(stage) for stage in stages]
    lines = [f'{folder}: {", ".join(parts)}, report']
    seconds = seconds_left(stages, step)
    if all(stage.complete for stage in stages):
        return [*lines, 'all trainings are complete']
    measured = any(stage.seconds for stage in stages)
    if seconds is None:
        lines.append('how long it takes is said after the first steps')
    else:
        source = 'the log of earlier steps' if measured else 'the estimate in data.py'
        lines.append(
            f'about {rough(seconds)} by {source}, evaluations come on top; corrected after the first steps'
        )
    return [*lines, 'Ctrl-C saves and stops; the same command goes on']


def _part(stage: Stage) -> str:
    length = '?' if stage.length is None else stage.length
    if stage.complete:
        return f'{stage.name} (done)'
    if stage.done:
        return f'{stage.name} (from {stage.done} to {length} iterations)'
    return f'{stage.name} ({length} iterations)'


def rough(seconds: float) -> str:
    """A time for people: ``50 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f'{max(round(seconds), 0)} s'
    if seconds < 90 * 60:
        return f'{round(seconds / 60)} min'
    return f'{seconds / 3600:.1f} h'


def read_json_dict(file: Path) -> dict[str, Any]:
    """Content of a json file; empty if it is missing or not a json dict."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0
