"""The page as a whole: complete in itself, and working in a real browser."""

import json
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest
from builders.small_run import annotations, make_run

from mmssod.analysis.report import read_run_folder
from mmssod.cli import main
from mmssod.own_data.report_detectors import detectors

CLASSES = ['circle', 'square', 'star']


def write_log(folder):
    """A short training's curves and class balance."""
    file = folder / '1/vis_data/scalars.json'
    file.parent.mkdir(parents=True)
    lines = []
    for at in (10, 20):
        lines += [
            dict(sup_loss_cls=1.0 / at, unsup_loss_cls=2.0 / at, loss=3.0 / at, pseudo_boxes=2.0, iter=at, step=at),
            {'coco/bbox_mAP': at / 100, 'coco/bbox_mAP_50': at / 50, 'step': 0},
        ]  # fmt: skip
    file.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    balance = [
        dict(
            iter=at,
            thresholds=[0.3, 0.4, 0.5],
            weights=[1.0, 1.1, 1.2],
            counts=[3, 2, 1],
            certainty=[0.5, 0.4, 0.3],
        )
        for at in (0, 20)
    ]
    balance[0].update(classes=CLASSES, labeled_boxes=[1, 1, 1])
    (folder / 'class_balance.jsonl').write_text(
        ''.join(json.dumps(line) + '\n' for line in balance)
    )


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    """The report of a run with a student and a teacher, true boxes withheld."""
    folder = make_run(tmp_path_factory.mktemp('student'))
    write_log(folder)
    (folder / 'unlabeled-withheld.json').write_text(json.dumps(annotations()))
    out = tmp_path_factory.mktemp('page') / 'sub/report.html'
    assert main(['report', str(folder), '--out', str(out), '--title', 'Mine & <yours>']) == 0
    return out


def test_everything_is_in_it(page):
    text = page.read_text()
    assert 'Mine &amp; &lt;yours&gt;' in text
    command = f'mmssod report .* --out {page} --title ' + re.escape(
        '&#39;Mine &amp; &lt;yours&gt;&#39;'
    )
    assert re.search(rf'<dt>command</dt><dd>(<code>)?{command}', text)
    assert '3 (' in re.search(r'unlabeled images</th><td[^>]*>(.*?)</td>', text)[1]
    for part in (
        'id="result"', 'id="training"', 'id="balance"', 'id="labels"', 'id="differences"', 'id="runs"',
        'AP at each evaluation of the training', 'Threshold tau of each class', 'Precision and recall of pseudo boxes',
        'AP at each IoU threshold', 'FCBucketHead (K = 6)', 'id="verdict"', 'id="why"', 'report.thresholds.json',
        'What pseudo labels find', 'Precision over recall at IoU 0.5', 'misplaced and confused',
    ):  # fmt: skip
        assert part in text, part
    assert text.count('<figure data-picture') == 6  # three unlabeled images, three test images


def test_best_thresholds_lie_beside_it(page):
    written = json.loads((page.parent / 'report.thresholds.json').read_text())
    assert set(written['thresholds']) == set(CLASSES) and written['detector'] == 'student'
    assert all(0 <= value <= 1 for value in written['thresholds'].values())


def test_paths_below_the_working_folder_start_there(page, tmp_path, monkeypatch):
    run = next(iter(page.parent.parent.parent.glob('student*')))
    monkeypatch.chdir(run)
    assert main(['report', str(run), '--out', str(tmp_path / 'r.html'), '--sample', '1']) == 0
    text = (tmp_path / 'r.html').read_text()
    assert f'{run}/' not in text and '3 (labeled.json)' in text


def test_nothing_is_outside_of_it(page):
    """No address leads to the network or to another file, but links to the pictures' own files."""
    text = page.read_text()
    files = re.findall('<a class="file" href="([^"]*)">', text)
    assert len(files) == 6 and all((page.parent / unquote(file)).is_file() for file in files)
    text = re.sub('<a class="file".*?>', '', text)
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text) + re.findall(r'url\(([^)]*)\)', text)
    assert addresses and all(
        address.startswith(('#', 'data:image/jpeg;base64,')) for address in addresses
    )
    assert '@import' not in text and 'fetch(' not in text


def test_pictures_have_a_limit(tmp_path, page, capsys):
    small = tmp_path / 'small.html'
    run = next(iter(page.parent.parent.parent.glob('student*')))
    assert main(['report', str(run), '--out', str(small), '--pictures', '1', '--sample', '2']) == 0
    assert small.read_text().count('<figure data-picture') == 2
    assert main(['report', str(run), '--out', 'report.pdf']) == 1
    assert '.html' in capsys.readouterr().err


def test_a_teacher_stands_once_beside_its_own_run(page, tmp_path):
    """The student's frozen teacher is the detector of the teacher's run: three detectors are two columns of one."""
    run = next(iter(page.parent.parent.parent.glob('student*')))
    record = read_run_folder(run)
    alone = [one.label for one in detectors([record])]
    twice = [one.label for one in detectors([record, replace(record, name='again')])]
    assert alone == ['teacher', 'student']
    assert twice == [f"{record.name}'s teacher", record.name, 'again']


CUT_TEXTS = """() => [...document.querySelectorAll('.chart svg:not(.sample)')].flatMap((chart) => {
    const [, , width, height] = chart.getAttribute('viewBox').split(' ').map(Number);
    return [...chart.querySelectorAll('text')].filter((text) => {
        const box = text.getBBox();
        return box.x < 0 || box.y < 0 || box.x + box.width > width || box.y + box.height > height;
    }).map((text) => text.textContent);
})"""
"""Texts of charts that reach beyond their drawing."""


@pytest.mark.parametrize(('width', 'scheme'), [(1280, 'light'), (390, 'dark')])
def test_in_a_browser(width, scheme, browser, page):
    """Filters, layers, large pictures and colors work; nothing is wider than the screen, and no error is logged."""
    context = browser.new_context(
        viewport=dict(width=width, height=800), color_scheme=scheme, offline=True
    )
    tab = context.new_page()
    complaints = []
    tab.on('console', lambda message: complaints.append(message.text))
    tab.on('pageerror', lambda error: complaints.append(str(error)))
    tab.goto(page.as_uri())
    assert tab.evaluate('document.documentElement.scrollWidth') <= width
    cut = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert tab.evaluate(cut) == 0  # two detectors, three classes: no column is beyond the edge
    assert tab.evaluate(CUT_TEXTS) == []
    background = tab.evaluate('getComputedStyle(document.body).backgroundColor')
    assert (background == 'rgb(21, 23, 26)') == (scheme == 'dark')

    boxes = '#label-gallery .box.kept'
    everything = tab.locator(f'{boxes}:visible').count()
    tab.select_option('#class-filter', 'star')
    stars = tab.locator(f'{boxes}[data-class=star]').count()
    assert tab.locator(f'{boxes}:visible').count() == stars < everything
    assert tab.locator('tr[data-class=circle]:not(.faded)').count() == 0
    assert tab.locator('tr[data-class=star].faded').count() == 0
    assert tab.locator('tr[data-class=star]').count() == 4
    assert tab.locator('#filter-note').is_visible()
    untouched = [  # says so: tiles, verdict, errors, charts without lines of classes, pictures' differences
        '#verdict h2', '.tile h3', '#why h3:has-text("Kinds of errors")', '#why h3:has-text("Confusions")',
        '.chart:has-text("AP at each IoU threshold") figcaption', '#labels .chart:has(rect) figcaption',
        '.chart:has-text("Losses") figcaption', '#differences .note:not(.class-keys)',
    ]  # fmt: skip
    for part in untouched:
        assert tab.locator(f'{part} .of-all:visible').count() == tab.locator(part).count() > 0, part
    for part in ('#balance figcaption', '#why figcaption', 'tr[data-class]'):
        assert tab.locator(f'{part} .of-all').count() == 0 < tab.locator(part).count(), part
    lines = '#why g.series[data-class=star]:not([hidden])'
    assert tab.locator(lines).count() == 2  # the curves of both detectors
    counts = [
        text.split(' ')[0] for text in tab.locator('#label-gallery .counts').all_inner_texts()
    ]
    assert sum(map(int, counts)) == stars
    # Pictures are counted by the boxes that they show: true boxes are off, and with them alone on, one has a star.
    pictures, count = '#label-gallery figure', '[data-for=label-gallery] .count'
    with_star = tab.locator(f'{pictures}:has(.box.kept[data-class=star])').count()
    assert tab.locator(f'{pictures}:visible').count() == with_star
    assert tab.locator(count).inner_text() == f'{with_star} of 3 pictures'
    tab.uncheck('[data-for=label-gallery] [data-layer=kept]')
    assert tab.locator(count).inner_text() == '0 of 3 pictures'
    tab.check('[data-for=label-gallery] [data-layer=truth]')
    assert tab.locator(count).inner_text() == '1 of 3 pictures'
    tab.uncheck('[data-for=label-gallery] [data-layer=truth]')
    tab.check('[data-for=label-gallery] [data-layer=kept]')
    tab.select_option('#class-filter', '')
    assert tab.locator(f'{boxes}:visible').count() == everything
    assert not tab.locator('#filter-note').is_visible()
    assert tab.locator('.of-all:visible').count() == 0

    tab.check('[data-for=label-gallery] [data-colors]')
    by_class = (
        "[...document.querySelectorAll('#label-gallery .box')]"
        ".map(b => [b.dataset.class, getComputedStyle(b.querySelector('rect')).stroke])"
    )
    colors = dict(map(tuple, tab.evaluate(by_class)))
    assert len(set(colors.values())) == len(colors) > 1
    assert tab.locator('[data-keys=label-gallery] i').count() >= len(colors)
    tab.uncheck('[data-for=label-gallery] [data-colors]')
    values = (
        "[...document.querySelectorAll('#label-gallery figure')].map(f => f.dataset.uncertainty)"
    )
    before = tab.evaluate(values)
    tab.select_option('[data-for=label-gallery] [data-order]', 'uncertain')
    assert tab.evaluate(values) == sorted(before, reverse=True)
    tab.select_option('[data-for=label-gallery] [data-order]', '')
    assert tab.evaluate(values) == before

    # The verdict comes first, in whole; the navigation stays in sight.
    place = tab.locator('#verdict .verdict').bounding_box()
    assert place['x'] >= 0 and place['x'] + place['width'] <= width
    assert tab.locator('main > section').first.get_attribute('id') == 'verdict'
    tab.evaluate("document.getElementById('runs').scrollIntoView()")
    bar = tab.locator('.bar').bounding_box()
    assert 0 <= bar['y'] < 1 and bar['height'] < 220
    tab.evaluate('scrollTo(0, 0)')

    tab.uncheck('[data-for=label-gallery] [data-layer=kept]')
    assert tab.locator(f'{boxes}:visible').count() == 0
    truth = '#label-gallery .box.truth'
    assert tab.locator(f'{truth}:visible').count() == 0
    tab.check('[data-for=label-gallery] [data-layer=truth]')
    assert tab.locator(f'{truth}:visible').count() == 3

    tab.locator('#difference-gallery figure').first.click()
    assert tab.locator('dialog[open] svg').count() == 2
    for part in ('dialog[open]', 'dialog[open] svg >> nth=0', 'dialog[open] svg >> nth=1'):
        place = tab.locator(part).bounding_box()
        assert place['x'] >= 0 and place['x'] + place['width'] <= width, part
    if width < 500:  # one below the other, as wide as the screen has room
        assert tab.locator('dialog[open] svg').first.bounding_box()['width'] > 0.85 * width
    tab.locator('dialog[open] button').click()
    assert tab.locator('dialog[open]').count() == 0

    tab.click('#theme')
    tab.click('#theme')
    assert tab.evaluate('document.documentElement.dataset.theme') == 'dark'
    assert tab.evaluate('getComputedStyle(document.body).backgroundColor') == 'rgb(21, 23, 26)'
    assert complaints == []
    context.close()
