"""A run is read from what a training left, also when it was cut off, resumed or moved."""

import json
import os

import pytest
import torch

from mmssod.analysis.report import read_run_folder
from mmssod.analysis.report.facts import run_facts
from mmssod.analysis.report.runs import last_checkpoint, read_scalars
from mmssod.engine.reliability.checkpoint_files import note_older
from mmssod.environment.log_entries import note_start

CONFIG = """
model = dict(type='FasterRCNN', backbone=dict(type='ResNet'))
train_dataloader = dict(batch_size=2, dataset=dict(ann_file='none.json'))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
train_cfg = dict(max_iters=40)
"""


def write_scalars(folder, start, entries):
    file = folder / start / 'vis_data/scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text(
        ''.join(entry if isinstance(entry, str) else json.dumps(entry) + '\n' for entry in entries)
    )
    (file.parent / 'config.py').write_text(CONFIG)


def step(at, loss, **more):
    return dict(loss=loss, time=0.5, iter=at, step=at, **more)


def test_what_was_done_twice_counts_once(tmp_path):
    write_scalars(tmp_path, '1', [step(10, 4.0), step(20, 3.0), step(30, 9.0)])
    write_scalars(tmp_path, '2', [step(30, 2.0), step(40, 1.0)])
    train, _ = read_scalars(tmp_path)
    assert train['loss'] == [(10, 4.0), (20, 3.0), (30, 2.0), (40, 1.0)]


@pytest.mark.parametrize(
    ('noted', 'losses', 'rate'),
    [
        (None, [2.0, 1.0], 0.02),  # by name
        (['2', '1'], [3.0], 0.01),  # the clock was set back between them
        (['1'], [3.0], 0.01),  # 2 is of a run that was in the folder before
        (['no such'], [2.0, 1.0], 0.02),
        ([['2'], 7, '../2', '1'], [3.0], 0.01),  # someone else's
        ({'2': 0}, [2.0, 1.0], 0.02),
    ],
)
def test_starts_count_in_their_order_and_not_by_the_clock(tmp_path, noted, losses, rate):
    write_scalars(tmp_path, '1', [step(10, 3.0)])
    write_scalars(tmp_path, '2', [step(10, 2.0)] + [step(20, 1.0)] * (losses == [2.0, 1.0]))
    later = tmp_path / '2/vis_data/config.py'
    later.write_text(CONFIG.replace('lr=0.01', 'lr=0.02'))
    if noted is not None:
        (tmp_path / 'starts.json').write_text(json.dumps(noted))
    run = read_run_folder(tmp_path)
    assert [loss for _, loss in run.train['loss']] == losses
    assert run.config.optim_wrapper.optimizer.lr == rate


def test_a_start_is_noted_behind_those_that_it_goes_on_from(tmp_path):
    for name in '28':
        write_scalars(tmp_path, name, [])
    for name, goes_on, expected in (('1', True, '281'), ('0', False, '0'), ('7', True, '07')):
        note_start(tmp_path, name, goes_on=goes_on)
        (tmp_path / name / 'vis_data').mkdir(parents=True)
        assert json.loads((tmp_path / 'starts.json').read_text()) == list(expected)


def test_checkpoints_of_an_earlier_run_are_not_the_runs(tmp_path):
    write_scalars(tmp_path, '1', [])
    torch.save(dict(a=1), tmp_path / 'best_AP_iter_9.pth')
    torch.save(dict(a=2), tmp_path / 'iter_9.pth')
    (tmp_path / 'last_checkpoint').write_text('iter_9.pth')
    assert read_run_folder(tmp_path).checkpoint.endswith('best_AP_iter_9.pth')
    note_older(str(tmp_path), str(tmp_path))
    assert read_run_folder(tmp_path).checkpoint == ''
    torch.save(dict(a=3), tmp_path / 'iter_2.pth')
    assert read_run_folder(tmp_path).checkpoint.endswith('iter_2.pth')


def test_evaluations_belong_to_the_iteration_before_them(tmp_path):
    """Their own step may count epochs, which an iteration loop does not have."""
    found = [{'coco/bbox_mAP': ap, 'step': 0} for ap in (0.1, 0.2)]
    pseudo = {'pseudo/boxes_per_image': 1.5, 'step': 20}
    write_scalars(
        tmp_path, '1', [step(10, 4.0), found[0], pseudo, step(20, 3.0), found[1], '{"loss": 3']
    )
    train, evaluations = read_scalars(tmp_path)
    assert {at: values['coco/bbox_mAP'] for at, values in evaluations.items()} == {10: 0.1, 20: 0.2}
    assert train['pseudo/boxes_per_image'] == [(20, 1.5)]


def test_evaluations_that_count_iterations_stay_where_they_are(tmp_path):
    """The training ends at 40, the last line of the log is of 26."""
    found = [{'coco/bbox_mAP': at / 100, 'step': at} for at in (20, 40)]
    write_scalars(tmp_path, '1', [found[0], step(26, 4.0), found[1]])
    assert list(read_scalars(tmp_path)[1]) == [20, 40]
    assert read_run_folder(tmp_path).iterations == 40


def test_a_run_and_its_facts(tmp_path):
    write_scalars(tmp_path / 'teacher', '1', [step(10, 4.0), step(20, 3.0)])
    run = read_run_folder(tmp_path / 'teacher')
    assert (run.name, run.iterations, run.seconds, run.checkpoint) == ('teacher', 20, 10.0, '')
    facts = run_facts(run)
    assert facts['iterations'] == '20 of 40' and facts['method'] == 'supervised'
    assert (
        facts['optimizer'] == 'SGD, learning rate 0.01'
        and facts['training time (h:min:s)'] == '0:00:10'
    )


def test_the_time_of_steps_after_the_last_line_counts(tmp_path):
    """26 iterations in 0.5 s each by the log, 14 more as long; without a line nothing is known."""
    write_scalars(tmp_path / 'a', '1', [step(26, 4.0), {'coco/bbox_mAP': 0.1, 'step': 40}])
    assert read_run_folder(tmp_path / 'a').seconds == pytest.approx(20.0)
    write_scalars(tmp_path / 'b', '1', [{'coco/bbox_mAP': 0.1, 'step': 6}])
    run = read_run_folder(tmp_path / 'b')
    assert (run.iterations, run.seconds) == (6, 0.0)
    # nothing is evaluated: the checkpoint tells its end
    write_scalars(tmp_path / 'c', '1', [step(50, 4.0)])
    (tmp_path / 'c/iter_90.pth').touch()
    run = read_run_folder(tmp_path / 'c')
    assert (run.iterations, run.seconds) == (90, pytest.approx(45.0))


@pytest.mark.parametrize('resumed', [0, 1, 2])
def test_a_run_began_with_what_its_first_start_loaded(tmp_path, resumed):
    """A start that resumes notes its own checkpoint, of which no teacher can be told."""
    for number in range(1 + resumed):
        write_scalars(tmp_path, str(number), [step(10 * (number + 1), 4.0)])
        start = (
            f"load_from = '{tmp_path}/iter_{number}.pth'"
            if number
            else "load_from = 'teacher/iter_9.pth'"
        )
        note = tmp_path / str(number) / 'vis_data/config.py'
        note.write_text(f'{CONFIG}{start}\nresume = {number > 0}\n')
    assert read_run_folder(tmp_path).config.load_from == 'teacher/iter_9.pth'


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match='expected the work directory of a run'):
        read_run_folder(tmp_path)


def test_checkpoints_are_found_where_the_folder_went(tmp_path):
    assert last_checkpoint(tmp_path) == ''
    (tmp_path / 'last_checkpoint').write_text('/gone/run/iter_20.pth')
    for name in ('iter_20.pth', 'iter_10.pth'):
        (tmp_path / name).touch()
    assert last_checkpoint(tmp_path) == str(tmp_path / 'iter_20.pth')


def test_nothing_of_a_work_directory_is_run(tmp_path):
    """The config is that of the last start, by name; other files are not read, however new."""
    marker = tmp_path / 'it_ran'
    (tmp_path / 'iter_1.pth').touch()
    for start, name in (('20260101_000000', 'Old'), ('20260102_000000', 'New')):
        (tmp_path / start / 'vis_data').mkdir(parents=True)
        (tmp_path / start / 'vis_data/config.py').write_text(f"model = dict(type='{name}')")
    os.utime(tmp_path / '20260101_000000/vis_data/config.py', (2e9, 2e9))  # a clock set back
    (tmp_path / 'helper.py').write_text(f'open({str(marker)!r}, "w")\nmodel = dict(type="Evil")')
    assert read_run_folder(tmp_path).config.model.type == 'New'
    assert not marker.exists()


def test_without_starts_the_one_dumped_config_counts(tmp_path):
    marker = tmp_path / 'it_ran'
    (tmp_path / 'iter_1.pth').touch()
    code = f'open({str(marker)!r}, "w")\nmodel = dict(type="Evil")'
    (tmp_path / 'helper.py').write_text(code)
    with pytest.raises(ValueError, match=r'got none.*helper.py: expected assignments.*line 1'):
        read_run_folder(tmp_path)
    (tmp_path / 'student.py').write_text("model = dict(type='Mine')")
    assert read_run_folder(tmp_path).config.model.type == 'Mine'
    (tmp_path / 'teacher.py').write_text("model = dict(type='Other')")
    with pytest.raises(ValueError, match=r"got \['student.py', 'teacher.py'\]"):
        read_run_folder(tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize(
    'line',
    [
        "custom_imports = dict(imports=['planted'])",
        "model = dict(type='planted')",
        "model = dict(type='subprocess.call', args=['touch', 'MARKER'])",
        "test_dataloader = dict(dataset=dict(type='BaseDetDataset', ann_file='x.pkl'))",
        "_base_ = './planted.py'\nprint()",
    ],
)
def test_a_config_that_names_code_is_refused(tmp_path, monkeypatch, line):
    marker = tmp_path / 'it_ran'
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / 'planted.py').write_text(f'open({str(marker)!r}, "w")')
    (tmp_path / '1/vis_data').mkdir(parents=True)
    config = f"model = dict(type='A')\n{line.replace('MARKER', str(marker))}\n"
    (tmp_path / '1/vis_data/config.py').write_text(config)
    with pytest.raises(ValueError, match='config.py: expected'):
        read_run_folder(tmp_path)
    assert not marker.exists()
