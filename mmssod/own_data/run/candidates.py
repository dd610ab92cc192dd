"""Projects with several candidate detectors: the rule by which a trial chooses one, without torch and mmengine.

The candidates of a project are ordered: the first is the one that the rules of ``mmssod new`` choose, the second the
next one that fits the machine, and so on. Successive halving (Jamieson and Talwalkar, 2016): all are trained for as
many seconds, the worse half is dropped, the others go on. Libraries for it (Optuna, Ray Tune) want to run the trials
themselves; the rule alone is shorter than the code that they need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmssod.environment.errors import InputError
from mmssod.own_data.run.facts import (
    STEP_SECONDS,
    assigned,
    plan_lines,
    read_json_dict,
    read_project,
    rough,
)

CANDIDATES = 'candidates.json'
"""File of a project's folder that names its detectors; each has a project of its own in the folder of its name."""
TRIAL = 'trial.json'
"""File of a project's folder with the outcome of the trial."""
SHARE = 0.2
"""Of the estimated time of all, what the trial takes at most."""
LEAST_IMAGES = 10
"""Images with boxes that a trial asks for: an interval over fewer is not to be trusted."""
LEAST_ITERATIONS = 125
"""Iterations of its first round that a trial asks for, of each candidate: while the learning rate still rises, for 100
iterations (``adamw_lite.py``), starts are compared and not detectors."""
EVALUATIONS = 3
"""Evaluations of a candidate in a round, as counted beforehand: the trial's, and what is due of its training's own."""
FORWARD = 0.5
"""Time of an image in an evaluation over that of an image in a training step, generously."""


@dataclass(frozen=True)
class Round:
    """Result of one round of a trial.

    Args:
        ap: In percent, of those that were trained.
        seconds: Training time of these in seconds, since the start of each.
        failed: Why the others were not.
        kept: Candidates that go on, in the order of the candidates.
    """

    ap: Mapping[str, float]
    seconds: Mapping[str, float]
    failed: Mapping[str, str]
    kept: tuple[str, ...]


def halve(
    candidates: Sequence[str],
    seconds: float,
    train: Callable[[str, int, float], tuple[float, float]],
    ahead: Callable[[str, str], bool],
) -> list[Round]:
    """Train all for equally many seconds, drop the worse half, and so on until one is left.

    Args:
        candidates: At least one, in their order.
        seconds: Training time of all candidates in all rounds, in seconds; each round takes an equal part. With four
            candidates, each gets an eighth in the first round, and each of the two left a fourth in the second.
        train: Trains a candidate in a round (counted from 0) until this many seconds since its start; gives its AP and
            its seconds. What it raises drops the candidate.
        ahead: Whether the first is surely better than the second, see :func:`kept`.

    Raises:
        ValueError: None could be trained.
    """
    left, spent = tuple(candidates), 0.0
    rounds: list[Round] = []
    sizes = round_sizes(len(candidates))
    for number, size in enumerate(sizes):
        if len(left) == 1:  # the others failed
            break
        spent += seconds / (len(sizes) * size)
        ap: dict[str, float] = {}
        trained: dict[str, float] = {}
        failed: dict[str, str] = {}
        for name in left:
            try:
                ap[name], trained[name] = train(name, number, spent)
            except Exception as error:  # of whatever kind: the others are tried
                failed[name] = f'{type(error).__name__}: {error}'
        if not ap:
            lines = '\n'.join(f'{name}: {why}' for name, why in failed.items())
            raise InputError(f'trial: expected a detector that can be trained, got none\n{lines}')
        left = kept(left, ap, ahead)
        rounds.append(Round(ap, trained, failed, left))
    return rounds


def round_sizes(candidates: int) -> list[int]:
    """Number of candidates in each round: 4 and 2 for four, 3 and 2 for three, none for one."""
    sizes = []
    while candidates > 1:
        sizes.append(candidates)
        candidates = -(-candidates // 2)
    return sizes


def kept(
    order: Sequence[str], ap: Mapping[str, float], ahead: Callable[[str, str], bool]
) -> tuple[str, ...]:
    """The better half of the candidates of a round, of an odd number the larger one.

    Of equal AP the earlier one is better. The first one that was trained stays, in the place of the last of that half,
    unless the best is surely ahead of it: a difference that may be chance drops no detector that the rules prefer.

    Args:
        order: All of the round in their order.
        ap: AP of those that were trained, at least one.
        ahead: Whether the first argument is better than the second by more than other images could undo.
    """
    trained = [name for name in order if name in ap]
    best = sorted(trained, key=lambda name: -ap[name])[: -(-len(order) // 2)]
    if trained[0] not in best and not ahead(best[0], trained[0]):
        best[-1] = trained[0]
    return tuple(name for name in order if name in best)


def read_candidates(folder: Path) -> list[str]:
    """The detectors of a project in their order; empty for a project of one, or none."""
    names = read_json_dict(folder / CANDIDATES).get('detectors')
    inside = [path.name for path in folder.glob('*') if path.is_dir()]  # no other folder's project
    return [name for name in names if name in inside] if isinstance(names, list) else []


def read_choice(folder: Path) -> tuple[str, str]:
    """The detector that a trial has chosen, and why; '' and '' before its end."""
    outcome = read_json_dict(folder / TRIAL)
    return outcome.get('chosen') or '', outcome.get('why') or ''


def trained_project(folder: Path) -> Path:
    """The project that is trained as far as that is known: of several, the chosen one, before a trial the first."""
    names = read_candidates(folder)
    chosen, _ = read_choice(folder)
    return folder / (chosen if chosen in names else names[0]) if names else folder


def whole_seconds(folder: Path) -> float:
    """The estimated seconds of all trainings of a project with one detector; 0 for no estimate."""
    stages, step = read_project(folder)
    return sum((stage.length or 0) * step * stage.cost for stage in stages)


def trial_seconds(folder: Path, candidates: Sequence[str]) -> float:
    """The seconds of training of a whole trial: with its evaluations a fifth of the shortest candidate's whole.

    0 where nothing is left of that, or where a candidate's time is not known.
    """
    whole = min(whole_seconds(folder / name) for name in candidates)
    evaluation = max(_evaluation(folder / name) for name in candidates)
    turns = sum(round_sizes(len(candidates)))
    return max(SHARE * whole - turns * EVALUATIONS * evaluation, 0.0)


def _first_round(folder: Path, candidates: Sequence[str]) -> dict[str, int]:
    """The estimated iterations of each candidate in the first round of a trial."""
    sizes = round_sizes(len(candidates))
    seconds = trial_seconds(folder, candidates) / (len(sizes) * sizes[0])
    return {name: int(seconds / read_project(folder / name)[1]) for name in candidates}


def _evaluation(folder: Path) -> float:
    """The estimated seconds of an evaluation."""
    data = assigned(folder / 'data.py', {})
    images = len(read_json_dict(folder / 'val.json').get('images') or ())
    return float(FORWARD * images * data.get(STEP_SECONDS, 0.0) / data.get('batch', 1))


def no_trial(folder: Path, candidates: Sequence[str]) -> str:
    """Why the detectors of a project are not compared; '' where they are."""
    if len(candidates) == 1:
        return f'no trial: {candidates[0]} is the only detector there'
    truth = read_json_dict(folder / candidates[0] / 'val.json')
    images = len({box['image_id'] for box in truth.get('annotations') or ()})
    if images < LEAST_IMAGES:
        return (
            f'no trial: {images} validation images with boxes cannot tell detectors apart, it takes {LEAST_IMAGES} '
            '(`mmssod new --val` names a set of them)'
        )
    if not trial_seconds(folder, candidates):
        return (
            f'no trial: a fifth of the whole time ({rough(whole_seconds(folder / candidates[0]))} by the estimate in '
            f'data.py) does not even take the evaluations of {len(truth["images"])} validation images'
        )
    iterations = _first_round(folder, candidates)
    slowest = min(candidates, key=lambda name: iterations[name])
    if iterations[slowest] < LEAST_ITERATIONS:
        return (
            f'no trial: a fifth of the whole time leaves {iterations[slowest]} iterations for {slowest}, in which the '
            f'learning rate has hardly risen; it takes {LEAST_ITERATIONS} (a longer training, `iterations` in data.py)'
        )
    return ''


def project_lines(folder: Path) -> list[str]:
    """What ``mmssod run`` will do with a project of one or of several detectors, and how long it will take.

    Raises:
        FileNotFoundError: See :func:`~mmssod.own_data.run.facts.read_project`.
    """
    candidates = read_candidates(folder)
    if not candidates:
        return plan_lines(folder)
    chosen, why = read_choice(folder)
    if chosen not in candidates:
        why = no_trial(folder, candidates)
    if why:
        return [f'{folder}: {why}', *plan_lines(trained_project(folder))]
    whole = [whole_seconds(folder / name) for name in candidates]
    return [
        f'{folder}: trial of {", ".join(candidates)}; then teacher, student and baseline of the chosen one, report',
        f'about {rough(min(whole))} to {rough(max(whole))} by the estimates in data.py, of which the trial takes at '
        f'most {rough(SHARE * min(whole))}; `mmssod run {folder / candidates[0]}` trains one without a trial',
        'Ctrl-C saves and stops; the same command goes on',
    ]
