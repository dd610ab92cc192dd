"""``mmssod next`` and ``mmssod errors``: what they write, that nothing labeled is proposed, and what they refuse."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mmssod
from mmssod.cli import main
from mmssod.datasets.formats import formats, read_labels
from mmssod.datasets.split import take_images, write_coco
from mmssod.own_data.loop.next_images import on_image
from mmssod.own_data.run.fold_files import labeled_set, named_pool, write_folds

ROOT = Path(__file__).parents[2]


def quiet(*_):
    pass


def test_next_writes_list_page_and_labels(trained, capsys):
    assert main(['next', str(trained), '--count', '3']) == 0
    out = capsys.readouterr().out
    assert '6 of 6 unlabeled images were looked at' in out
    folder = trained / 'next_1'
    listed = json.loads((folder / 'next.json').read_text())
    paths = (folder / 'next.txt').read_text().split()
    assert [one['path'] for one in listed] == paths and len(set(paths)) == 3
    assert all(
        Path(path).is_file() and one['reason'] for path, one in zip(paths, listed, strict=True)
    )
    page = (folder / 'page.html').read_text()
    assert page.count('<figure') == 3 and 'no v: how far boxes move' in page
    assert all(f'{n}. {one["name"]}: ' in page for n, one in enumerate(listed, 1))
    read = []
    for name, form in formats().items():
        place = folder / 'labels' / (name if form.folder else name + form.ending)
        coco, findings = read_labels(place, trained.parent / 'data/unlabeled')
        assert not findings.problems and {i['file_name'] for i in coco['images']} == {
            o['name'] for o in listed
        }
        read.append(len(coco['annotations']))
    assert len(set(read)) == 1 and read[0] > 0


@pytest.mark.slow
def test_what_was_added_is_never_shown_again(trained):
    """Three rounds of two images, the pre-labels taken as they are, leave none; a fourth is refused."""
    project = mmssod.Project(trained)
    seen = []
    for number in (1, 2, 3):
        found = project.next(2, kinds=['coco'], say=quiet)
        assert found.folder.name == f'next_{number}'
        seen += [image.name for image in found.images]
        added = project.add(found.labels['coco'])
        assert added.unlabeled == 6 - 2 * number and not {*seen} & {*named_pool(trained)}
    assert len(set(seen)) == 6
    with pytest.raises(ValueError, match='expected unlabeled images, found none'):
        project.next(2, say=quiet)


def test_corrected_labels_are_not_overwritten(trained, tmp_path, capsys):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/labels.json').touch()
    words = ['--out', str(tmp_path / 'mine'), '--count', '1']
    for command in ('next', 'errors'):
        assert main([command, str(trained), *words]) == 1
        assert 'expected a new or empty folder' in capsys.readouterr().err


@pytest.mark.parametrize('words', [
    ['next', 'own', '--count', '0'], ['next', 'own', '--formats', 'docx'], ['errors', 'own', '--count', '-1'],
    ['add', 'own'],
])  # fmt: skip
def test_options_are_checked_before_torch(words):
    code = (
        'import sys, mmssod_command\n'
        'try: mmssod_command.begin(sys.argv[1:])\n'
        'finally: print("loaded", {"torch", "mmengine", "numpy"} & set(sys.modules))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2 and done.stdout == 'loaded set()\n', done.stderr


def test_an_untrained_project_is_told_what_to_do(project, capsys):
    assert main(['next', str(project)]) == 1
    assert f'train it: mmssod run {project}' in capsys.readouterr().err


@pytest.mark.parametrize(('bbox', 'expected'), [
    ([5, 6, 7, 8], [5, 6, 7, 8]),
    ([-5, 40, 10, 20], [0, 40, 5, 8]),
    ([-500, 0, 600, 50], [0, 0, 64, 48]),
    ([70, 0, 5, 5], [64, 0, 0, 5]),
])  # fmt: skip
def test_labels_to_correct_lie_on_the_image(bbox, expected):
    assert on_image(bbox, (64, 48)) == expected


def errors(trained, detections, number):
    """Folds in which the student has found ``detections`` on the images that were held out."""
    places, _ = write_folds(trained, number, seed=0)
    for place in places:
        ids = {image['id'] for image in json.loads((place / 'held_out.json').read_text())['images']}
        file = place / 'work_dirs/student/held_out_boxes.json'
        file.parent.mkdir(parents=True)
        boxes = [box for box in detections if box['image_id'] in ids]
        file.write_text(json.dumps(dict(checkpoint='x', boxes=boxes)))
    return mmssod.Project(trained).errors(kinds=['coco'], say=quiet)


def test_errors_are_found_by_folds(trained):
    """A detector of folds that is right finds the three labels that were spoilt, and the page says who judged."""
    coco, _ = labeled_set(trained)
    right = [{**box, 'bbox': list(box['bbox']), 'score': 0.9} for box in coco['annotations']]
    missing, moved, swapped = coco['annotations'][:3]
    moved['bbox'] = [moved['bbox'][0] + 0.6 * moved['bbox'][2], *moved['bbox'][1:]]
    swapped['category_id'] = 1 + swapped['category_id'] % 3
    images = {missing['image_id'], moved['image_id'], swapped['image_id']}
    ids = {'Bkg': None, 'Loc': moved['id'], 'Cls': swapped['id']}
    coco['annotations'] = coco['annotations'][1:]
    write_coco(coco, trained / 'labeled.json')
    found = errors(trained, right, 2)
    kinds = {one.kind: one.label and one.label['id'] for one in found.found}
    assert (
        kinds == ids or len({*images}) < 3
    )  # overlapping objects of one image may explain each other
    assert found.unseen == {image['id'] for image in coco['images']}
    page = (found.folder / 'page.html').read_text()
    assert 'Each of the 8 images was judged by a detector that was not trained on it' in page
    listed = json.loads((found.folder / 'errors.json').read_text())
    assert {one['kind'] for one in listed} == {'missing', 'misplaced', 'mistaken class'}
    shown = json.loads(found.labels['coco'].read_text())
    assert (
        shown['annotations']
        == take_images(coco, {one.image_id for one in found.found})['annotations']
    )


def test_without_folds_the_page_says_what_was_seen(trained, capsys):
    assert main(['errors', str(trained), '--count', '2', '--formats', 'yolo']) == 0
    assert 'was trained on 8 of the 8 images' in capsys.readouterr().out
    page = (trained / 'errors_1/page.html').read_text()
    assert 'may have learned wrong labels of these by heart' in page and '--folds 5' in page
