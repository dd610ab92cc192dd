"""AP over seconds: what a start costs counts, the best so far counts, and when a bar is reached."""

import runpy
from types import SimpleNamespace

import numpy as np
import pytest

tool = runpy.run_path('tools/benchmark/time_to_ap.py')
ROWS = dict(teacher=SimpleNamespace(start=''), student=SimpleNamespace(start='teacher'))


def run(cpu_seconds, *points):
    curve = [{'coco/bbox_mAP': ap, 'core_seconds': seconds} for seconds, ap in points]
    return SimpleNamespace(cpu_seconds=cpu_seconds, curve=curve)


def test_a_student_pays_for_its_teacher():
    """The teacher's last evaluation ends after 20 s, its process after 22: the student's begin there."""
    runs = dict(
        teacher=run(22.0, (10.0, 0.3), (20.0, 0.2)), student=run(31.0, (15.0, 0.25), (30.0, 0.4))
    )
    seconds, ap = tool['whole_curve'](ROWS, runs, 'student')
    np.testing.assert_allclose(seconds, [10, 20, 37, 52])
    np.testing.assert_allclose(ap, [30, 30, 30, 40])


def test_unknown_seconds_are_an_error():
    old = SimpleNamespace(cpu_seconds=1.0, curve=[{'coco/bbox_mAP': 0.1}])
    with pytest.raises(ValueError, match='found those of 0 of 1; train it anew'):
        tool['whole_curve'](ROWS, dict(teacher=old), 'teacher')


def test_the_mean_of_seeds_and_when_it_is_reached():
    curves = [
        (np.array([0.0, 10.0]), np.array([10.0, 30.0])),
        (np.array([2.0, 14.0]), np.array([20.0, 30.0])),
    ]
    mean = tool['mean_curve'](curves)
    np.testing.assert_allclose(mean, [[1, 12], [15, 30]])
    assert tool['reached'](mean, 22.5) == pytest.approx(6.5)
    assert tool['reached'](mean, 10.0) == 1.0
    assert np.isnan(tool['reached'](mean, 30.1))
    with pytest.raises(ValueError, match=r'as many evaluations in each seed, got \[2, 1\]'):
        tool['mean_curve']([curves[0], (np.zeros(1), np.zeros(1))])
