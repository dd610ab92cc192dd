"""Thresholds by class, from the file beside a report to boxes."""

import argparse
import json

import numpy as np
import pytest
from builders.small_run import images, make_run

from mmssod.cli.options import number_or_file
from mmssod.own_data.inferring import frames, infer
from mmssod.own_data.labeling import label
from mmssod.own_data.score_thresholds import class_limits

CLASSES = ('circle', 'square', 'star')


def test_limits(tmp_path):
    file = tmp_path / 'report.thresholds.json'
    by_class = dict(star=0.5, circle=0.1, square=0.2)
    file.write_text(json.dumps(dict(detector='student', thresholds=by_class)))
    for given in (by_class, file, str(file)):
        np.testing.assert_allclose(class_limits(given, CLASSES), [0.1, 0.2, 0.5])
    np.testing.assert_allclose(class_limits(0.3, CLASSES), [0.3] * 3)


@pytest.mark.parametrize(('content', 'text'), [
    ([], 'expected a json with `thresholds`'), ({}, 'expected a json with `thresholds`'),
    (dict(thresholds=dict(dog=0.5)), r"expected the classes \['circle', 'square', 'star'\], got \['dog'\]"),
    (dict(thresholds=dict.fromkeys(CLASSES, 7)), 'expected numbers in'),
])  # fmt: skip
def test_files_that_are_not_of_this_detector(content, text, tmp_path):
    (tmp_path / 'x.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=text):
        class_limits(tmp_path / 'x.json', CLASSES)


def test_an_option_is_a_number_or_a_file():
    assert number_or_file('0.4') == 0.4 and number_or_file('own/x.json') == 'own/x.json'
    with pytest.raises(argparse.ArgumentTypeError, match='a number or a .json file'):
        number_or_file('best')


def test_infer_and_label_keep_each_class_by_its_own(tmp_path):
    """The boxes that one threshold for all keeps, less those that their class's does not."""
    run = make_run(tmp_path / 'run', semi=False)
    images(tmp_path / 'photos')
    words = str(run / 'config.py'), str(run / 'iter_1.pth')
    every = infer(*words, frames([str(tmp_path / 'photos')]), score_thr=0.05)
    scores = {}
    for box in every['annotations']:
        scores.setdefault(CLASSES[box['category_id'] - 1], []).append(box['score'])
    limits = {name: float(np.median(scores.get(name, [0.5]))) for name in CLASSES}
    limits['star'] = 1.0
    file = tmp_path / 'report.thresholds.json'
    file.write_text(json.dumps(dict(thresholds=limits)))
    expected = sum(score >= limits[name] for name, values in scores.items() for score in values)
    found = infer(*words, frames([str(tmp_path / 'photos')]), score_thr=str(file))
    assert 0 < len(found['annotations']) == expected < len(every['annotations'])
    out = str(tmp_path / 'labels.json')
    labels = label(*words, out, images=[str(tmp_path / 'photos')], threshold=str(file))
    assert [box['score'] for box in labels['annotations']] == [
        box['score'] for box in found['annotations']
    ]
    with pytest.raises(ValueError, match='expected none beside thresholds by class'):
        label(
            *words, out, images=[str(tmp_path / 'photos')], threshold=str(file), certainty_name='p'
        )
