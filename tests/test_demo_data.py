"""The demo data is deterministic, long-tailed, valid COCO json, and its boxes are tight."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from demo_drawings import CLASSES, DemoData, count_boxes, make_demo_data
from demo_drawings.demo_data import choose_labeled
from demo_drawings.painting import paint
from demo_drawings.patches import crossing, rasterize
from demo_drawings.scenes import MIN_VISIBLE, Stream, class_shares
from demo_drawings.shapes import SHAPES, deform, fit

SMALL = dict(num_labeled=4, num_unlabeled=5, num_val=3, size=64, min_boxes_per_class=0)


def contents(folder: Path) -> dict[str, bytes]:
    """Relative path -> bytes of every file."""
    files = (path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def stream(size: int = 96, tail_ratio: float = 3.0) -> Stream:
    return Stream((7, 0), size, class_shares(len(CLASSES), tail_ratio))


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    """Enough images for the tail to show, small ones."""
    root = tmp_path_factory.mktemp('demo') / 'data'
    return make_demo_data(root, num_labeled=60, num_unlabeled=340, num_val=60, size=64)


class TestDeterminism:
    def test_same_parameters_give_the_same_bytes(self, tmp_path: Path) -> None:
        first = contents(make_demo_data(tmp_path / 'a', **SMALL).root)
        second = contents(make_demo_data(tmp_path / 'b', **SMALL).root)
        assert len(first) == 4 + 5 + 3 + 4
        assert first == second

    def test_another_seed_gives_other_images(self, tmp_path: Path) -> None:
        first = contents(make_demo_data(tmp_path / 'a', **SMALL).root)
        other = contents(make_demo_data(tmp_path / 'b', **SMALL, seed=1).root)
        assert first.keys() == other.keys()
        assert not {name for name in first if name.endswith('.jpg') and first[name] == other[name]}

    def test_more_images_change_none(self, tmp_path: Path) -> None:
        few = contents(make_demo_data(tmp_path / 'a', **SMALL).root)
        many = contents(
            make_demo_data(tmp_path / 'b', **SMALL | dict(num_unlabeled=8, num_val=6)).root
        )
        images = {name: data for name, data in few.items() if name.endswith('.jpg')}
        assert len(images) == 12
        assert images.items() <= many.items()

    def test_second_call_rewrites_nothing(self, tmp_path: Path) -> None:
        root = make_demo_data(tmp_path / 'a', **SMALL).root
        before = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
        make_demo_data(root, **SMALL)
        assert before == {path: path.stat().st_mtime_ns for path in root.rglob('*')}

    def test_damage_is_mended(self, tmp_path: Path) -> None:
        data = make_demo_data(tmp_path / 'a', **SMALL)
        before = contents(data.root)
        next(data.unlabeled_images.iterdir()).write_bytes(b'')
        (data.val_images / 'stray.jpg').write_bytes(b'')
        data.val_json.unlink()
        make_demo_data(data.root, **SMALL)
        assert contents(data.root) == before

    def test_other_parameters_replace_the_data_and_nothing_else(self, tmp_path: Path) -> None:
        root = make_demo_data(tmp_path / 'a', **SMALL).root
        (root / 'notes.txt').write_text('mine')
        make_demo_data(root, **SMALL | dict(num_val=1))
        expected = contents(make_demo_data(tmp_path / 'b', **SMALL | dict(num_val=1)).root)
        assert contents(root) == expected | {'notes.txt': b'mine'}

    def test_foreign_files_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / 'val').mkdir()
        with pytest.raises(FileExistsError, match='holds val but no manifest'):
            make_demo_data(tmp_path, **SMALL)


class TestClasses:
    def test_the_tail_is_long(self, data: DemoData) -> None:
        labeled, unlabeled = count_boxes(data.labeled_json), count_boxes(data.withheld_json)
        total = [labeled[name] + unlabeled[name] for name in CLASSES]
        assert len(total) >= 8
        assert total[0] == max(total) and total[-1] == min(total)
        assert max(total) / min(total) >= 40

    def test_no_class_is_missing(self, data: DemoData) -> None:
        assert min(count_boxes(data.labeled_json).values()) >= 5

    def test_validation_tail_is_soft(self, data: DemoData) -> None:
        counts = count_boxes(data.val_json).values()
        assert min(counts) >= 5 and max(counts) / min(counts) < 8

    @pytest.mark.parametrize('count', [1, 2, 10])
    def test_any_number_of_classes(self, count: int, tmp_path: Path) -> None:
        few = dict(num_labeled=12, num_unlabeled=0, num_val=0, size=48, min_boxes_per_class=1)
        data = make_demo_data(tmp_path / 'a', **few, num_classes=count)
        counts = count_boxes(data.labeled_json)
        assert tuple(counts) == data.classes == CLASSES[:count]
        assert min(counts.values()) >= 1

    def test_too_few_images_for_the_classes(self) -> None:
        with pytest.raises(ValueError, match='raise num_labeled or lower min_boxes_per_class'):
            choose_labeled(stream(tail_ratio=50), 3, len(CLASSES), 4)

    @pytest.mark.parametrize('ratio', [1.0, 50.0])
    def test_shares_are_geometric(self, ratio: float) -> None:
        shares = class_shares(5, ratio)
        np.testing.assert_allclose(shares[:-1] / shares[1:], ratio**0.25)
        assert shares.sum() == pytest.approx(1)


class TestBoxes:
    @pytest.mark.parametrize('name', CLASSES)
    def test_crossing_is_the_outline_extent(self, name: str) -> None:
        # Tips thinner than a pixel fade and are not part of the box: a one-sided tolerance.
        rng = np.random.default_rng(0)
        for _ in range(20):
            shape = fit(deform(SHAPES[name](rng), rng), side=60)
            extent = np.concatenate(shape).max(axis=0)
            for axis, length in ((1, extent[0]), (0, extent[1])):
                start, end = crossing(rasterize(shape), axis)
                assert -0.5 <= start - 2 <= 3 and -0.5 <= length + 2 - end <= 3

    def test_crossing_of_a_rectangle_is_exact(self) -> None:
        corners = np.array([(0, 0), (20.5, 0), (20.5, 10.25), (0, 10.25)])
        mask = rasterize([corners])
        np.testing.assert_allclose(crossing(mask, 1), (2, 22.5), atol=0.5)
        np.testing.assert_allclose(crossing(mask, 0), (2, 12.25), atol=0.5)

    def test_boxes_are_tight(self) -> None:
        seen = 0
        for index in range(60):
            for thing in stream().scene(index).things:
                rows, columns = np.nonzero(thing.patch.alpha >= 0.5)
                rows, columns = rows + thing.patch.y, columns + thing.patch.x
                extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                np.testing.assert_allclose(thing.box, np.clip(extent, 0, 96), atol=1)
                seen += 1
        assert seen > 150

    def test_boxes_enclose_what_the_object_changes_in_the_picture(self) -> None:
        seen = 0
        for index in range(40):
            scene = stream().scene(index)
            front, rest = scene.things[0], replace(scene, things=scene.things[1:])
            change = np.abs(paint(scene).astype(int) - paint(rest)).max(axis=2)
            x1, y1, x2, y2 = np.round(front.box).astype(int)
            inside = np.zeros(change.shape, bool)
            inside[y1:y2, x1:x2] = True
            solid = front.patch.alpha > 0.9
            there, here = front.patch.window(scene.size)
            assert np.median(change[there][solid[here]]) > 10
            # A shadow may darken the surroundings, but not as much.
            assert np.mean(change[inside]) > 2 * np.mean(change[~inside])
            seen += 1
        assert seen == 40

    def test_hidden_objects_are_not_in_the_picture(self) -> None:
        shares = [thing.visible for index in range(80) for thing in stream().scene(index).things]
        assert min(shares) >= MIN_VISIBLE and max(shares) <= 1
        assert 0.1 < np.mean(np.array(shares) < 0.9) < 0.5

    def test_every_image_has_one_to_six_objects(self) -> None:
        counts = {len(stream().scene(index).things) for index in range(60)}
        assert counts == {1, 2, 3, 4, 5, 6}


class TestFiles:
    def test_coco_loads_it(self, data: DemoData) -> None:
        expected = {'labeled': 60, 'unlabeled': 340, 'val': 60}
        for name, (json_path, folder) in data.splits().items():
            coco = COCO(str(json_path))
            assert [category['name'] for category in coco.loadCats(coco.getCatIds())] == list(
                CLASSES
            )
            files = {image['file_name'] for image in coco.imgs.values()}
            assert len(files) == expected[name]
            assert files == {path.name for path in folder.iterdir()}
            for annotation in coco.anns.values():
                x, y, width, height = annotation['bbox']
                assert x >= 0 and y >= 0 and width >= 2 and height >= 2
                assert x + width <= 64 + 1e-6 and y + height <= 64 + 1e-6
                assert 0 < annotation['area'] <= width * height * 1.1 + 2

    def test_labeled_and_unlabeled_share_no_image(self, data: DemoData) -> None:
        labeled = {image['id'] for image in json.loads(data.labeled_json.read_text())['images']}
        withheld = {image['id'] for image in json.loads(data.withheld_json.read_text())['images']}
        assert not labeled & withheld

    @pytest.mark.parametrize('size', [32, 64, 96, 161])
    def test_any_size(self, size: int, tmp_path: Path) -> None:
        data = make_demo_data(tmp_path / 'a', **SMALL | dict(size=size))
        images = [cv2.imread(str(path)) for path in data.unlabeled_images.iterdir()]
        assert [image.shape for image in images] == [(size, size, 3)] * 5
        assert min(image.std() for image in images) > 2

    @pytest.mark.parametrize('count', [0, 1, 3])
    @pytest.mark.parametrize('split', ['num_labeled', 'num_unlabeled', 'num_val'])
    def test_empty_one_many(self, split: str, count: int, tmp_path: Path) -> None:
        parameters = SMALL | dict(size=32) | {split: count}
        data = make_demo_data(tmp_path / 'a', **parameters)
        names = ('num_labeled', 'num_unlabeled', 'num_val')
        for name, (json_path, folder) in zip(names, data.splits().values(), strict=True):
            assert len(list(folder.iterdir())) == parameters[name]
            assert len(json.loads(json_path.read_text())['images']) == parameters[name]

    @pytest.mark.parametrize(
        'wrong',
        [
            dict(num_labeled=-1),
            dict(size=31),
            dict(num_classes=0),
            dict(num_classes=11),
            dict(tail_ratio=0.5),
        ],
    )
    def test_out_of_range(self, wrong: dict[str, float], tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=f'{next(iter(wrong))} must be in'):
            make_demo_data(tmp_path / 'a', **SMALL | wrong)
