"""What a report compares, calls, refuses and says on the way."""

import os
import re

import pytest
import torch
from builders.small_run import make_run
from mmengine.config import Config

from mmssod.analysis.report.facts import shorten
from mmssod.cli import main
from mmssod.own_data.reporting import report, run_names


@pytest.fixture(scope='module')
def student(tmp_path_factory):
    """A run of a student and its teacher."""
    return make_run(tmp_path_factory.mktemp('runs') / 'student')


@pytest.fixture(scope='module')
def supervised(tmp_path_factory):
    """A run on labeled images alone."""
    return make_run(tmp_path_factory.mktemp('runs') / 'supervised', semi=False)


@pytest.mark.parametrize(('runs', 'names'), [
    ([], []),
    (['x/student'], ['student']),
    (['x/teacher', 'x/student'], ['teacher', 'student']),
    (['a/work_dirs/student', 'b/work_dirs/student', 'b/work_dirs/teacher'],
     ['a/work_dirs/student', 'b/work_dirs/student', 'teacher']),
    (['/student', '/b/student', '/c/student'], ['/student', 'b/student', 'c/student']),
    (['s', 'a/s', 'a/a/s'], None),
])  # fmt: skip
def test_no_two_runs_have_one_name(runs, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run_names(runs)
    assert len(set(found)) == len(runs) and names in (found, None)


@pytest.mark.parametrize(
    ('runs', 'names'), [(['a', './a'], []), (['a', 'b'], ['x', 'x']), (['a'], ['']), (['a'], 'xy')]
)
def test_names_that_cannot_be_told_apart_are_refused(runs, names, tmp_path):
    with pytest.raises(ValueError, match='expected'):
        report([str(tmp_path / run) for run in runs], 'x.html', names=names)


@pytest.mark.parametrize(('here', 'text', 'short'), [
    ('/', 'http://x //data/a.json', 'http://x //data/a.json'),
    ('/data', '', ''),
    ('/data', '3 (/data/a.json), judged by /data/b.json', '3 (a.json), judged by b.json'),
    ('/data', '/mnt/data/a.json /database/b', '/mnt/data/a.json /database/b'),
    ('/my data', "report '/my data/run' --out=/my", "report 'run' --out=/my"),
])  # fmt: skip
def test_paths_below_the_working_folder_start_there(here, text, short, monkeypatch):
    monkeypatch.setattr(os, 'getcwd', lambda: here)
    assert shorten(text) == short


def test_a_page_is_whole_wherever_it_is_made(student, tmp_path, monkeypatch):
    """Also in the root folder, below which all lies: pictures and tags keep their slashes."""
    pages = []
    for folder in (tmp_path, '/'):
        monkeypatch.chdir(folder)
        words = [str(student), '--out', str(tmp_path / 'x.html'), '--sample', '0']
        assert main(['report', *words]) == 0
        pages.append((tmp_path / 'x.html').read_text())
    kept = [re.findall(r'href="data:[^"]*"|</\w+>', page) for page in pages]
    assert kept[0] == kept[1] and any('//' in part for part in kept[0])


def test_the_page_names_what_it_compares(supervised, student, tmp_path, capsys):
    """The student with the supervised run, whatever stands first; the verdict comes first and is the last line."""
    out = tmp_path / 'x.html'
    page = report([str(student), str(supervised)], str(out), sample=0)
    assert [score.label for score in page.scores] == ["student's teacher", 'student', 'supervised']
    assert page.judged == ('supervised', 'student')
    text = out.read_text()
    assert 'on which supervised and student disagree most' in text
    titles = {panel.title for item in page.difference_gallery for panel in item.panels}
    assert titles == {'supervised', 'student'}
    assert text.index('id="verdict"') < text.index('id="result"')
    assert text.count('class="gain') == 1 and 'AP against supervised' in text
    main(['report', str(supervised), str(student), '--out', str(out), '--sample', '0'])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == page.verdict.sentence and '95 % interval' in last and '3 test images' in last


def test_a_teacher_is_no_baseline(student, tmp_path, capsys):
    out = tmp_path / 'x.html'
    assert main(['report', str(student), '--out', str(out), '--sample', '0']) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith('No baseline: there is no supervised run')
    )
    text = out.read_text()
    assert 'class="gain' not in text and '>change<' not in text
    assert 'on which teacher and student disagree most' in text


def test_runs_without_unlabeled_images_have_no_verdict(supervised, tmp_path, capsys):
    out = tmp_path / 'x.html'
    assert main(['report', str(supervised), '--out', str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    assert 'id="verdict"' not in out.read_text()


def test_a_project_folder_is_no_run(student, tmp_path, capsys):
    """Its configs are not enough, nor is an exported detector; where its runs are is said."""
    (tmp_path / 'detector.pth').touch()
    (tmp_path / 'student.py').write_text((student / 'config.py').read_text())
    words = ['report', str(tmp_path), '--out', str(tmp_path / 'x.html')]
    assert main(words) == 1
    assert 'expected the work directory of a run' in capsys.readouterr().err
    (tmp_path / 'work_dirs').mkdir()
    (tmp_path / 'work_dirs/student').symlink_to(student)
    assert main(words) == 1
    assert f'{tmp_path}/work_dirs/student' in capsys.readouterr().err
    assert not (tmp_path / 'x.html').exists()


def test_nothing_evaluated_is_no_success(student, tmp_path, capsys):
    """The page of a run without a checkpoint has its curves; the status says that nothing is judged."""
    run = tmp_path / 'run/1/vis_data'
    run.mkdir(parents=True)
    (run / 'config.py').write_text((student / 'config.py').read_text())
    out = tmp_path / 'x.html'
    assert main(['report', str(tmp_path / 'run'), '--out', str(out)]) == 1
    assert 'no checkpoint' in capsys.readouterr().err and 'id="runs"' in out.read_text()


@pytest.mark.parametrize('left', ['val_dataloader', 'test_pipeline', ''])
def test_a_run_without_a_test_set(left, student, tmp_path, capsys):
    """Labels by the evaluation's pipeline, if the config has one; no scores."""
    run = tmp_path / 'run'
    run.mkdir()
    (run / 'iter_1.pth').symlink_to(student / 'iter_1.pth')
    gone = {'test_dataloader', 'val_dataloader', 'test_pipeline'} - {left}
    more = ''.join(f'{name} = None\n' for name in sorted(gone))
    (run / 'config.py').write_text((student / 'config.py').read_text() + more)
    out = tmp_path / 'x.html'
    assert main(['report', str(run), '--out', str(out)]) == 1
    assert 'no test set' in capsys.readouterr().err
    text = out.read_text()
    assert 'id="runs"' in text and ('id="labels"' in text) == bool(left)


def test_progress_and_nothing_else(student, tmp_path, capsys):
    """Lines off a terminal, one a detector at least; nothing of other libraries."""
    assert main(['report', str(student), '--out', str(tmp_path / 'x.html')]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(',')[0] for line in lines if '3 images' in line] == [
        'teacher on test images: 3 / 3 images',
        'student on test images: 3 / 3 images',
        'teacher on unlabeled images: 3 / 3 images',
    ]
    assert len(lines) == 7 and lines[-2].endswith('x.html') and lines[-1].startswith('No baseline')


def test_device_and_options(student, tmp_path, capsys):
    words = ['report', str(student), '--out', str(tmp_path / 'x.html')]
    assert main([*words, '--device', 'gpu']) == 1
    assert "device: expected one that is here, got 'gpu'" in capsys.readouterr().err
    options = ['--cfg-options', 'model.balancer.threshold=0.45', 'test_dataloader.batch_size=1']
    assert main([*words, '--device', 'cpu', *options]) == 0
    assert 'p &gt; 0.45' in (tmp_path / 'x.html').read_text()


def test_label_and_report_keep_by_the_same_thresholds(student, tmp_path):
    """The class-wise ones that the run ended with, as its checkpoint has them."""
    run = tmp_path / 'run'
    run.mkdir()
    stored = torch.load(student / 'iter_1.pth', weights_only=False)
    sums = dict(certainty_sum=[1.0, 2.0, 3.0], count=[2.0, 2.0, 3.0], initialized=True)
    for name, value in sums.items():
        like = stored['state_dict'][f'balancer.{name}']
        stored['state_dict'][f'balancer.{name}'] = torch.tensor(value, dtype=like.dtype)
    torch.save(stored, run / 'iter_1.pth')
    cfg = Config.fromfile(student / 'config.py')
    cfg.model.balancer.update(threshold=0.6, threshold_power=1.0, bounds=(0.1, 0.9))
    lines = [f'{key} = {value!r}\n' for key, value in cfg.to_dict().items()]
    (run / 'config.py').write_text(''.join(lines))  # as a run dumps it: no code
    page = report([str(run)], str(tmp_path / 'x.html'))
    assert len(set(page.labels[0].thresholds)) == 3
    from mmssod.own_data.labeling import label

    coco = label(str(run / 'config.py'), str(run / 'iter_1.pth'), str(tmp_path / 'x.json'), part='teacher')  # fmt: skip
    counts = [0, 0, 0]
    for box in coco['annotations']:
        counts[box['category_id'] - 1] += 1
    assert tuple(counts) == page.labels[0].kept and sum(counts)
