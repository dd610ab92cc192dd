"""One sentence on whether unlabeled images helped: the student against supervised training, with an interval.

The baseline is a supervised run, never the teacher: a student trains on after its teacher, and longer training alone
gains AP. Causes of a loss are named only where they were measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmssod.analysis.gain import Gain, interval

OUTCOMES = ('gained', 'unclear', 'lost', 'no baseline')
SAME_LENGTH = 1.25  # trainings whose lengths differ by less than this factor count as equally long
FEW_FOUND = (
    60.0  # percent of objects with a pseudo label, below which the others are named as a cause
)
FEW_RIGHT = (
    60.0  # percent of pseudo labels that are right, below which the others are named as a cause
)
FEW_LABELED = 20  # labeled images, below which their number is named as a cause
MOST_CLASSES = 3  # that the sentence names


@dataclass(frozen=True)
class Length:
    """Training length of a run, including the runs that it started from.

    Args:
        seconds: Time of all training iterations; 0 if the logs do not say.
        images: Images that it saw, labeled and unlabeled: iterations times images per iteration; 0 if unknown.
    """

    seconds: float = 0.0
    images: int = 0

    def __add__(self, other: Length) -> Length:
        """One training after the other; what one of them does not know is not known of both."""
        seconds = self.seconds + other.seconds if self.seconds and other.seconds else 0.0
        images = self.images + other.images if self.images and other.images else 0
        return Length(seconds, images)


@dataclass(frozen=True)
class Facts:
    """What was measured about a student's training, to name causes; None or empty where it was not measured.

    Args:
        recall: Percent of the true boxes that have a right pseudo label (IoU 0.5) at the thresholds that were used.
        precision: Percent of the pseudo labels that are right.
        class_recall: Recall of each class, in percent.
        threshold: Threshold of the config's balancer, in [0, 1].
        share: Pseudo labels per labeled box that the config's balancer aims at, where it sets thresholds by that.
        labeled: Labeled images.
        passes: How many times each unlabeled image was seen, on average.
    """

    recall: float | None = None
    precision: float | None = None
    class_recall: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None
    share: float | None = None
    labeled: int | None = None
    passes: float | None = None


@dataclass(frozen=True)
class Cause:
    """A likely cause of a loss.

    Args:
        text: What was measured.
        remedy: What to try.
    """

    text: str
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """The judgement.

    Args:
        sentence: In words, with the interval and the baseline.
        outcome: One of :data:`OUTCOMES`.
        gain: Mean over seeds, in AP percent; None without a baseline.
        low, high: Its 95 % interval over draws of test images.
        deviation: Standard deviation of the gain over seeds, or over folds (n - 1); None for fewer than two.
        causes: Likely causes of a loss, most important first.
    """

    sentence: str
    outcome: str
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    deviation: float | None = None
    causes: tuple[Cause, ...] = ()


def verdict(
    gain: Gain | Sequence[Gain] | None,
    *,
    length: Length | None = None,
    other_length: Length | None = None,
    facts: Facts | None = None,
    missing: str = '',
    folds: Sequence[float] = (),
) -> Verdict:
    """Judge a student by its gain over supervised training.

    Args:
        gain: The student against the supervised run; several of different seeds, with equally many draws; None or none
            without a baseline.
        length, other_length: How long the student and the baseline were trained; None where that is not known.
        facts: What was measured about the student's training.
        missing: Where there is no baseline: the command that trains one, or another remedy.
        folds: Where ``gain`` is over the images of several folds: the gain of each, NaN where it has no true box; their
            deviation is said.

    Returns:
        ``gained`` if the interval lies above 0, ``lost`` if it lies below, else ``unclear``.
    """
    gains = [] if gain is None else [gain] if isinstance(gain, Gain) else list(gain)
    if not gains:
        return Verdict(_no_baseline(missing), 'no baseline')
    mean = float(np.mean([one.gain for one in gains]))
    low, high = interval(np.mean([one.drawn for one in gains], axis=0))
    if np.isnan(mean):
        return Verdict(
            f'No verdict: the {gains[0].images} test images have no true box of any class.',
            'unclear',
        )
    parts = [one for one in folds if not np.isnan(one)] or [one.gain for one in gains]
    deviation = float(np.std(parts, ddof=1)) if len(parts) > 1 else None
    outcome = 'gained' if low > 0 else 'lost' if high < 0 else 'unclear'
    causes = tuple(likely_causes(facts or Facts())) if outcome == 'lost' else ()
    shown, of_what = (-mean, ' of the gain') if outcome == 'lost' else (mean, '')
    kind = 'folds' if folds else 'seeds'
    spread = '' if deviation is None else f'; {len(parts)} {kind}, deviation {deviation:.1f}'
    figure = f'{_one(shown)} AP (95 % interval{of_what} {_one(low)} to {_one(high)}{spread})'
    baseline = f'supervised training {compared_length(length, other_length)}'
    sentence = {
        'gained': f'Unlabeled images gained {figure} over {baseline}',
        'unclear': f'No gain that {gains[0].images} test images can show: {figure} over {baseline}',
        'lost': f'Lost {figure} against {baseline}',
    }[outcome]
    named = _clear_classes(gains, outcome)
    if named:
        sentence += f'; most for: {", ".join(named)}'
    if outcome == 'lost':
        sentence += f'; {_cause_text(causes)}'
    return Verdict(sentence + '.', outcome, mean, low, high, deviation, causes)


def likely_causes(facts: Facts) -> list[Cause]:
    """Causes that the facts name, most important first; nothing is said about what was not measured."""
    causes = []
    if facts.recall is not None and facts.recall < FEW_FOUND:
        text = f'{_share(100 - facts.recall)} of the objects have no pseudo label and count as background'
        worst = sorted(facts.class_recall, key=lambda name: facts.class_recall[name])
        worst = [name for name in worst if facts.class_recall[name] < facts.recall]
        if len(facts.class_recall) > 2 and worst:
            text += f', most of {", ".join(worst[:MOST_CLASSES])}'
        remedy = f'{_knob(facts, more=True)}, or a longer training of the teacher'
        causes.append(Cause(text, remedy))
    if facts.precision is not None and facts.precision < FEW_RIGHT:
        text = f'{_share(100 - facts.precision)} of the pseudo labels are wrong'
        causes.append(Cause(text, _knob(facts, more=False)))
    if facts.labeled is not None and facts.labeled < FEW_LABELED:
        causes.append(
            Cause(f'there are only {facts.labeled} labeled images', 'labels for some more images')
        )
    if facts.passes is not None and facts.passes < 1:
        causes.append(
            Cause(
                f'the student saw only {_share(100 * facts.passes)} of the unlabeled images',
                'a longer training, train_cfg.max_iters',
            )
        )
    return causes


def compared_length(length: Length | None, other: Length | None) -> str:
    """Training length of the baseline compared with the student: ``of the same length``, or the two lengths.

    Seconds decide; where they differ and the images seen do not, neither run is said to have had an advantage.
    """
    ours, theirs = length or Length(), other or Length()
    if ours.seconds and theirs.seconds:
        ratio = theirs.seconds / ours.seconds
        words = f'{_minutes(theirs.seconds)}, student {_minutes(ours.seconds)}'
    elif ours.images and theirs.images:
        ratio = theirs.images / ours.images
        words = f'{theirs.images} images seen, student {ours.images}'
    else:
        return 'of unknown length'
    if _alike(ratio):
        return 'of the same length'
    if ours.images and theirs.images and _alike(theirs.images / ours.images):
        return f'on as many images, in {ratio:.2g} times the time ({words})'  # also where other work slows one down
    effect = (
        'so part of the difference may be due to length alone'
        if ratio < 1
        else 'so it had more time'
    )
    return f'of {ratio:.2g} times the length ({words}: {effect})'


def _alike(ratio: float) -> bool:
    return 1 / SAME_LENGTH <= ratio <= SAME_LENGTH


def _no_baseline(missing: str) -> str:
    remedy = missing or 'train a supervised run for as long and give it to the report as well'
    return (
        'No baseline: there is no supervised run to compare the student with, so what unlabeled images gained is not '
        f'known; fix: {remedy}.'
    )


def _clear_classes(gains: Sequence[Gain], outcome: str) -> list[str]:
    """Classes whose own interval lies on the side of the outcome in every part, the greatest change first."""
    if outcome == 'unclear':
        return []
    sign = 1 if outcome == 'gained' else -1
    common = [name for name in gains[0].classes if all(name in one.classes for one in gains)]
    if len(common) < 2:
        return []
    means = {name: sign * float(np.mean([one.classes[name] for one in gains])) for name in common}
    ends = 0 if sign > 0 else 1
    clear = [name for name in common if all(sign * one.intervals[name][ends] > 0 for one in gains)]
    return sorted(clear, key=lambda name: -means[name])[:MOST_CLASSES]


def _cause_text(causes: Sequence[Cause]) -> str:
    if not causes:
        return 'no likely cause among those that were measured'
    first = causes[0]
    return f'likely cause: {first.text}; try {first.remedy}'


def _knob(facts: Facts, more: bool) -> str:
    """The value of the config that gives more or fewer pseudo labels."""
    if facts.share is not None:
        return f'a {"larger" if more else "smaller"} model.balancer.share (now {facts.share:g})'
    now = '' if facts.threshold is None else f' (now {facts.threshold:g})'
    return f'a {"lower" if more else "higher"} threshold, model.balancer.threshold{now}'


def _share(percent: float) -> str:
    """A share in words where it is near one that has a word."""
    for value, word in ((25.0, 'a quarter'), (50.0, 'half'), (75.0, 'three quarters')):
        if abs(percent - value) <= 3:
            return word
    return f'{percent:.0f} %'


def _minutes(seconds: float) -> str:
    return f'{seconds / 60:.1f} min' if seconds < 6000 else f'{seconds / 3600:.1f} h'


def _one(value: float) -> str:
    """One digit, without a minus before 0.0."""
    return f'{round(value, 1) + 0.0:.1f}'
