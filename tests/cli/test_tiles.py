"""Tiles: an object on a border comes back once and whole, and one tile is no tile."""

import json

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmssod.cli import main
from mmssod.datasets.tiles import clip, cut_off, tiles
from mmssod.own_data.detector import Detector


@pytest.mark.parametrize(('sides', 'size', 'overlap'), [
    ((100, 80), 100, 0.2), ((640, 480), 256, 0.25), ((257, 256), 256, 0.0), ((1000, 37), 64, 0.5), ((5, 5), 2, 0.0),
])  # fmt: skip
def test_tiles_cover_and_overlap(sides, size, overlap):
    found = tiles(*sides, size, overlap)
    covered = np.zeros(sides[::-1], bool)
    for x1, y1, x2, y2 in found:
        covered[y1:y2, x1:x2] = True
        assert (x2 - x1, y2 - y1) == tuple(min(side, size) for side in sides)
    assert covered.all() and len(set(found)) == len(found)
    generator = np.random.RandomState(0)
    largest = int(size * overlap)
    for _ in range(
        200 if largest else 0
    ):  # an object no larger than the overlap is whole in some tile
        x, y = (generator.randint(0, max(side - largest, 0) + 1) for side in sides)
        box = np.array([[x, y, min(x + largest, sides[0]), min(y + largest, sides[1])]])
        assert any(clip(box, tile)[1][0] == 1 for tile in found)


def test_an_image_no_larger_than_a_tile_is_one():
    assert tiles(64, 48, 64, 0.3) == [(0, 0, 64, 48)]
    with pytest.raises(ValueError, match=r'overlap in \[0, 1\), got 64, 1'):
        tiles(64, 48, 64, 1.0)


def test_by_hand():
    boxes = np.array([[10.0, 10, 30, 20], [50, 0, 60, 10], [0, 0, 5, 5], [61, 61, 70, 70]])
    inside, shares = clip(boxes, (20, 0, 60, 60))
    assert inside[0].tolist() == [0, 10, 10, 20] and shares.tolist() == [0.5, 1, 0, 0]
    # The second one ends where the tile does: inside the image of 100 px it is cut, on the image's own border whole.
    assert cut_off(boxes[:2] + [[20, 0] * 2], (20, 0, 80, 60), 100, 60).tolist() == [False, True]
    assert cut_off(boxes[1:2], (20, 0, 60, 60), 60, 60).tolist() == [False]


class Seeing(Detector):
    """Sees in a crop, of known objects, whatever part lies in it, the smaller the surer."""

    def __init__(self, objects, tile, overlap, least=0):
        self.objects, self.tile, self.overlap, self.least = (
            np.array(objects, float),
            tile,
            overlap,
            least,
        )
        self.limits = np.zeros(1)

    def _look(self, pixels):
        x, y = pixels[0, 0, :2] * 1.0
        height, width = pixels.shape[:2]
        parts, shares = clip(self.objects, (x, y, x + width, y + height))
        sides = (parts[:, 2:] - parts[:, :2]).min(axis=1)
        seen = (shares > 0.05) & (sides >= self.least * max(height, width))
        boxes, scores = (
            torch.tensor(parts[seen]).float(),
            torch.tensor(1 - shares[seen] / 2).float(),
        )
        labels = torch.zeros(len(boxes), dtype=torch.long)
        found = InstanceData(bboxes=boxes, scores=scores, labels=labels)
        return DetDataSample(pred_instances=found)


def coordinates(width, height):
    """An image whose pixels say where they are."""
    ys, xs = np.mgrid[:height, :width]
    return np.stack([xs, ys, xs], axis=-1)


@pytest.mark.parametrize('least', [0, 0.06])
def test_objects_on_borders_come_back_once_and_whole(least):
    """Small ones are not seen in the whole image (``least``), large ones in no tile; parts are surer than wholes."""
    generator = np.random.RandomState(1)
    width, height, size = 400, 300, 100
    grid = [(x, y) for x in range(0, 320, 60) for y in range(0, 240, 60)]
    objects = [(x + a, y + b, x + a + w, y + b + h) for x, y in grid
               for a, b, w, h in [(*generator.randint(0, 30, 2), *generator.randint(8, 25, 2))]]  # fmt: skip
    objects.append((340, 20, 395, 290))  # higher than two tiles
    found = Seeing(objects, size, 0.3, least).sample(coordinates(width, height), 0).pred_instances
    assert sorted(map(tuple, found.bboxes.tolist())) == sorted(
        map(tuple, np.array(objects, float).tolist())
    )


@pytest.mark.parametrize('objects', [np.zeros((0, 4)), [(3, 3, 9, 9)]])
def test_none_and_one(objects):
    found = Seeing(objects, 50, 0.2).sample(coordinates(120, 90), 0).pred_instances
    assert found.bboxes.tolist() == np.array(objects, float).tolist()


def test_one_tile_is_no_tile(run_folder, tmp_path):
    """Of the images' own size; tiles of half of it find more than one look."""
    found = {}
    for name, more in dict(none=[], same=['--tile', '64'], half=['--tile', '32']).items():
        words = [
            'infer',
            f'{run_folder}/config.py',
            f'{run_folder}/iter_1.pth',
            f'{run_folder}/val',
            *more,
        ]
        assert (
            main([*words, '--score-thr', '0.05', '--no-pictures', '--out', str(tmp_path / name)])
            == 0
        )
        found[name] = json.loads((tmp_path / name / 'detections.json').read_text())
    assert found['same'] == found['none'] != found['half']
    boxes = [box['bbox'] for box in found['half']['annotations']]
    assert all(x >= 0 and y >= 0 and x + w <= 64.01 and y + h <= 48.01 for x, y, w, h in boxes)


def test_training_tiles(call, run_folder, tmp_path, capsys):
    """The one box of each image of 64 x 48, (4, 5) to (34, 25), in tiles of 32 px: mostly in the first."""
    files = [run_folder / 'labeled.json', '--images', run_folder / 'labeled', '--size', 32]
    call('dataset/tile.py', *files, '--overlap', 0.25, '--out', tmp_path / 'tiles')
    coco = json.loads((tmp_path / 'tiles/labels.json').read_text())
    assert len(coco['images']) == 3 * 3 * 2
    assert all(
        (tmp_path / 'tiles/images' / image['file_name']).is_file() for image in coco['images']
    )
    first = [box for box in coco['annotations'] if box['image_id'] == 1]
    assert [(box['bbox'], box['iscrowd']) for box in first] == [([4.0, 5.0, 28.0, 20.0], 0)]
    second = [
        box for box in coco['annotations'] if box['image_id'] == 2
    ]  # from x = 24 on: a third of it
    assert [(box['bbox'], box['iscrowd']) for box in second] == [([0.0, 5.0, 10.0, 20.0], 1)]
    with pytest.raises(SystemExit):
        call('dataset/tile.py', *files, '--out', tmp_path / 'tiles')
