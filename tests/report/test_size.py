"""The page stays small however many classes and records there are, and shows the class that is chosen."""

from dataclasses import replace
from pathlib import Path

import pytest
from mmengine.config import Config

from mmssod.analysis.report import Page, RunRecord, render

RUN = RunRecord('run', Path('run'), Config({}), '')


def page_of(classes, records=450):
    names = [f'class {i}' for i in range(classes)]
    rows = [[0.4 + (i * t % 97) / 200 for i in range(classes)] for t in range(records)]
    balance = dict(
        classes=names,
        labeled_boxes=[(i * 37) % classes for i in range(classes)],
        iterations=[200 * t for t in range(records)],
        thresholds=rows,
        weights=rows,
    )
    run = replace(RUN, balance=balance)
    return Page('t', [run], {'run': {}}, names, scores=(), test='none')


@pytest.mark.parametrize(
    ('classes', 'most'), [(0, 30e3), (3, 200e3), (24, 300e3), (80, 600e3), (1203, 1.8e6)]
)
def test_size(classes, most):
    text = render(page_of(classes) if classes else Page('t', [], {'run': {}}, [], (), 'none'))
    assert len(text) < most
    hidden = max(0, classes - 24)
    assert text.count('data-extra hidden>') == 4 * hidden
    assert ('12 classes with the fewest' in text) == (hidden > 0)


def test_the_filter_adds_its_class(browser, tmp_path):
    (tmp_path / 'x.html').write_text(render(page_of(80)))
    tab = browser.new_page()
    tab.goto((tmp_path / 'x.html').as_uri())
    entries = 'figure.chart >> nth=0 >> li:visible'
    assert tab.locator(entries).count() == 24
    assert tab.locator('figure.chart >> nth=0 >> g.series:not([hidden])').count() == 24
    hidden = tab.locator('figure.chart >> nth=0 >> li[data-extra]').first.get_attribute(
        'data-class'
    )
    tab.select_option('#class-filter', hidden)
    assert tab.locator(entries).count() == 25
    assert tab.locator(f'g.series[data-class="{hidden}"]:not([hidden]):not(.faded)').count() == 2
    tab.select_option('#class-filter', '')
    assert tab.locator(entries).count() == 24
    tab.close()
