"""Each verdict says what was measured, against what, and no more."""

import numpy as np
import pytest

from mmssod.analysis.gain import Gain
from mmssod.analysis.verdict import Facts, Length, compared_length, likely_causes, verdict

HOUR = Length(seconds=3600.0)


def gain(value, half=2.0, classes=(), images=30):
    """A gain whose interval reaches ``half`` to each side; classes as (name, gain, low, high)."""
    return Gain(
        ap=40 + value,
        other_ap=40.0,
        gain=value,
        low=value - half,
        high=value + half,
        classes={name: change for name, change, _, _ in classes},
        intervals={name: (low, high) for name, _, low, high in classes},
        images=images,
        draws=1001,
        drawn=np.linspace(value - half / 0.95, value + half / 0.95, 1001),
    )


CLASSES = [('fish', 1.0, -2, 4), ('ray', 4.0, 1, 7), ('star', 6.0, 0.5, 11), ('crab', 9.0, -1, 19)]


def test_gained():
    found = verdict(gain(3.4, 2.2, CLASSES), length=HOUR, other_length=HOUR)
    assert found.sentence == (
        'Unlabeled images gained 3.4 AP (95 % interval 1.2 to 5.6) over supervised training of the same length; '
        'most for: star, ray.'
    )
    assert found.outcome == 'gained' and (found.gain, found.deviation) == (3.4, None)
    assert found.low == pytest.approx(1.2) and found.high == pytest.approx(5.6)


def test_unclear():
    """No class is named, whatever its own interval is."""
    found = verdict(gain(0.4, 2.5, CLASSES), length=HOUR, other_length=HOUR)
    assert found.sentence == (
        'No gain that 30 test images can show: 0.4 AP (95 % interval -2.1 to 2.9) over supervised training of the '
        'same length.'
    )
    assert found.outcome == 'unclear'


def test_lost_with_a_cause_that_was_measured():
    facts = Facts(recall=50.0, precision=90.0, threshold=0.5, labeled=60, passes=3.0)
    found = verdict(gain(-1.3, 1.1), length=HOUR, other_length=HOUR, facts=facts)
    assert found.sentence == (
        'Lost 1.3 AP (95 % interval of the gain -2.4 to -0.2) against supervised training of the same length; likely '
        'cause: half of the objects have no pseudo label and count as background; try a lower threshold, '
        'model.balancer.threshold (now 0.5), or a longer training of the teacher.'
    )
    assert found.outcome == 'lost' and len(found.causes) == 1


def test_lost_for_no_known_reason():
    found = verdict(gain(-3.0), length=HOUR, other_length=HOUR)
    assert found.causes == () and found.sentence.endswith(
        'no likely cause among those that were measured.'
    )


@pytest.mark.parametrize('value', [3.4, -0.3])
def test_causes_are_those_of_a_loss(value):
    assert verdict(gain(value), facts=Facts(recall=1.0)).causes == ()


@pytest.mark.parametrize('none', [None, []])
def test_no_baseline(none):
    found = verdict(none, missing='mmssod train own/supervised.py')
    assert found.outcome == 'no baseline' and found.gain is None
    assert (
        found.sentence.startswith('No baseline:')
        and 'mmssod train own/supervised.py' in found.sentence
    )


def test_no_true_box():
    found = verdict(gain(float('nan')))
    assert found.outcome == 'unclear' and 'no true box' in found.sentence


def test_several_seeds():
    """The mean, its interval over images and the deviation over seeds; a class counts if it is clear in each."""
    parts = [gain(2.0, 2.2, CLASSES), gain(4.0, 2.2, [('ray', 3.0, 1, 5), ('star', 2.0, -1, 5)])]
    found = verdict(parts, length=HOUR, other_length=HOUR)
    assert '3.0 AP (95 % interval 0.8 to 5.2; 2 seeds, deviation 1.4)' in found.sentence
    assert found.sentence.endswith('most for: ray.')
    assert found.deviation == pytest.approx(2**0.5)


def test_folds_are_judged_together():
    """The interval is that over all images; beside it stands the deviation over folds that have true boxes."""
    found = verdict(gain(0.4, 2.5), folds=[2.0, float('nan'), 4.0], length=HOUR, other_length=HOUR)
    assert found.sentence == (
        'No gain that 30 test images can show: 0.4 AP (95 % interval -2.1 to 2.9; 2 folds, deviation 1.4) over '
        'supervised training of the same length.'
    )
    assert found.gain == pytest.approx(0.4) and found.deviation == pytest.approx(2**0.5)


@pytest.mark.parametrize(('ours', 'theirs', 'text'), [
    (HOUR, HOUR, 'of the same length'),
    (HOUR, Length(seconds=3000.0), 'of the same length'),
    (HOUR, Length(seconds=1440.0), 'of 0.4 times the length (24.0 min, student 60.0 min: so part'),
    (Length(60.0, 400), Length(90.0, 404), 'on as many images, in 1.5 times the time (1.5 min, student 1.0 min)'),
    (Length(60.0, 400), Length(90.0, 800), 'of 1.5 times the length (1.5 min, student 1.0 min: so it had more time'),
    (HOUR, Length(seconds=7200.0), 'of 2 times the length (2.0 h, student 60.0 min: so it had more time'),
    (Length(60.0, 100), Length(0.0, 100), 'of the same length'),
    (Length(0.0, 400), Length(0.0, 100), 'of 0.25 times the length (100 images seen, student 400'),
    (HOUR, None, 'of unknown length'),
    (HOUR, Length(0.0, 10), 'of unknown length'),
])  # fmt: skip
def test_lengths(ours, theirs, text):
    assert compared_length(ours, theirs).startswith(text)


def test_lengths_add_up_where_both_are_known():
    assert Length(10.0, 5) + Length(20.0, 7) == Length(30.0, 12)
    assert Length(10.0, 5) + Length(0.0, 7) == Length(0.0, 12)


@pytest.mark.parametrize(('facts', 'texts'), [
    (Facts(), []),
    (Facts(recall=80.0, precision=80.0, labeled=100, passes=2.0), []),
    (Facts(precision=30.0), ['70 % of the pseudo labels are wrong']),
    (Facts(recall=30.0, share=0.8), ['70 % of the objects']),
    (Facts(recall=25.0, class_recall=dict(ant=5.0, bee=20.0, cat=90.0)),
     ['three quarters of the objects have no pseudo label and count as background, most of ant, bee']),
    (Facts(recall=10.0, precision=10.0, labeled=5, passes=0.4),
     ['90 % of the objects', '90 % of the pseudo labels', 'only 5 labeled', 'only 40 % of the unlabeled']),
])  # fmt: skip
def test_causes(facts, texts):
    found = likely_causes(facts)
    assert len(found) == len(texts)
    assert all(
        cause.text.startswith(text) or text in cause.text
        for cause, text in zip(found, texts, strict=True)
    )
    assert all(cause.remedy for cause in found)


def test_the_remedy_is_what_the_config_has():
    low = likely_causes(Facts(recall=30.0, precision=30.0, threshold=0.5))
    assert 'a lower threshold, model.balancer.threshold (now 0.5)' in low[0].remedy
    assert low[1].remedy == 'a higher threshold, model.balancer.threshold (now 0.5)'
    matched = likely_causes(Facts(recall=30.0, precision=30.0, threshold=0.4, share=0.8))
    assert 'a larger model.balancer.share (now 0.8)' in matched[0].remedy
    assert matched[1].remedy == 'a smaller model.balancer.share (now 0.8)'
