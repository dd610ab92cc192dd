"""The gain of one row of a matrix over another: which checkpoint is judged, and what is printed."""

import json
import runpy
import sys

import pytest

TRUTH = dict(
    images=[dict(id=n, file_name=f'{n}.jpg', width=10, height=10) for n in (1, 2)],
    annotations=[
        dict(id=n, image_id=n, category_id=1, bbox=[0, 0, 4, 4], area=16, iscrowd=0) for n in (1, 2)
    ],
    categories=[dict(id=1, name='cell')],
)
CONFIG = 'model = dict()\ntrain_cfg = dict(max_iters=7)\n'


def boxes(*images):
    return [dict(image_id=n, category_id=1, bbox=[0, 0, 4, 4], score=0.9) for n in images]


@pytest.fixture
def judged(tmp_path, monkeypatch, capsys):
    """Call the tool with runs of two seeds; the words that it prints and the checkpoints that it looked at."""
    config, truth = tmp_path / 'config.py', tmp_path / 'truth.json'
    config.write_text(CONFIG)
    truth.write_text(json.dumps(TRUTH))
    matrix = tmp_path / 'matrix.py'
    rows = [dict(name=name, config=str(config)) for name in ('ours', 'theirs')]
    matrix.write_text(f"title = 'T'\nnote = ''\nrecipes = {rows}\n")
    for seed in (0, 1):
        for name in ('ours', 'theirs'):
            folder = tmp_path / f'seed_{seed}' / name
            folder.mkdir(parents=True)
            for file in ('best_coco_bbox_mAP_iter_3.pth', 'iter_7.pth'):
                (folder / file).touch()
            (folder / 'last_checkpoint').write_text(str(folder / 'iter_7.pth'))
    looked = []

    def predict(cfg, checkpoint, *, annotations, images):
        assert annotations == str(truth)
        looked.append(checkpoint.removeprefix(str(tmp_path)))
        return boxes(1, 2) if 'ours' in checkpoint else boxes(1)

    monkeypatch.setattr('mmssod.apis.predicting.predict', predict)

    def call(*options):
        arguments = ['judge.py', str(matrix), '--out', str(tmp_path), '--ours', 'ours', '--theirs']
        arguments += ['theirs', '--annotations', str(truth), *options]
        monkeypatch.setattr(sys, 'argv', arguments)
        runpy.run_path('tools/benchmark/judge.py', run_name='__main__')
        return capsys.readouterr().out, looked

    return call


def test_the_best_checkpoint_of_each_run_is_judged(judged):
    out, looked = judged('--seeds', '0', '1')
    assert looked == [
        f'/seed_{seed}/{name}/best_coco_bbox_mAP_iter_3.pth'
        for seed in (0, 1)
        for name in ('ours', 'theirs')
    ]
    assert '| 0 | theirs | 100.0 | 50.5 | +49.5 |' in out  # 51 of COCO's 101 recalls
    assert 'ours over theirs, on 2 images: 49.5 ± 0.0 AP, above in the mean' in out
    assert 'lies below -0.5: 0 of 2' in out


def test_the_last_one_of_ours_was_not_chosen(judged):
    _, looked = judged('--last')
    assert looked == ['/seed_0/ours/iter_7.pth', '/seed_0/theirs/best_coco_bbox_mAP_iter_3.pth']
