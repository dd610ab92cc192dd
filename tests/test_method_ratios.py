"""The table of the methods' steps: every method is built and takes one, and a row says what was measured."""

import pytest
from mmengine.registry import DefaultScope

from speed_ratios import Setting, methods
from speed_ratios.steps import Images


def test_a_row(monkeypatch):
    monkeypatch.setattr(methods, 'peak', lambda name, kind, *_: dict(method=30.0, plain=20.0)[kind])
    times = [3.0, 3.0, 9.0], [2.0, 2.0, 2.0]
    monkeypatch.setattr(methods, 'in_turns', lambda setting, *steps, prepare: times)
    monkeypatch.setattr(methods, 'ready', lambda *_: (None, None))
    monkeypatch.setattr(methods, 'models', lambda name: dict(method=list, plain=list))
    header, row = methods.ratio_rows(Setting(5, quick=True), ('STAC',))
    assert row == ['STAC', '`configs/stac/demo.py`', '1.50', '1.50 - 4.50', '3000', '1.50', '30']
    assert len(header) == len(row)


@pytest.mark.slow
@pytest.mark.parametrize('name', methods.DEMOS)
def test_every_method_takes_a_step_on_ten_boxes(name):
    with DefaultScope.overwrite_default_scope('mmdet'):
        for build in methods.models(name).values():
            model = build()
            prepare, step = methods.ready(model, Images(1, 128), 'cpu')
            prepare()
            step()
            if name != 'CSD' or type(model).__name__ == 'PseudoLabelDetector':
                assert model.statistics.summary()['boxes_per_image'] == 10
