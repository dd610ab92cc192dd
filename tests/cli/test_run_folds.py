"""``mmssod run --folds``: each labeled image is judged once, by detectors that have not seen it."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from builders.by_hand import data_set, detection
from builders.fault_runs import start, wait
from builders.trainings import make_project, small_data

from mmssod.cli import main
from mmssod.own_data.run import folds
from mmssod.own_data.run.facts import STAGES
from mmssod.own_data.run.fold_facts import fold_lines
from mmssod.own_data.run.fold_files import labeled_set, same_files, write_folds
from mmssod.own_data.run.stages import project_trainings

SHORT = dict(teacher=2, student=2, supervised=2)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp('drawn') / 'data')


@pytest.fixture
def project(tmp_path, data):
    return make_project(tmp_path / 'own', data, SHORT)


def trainings(fold):
    return project_trainings(fold, seed=None, amp=False, auto_scale_lr=False, cfg_options=None)


def ids(file):
    return {image['id'] for image in json.loads(file.read_text())['images']}


def test_what_is_judged_is_not_trained_on(project):
    """Of 8 labeled images each fold trains on 6; its configs name nothing else, and evaluate nothing on the way."""
    places, notes = write_folds(project, 4, seed=0)
    coco, _ = labeled_set(project)
    judged = [ids(place / 'held_out.json') for place in places]
    assert sorted(i for part in judged for i in part) == sorted(i['id'] for i in coco['images'])
    assert all(note.startswith('classes in fewer images than 4 folds: ') for note in notes)
    for place, held_out in zip(places, judged, strict=True):
        assert not ids(place / 'labeled.json') & held_out
        found = trainings(place)
        assert [one.name for one in found] == list(STAGES)
        for one in found:
            cfg = one.config
            dataset = cfg.train_dataloader.dataset
            assert dataset.labeled.ann_file == str(place / 'labeled.json')
            assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
            assert cfg.test_dataloader.dataset.ann_file == str(place / 'held_out.json')
            assert one.work_dir == place / 'work_dirs' / one.name and one.length == 2
        assert found[1].config.load_from == str(place / 'work_dirs/teacher/iter_2.pth')


def test_images_that_were_set_aside_are_judged_too(project, data):
    """They are those of ``val.json`` where ``data.py`` says so."""
    assert len(labeled_set(project)[0]['images']) == 8
    for file in ('labeled.json', 'val.json'):
        shutil.copy(data / file.replace('labeled', 'train'), project / file)
    aside = json.loads((project / 'val.json').read_text())
    for image in aside['images']:
        image['id'] += 100
    for box in aside['annotations']:
        box['image_id'] += 100
    (project / 'val.json').write_text(json.dumps(aside))
    (project / 'data.py').write_text('set_aside = True\n')
    coco = labeled_set(project)[0]
    assert len(coco['images']) == 10 and len({image['id'] for image in coco['images']}) == 10


def test_copies_are_one_and_no_labeled_image_is_an_unlabeled_one(tmp_path, data):
    """A copy of a labeled image among the unlabeled ones, and one among the labeled ones."""
    own = tmp_path / 'data'
    shutil.copytree(data, own)
    project = make_project(tmp_path / 'own', own, SHORT)
    coco, images = labeled_set(project)
    first, second = (images / image['file_name'] for image in coco['images'][:2])
    shutil.copy(first, second)
    shutil.copy(first, own / 'unlabeled/again.png')
    (own / 'unlabeled/link.png').symlink_to(second)
    assert len(same_files(coco, images)) == 7
    places, notes = write_folds(project, 2, seed=0)
    both = {image['id'] for image in coco['images'][:2]}
    assert all(len(ids(place / 'held_out.json') & both) in (0, 2) for place in places)
    assert any('copies' in note for note in notes)
    for place in places:
        exclude = trainings(place)[1].config.train_dataloader.dataset.unlabeled.exclude
        assert Path(exclude[-1]) == place / 'not_unlabeled.txt'
        assert Path(exclude[-1]).read_text().split() == ['again.png', 'link.png']


def test_folds_of_other_labels_are_refused(project):
    write_folds(project, 2, seed=0)
    write_folds(project, 2, seed=0)
    with pytest.raises(ValueError, match=r'expected what an earlier call has drawn.*fix: remove'):
        write_folds(project, 2, seed=1)


@pytest.mark.parametrize(('words', 'status', 'said'), [
    (['--folds', '1'], 2, 'expected 2 or more, got 1'),
    (['--folds', '9'], 1, 'expected 2 to 8'),
])  # fmt: skip
def test_numbers_that_are_refused(project, words, status, said, capsys):
    if status == 2:
        with pytest.raises(SystemExit) as end:
            main(['run', str(project), *words])
        assert end.value.code == status
    else:
        assert main(['run', str(project), *words]) == status
    assert said in capsys.readouterr().err


def test_more_folds_than_images_are_refused_before_torch(project, data):
    shutil.copy(data / 'train.json', project / 'labeled.json')
    with pytest.raises(ValueError, match=r'--folds: expected 2 to 8.*got 9; fix: '):
        fold_lines(project, 9)
    lines = fold_lines(project, 4)
    assert '4 folds' in lines[0] and 'costs 4 times one run' in lines[1]
    assert 'all 8 labeled images: 95 % interval of the gain about +-' in lines[2]


def test_all_are_judged_together():
    """By hand: an image a fold. Ours finds both boxes, after a wrong one; theirs the first one alone.

    Together ours has precisions 0, 1/2, 2/3 at recalls 0, 1/2, 1, so AP 2/3; theirs 1 up to recall 1/2, so 51/101. Of
    the folds ours has 1 and 1/2, theirs 1 and 0.
    """
    box, wrong = [10, 10, 20, 20], [60, 50, 20, 20]
    truth = data_set([(0, 0, box), (1, 0, box)])
    ours = [detection(0, 0, box, 0.9), detection(1, 0, wrong, 0.95), detection(1, 0, box, 0.8)]
    theirs = [detection(0, 0, box, 0.9)]
    held_out = [frozenset({0}), frozenset({1})]
    gain, parts = folds.pooled_gain(truth, ours, theirs, held_out, ('ant',), draws=10)
    assert (gain.ap, gain.other_ap) == pytest.approx((200 / 3, 5100 / 101))
    assert [part.gain for part in parts] == pytest.approx([0, 50])
    assert gain.images == 2 and gain.draws == 10


def run_folds_in_a_process(folder, log):
    """The exit status of the command, and what it printed; this process, which other tests fork, trains nothing."""

    def action():  # pytest's streams are no file descriptors
        sys.stdout, sys.stderr = (
            open(number, 'w', buffering=1, closefd=False) for number in (1, 2)
        )
        raise SystemExit(main(['run', str(folder), '--folds', '2']))

    return wait(start(action, log), 300.0), log.read_text()


@pytest.mark.slow
def test_cut_off_after_a_fold_it_goes_on_with_the_next(project, monkeypatch, tmp_path):
    """To its end: fold 1 is not touched again, each labeled image is judged once, and the page says what was found."""
    train = folds.train_project

    def first_alone(folder, **options):
        if folder.name == 'fold_2':
            raise SystemExit(130)
        return train(folder, **options)

    monkeypatch.setattr(folds, 'train_project', first_alone)
    status, said = run_folds_in_a_process(project, tmp_path / 'log')
    assert status == 130 and 'stopped; go on with: mmssod run' in said
    first = {
        file: file.stat().st_mtime_ns for file in (project / 'folds_2/fold_1/work_dirs').rglob('*')
    }
    assert sum(file.name == folds.FOUND for file in first) == 3

    monkeypatch.setattr(folds, 'train_project', train)
    status, said = run_folds_in_a_process(project, tmp_path / 'log_2')
    assert status == 0, said
    assert (
        '1 are done' in said
        and 'fold 2 of 2: trains on 4 labeled images, is judged on 4 others' in said
    )
    now = {
        file: file.stat().st_mtime_ns for file in (project / 'folds_2/fold_1/work_dirs').rglob('*')
    }
    assert now == first
    result = json.loads((project / 'folds_2/report.json').read_text())
    assert [row['images'] for row in result['folds']] == [4, 4]
    assert said.splitlines()[-1] == result['verdict']['sentence']
    page = (project / 'folds_2/report.html').read_text()
    assert 'id="folds"' in page and '8 labeled images, each judged by' in page
    for place in (1, 2):
        fold = project / f'folds_2/fold_{place}'
        for name in STAGES:
            found = json.loads((fold / 'work_dirs' / name / folds.FOUND).read_text())
            assert {box['image_id'] for box in found['boxes']} <= ids(fold / 'held_out.json')
