"""Labels of another detector: names, places, calibration, fusion."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.labels import pseudo
from builders.tiny_recipes import build_recipe, by_name
from mmdet.registry import MODELS

from mmssod.methods.foundation import DetectionsLabeler
from mmssod.methods.foundation.calibration import fit
from mmssod.tiny_detectors import CLASSES, tiny_batch, tiny_semi

NAMES = {'a round thing': 'circle', 'box': 'square', 'person': None}
WORDS = ['a round thing', 'box', 'star', 'person']


def box(image=0, category=1, corners=(8, 8, 40, 40), **scores):
    x1, y1, x2, y2 = corners
    found = dict(image_id=image, category_id=category, bbox=[x1, y1, x2 - x1, y2 - y1])
    return {**found, 'score': 0.8, **scores}


def write(path, content):
    Path(path).write_text(json.dumps(content))
    return str(path)


@pytest.fixture
def files(tmp_path):
    """Detections and the images that they are of: 2.jpg and 3.jpg of the tiny batch, 64 px wide and high."""

    def make(detections, names=NAMES, words=WORDS, size=64, **more):
        images = [
            dict(id=f'id {i}', file_name=f'somewhere/{i + 2}.jpg', height=size, width=size)
            for i in range(2)
        ]
        categories = [dict(id=i, name=name) for i, name in enumerate(words, 1)]
        boxes = [dict(each, image_id=f'id {each["image_id"]}') for each in detections]
        return dict(
            type='DetectionsLabeler',
            file=write(tmp_path / 'detections.json', boxes),
            images=write(tmp_path / 'images.json', dict(images=images, categories=categories)),
            classes=CLASSES,
            names=names,
            **more,
        )

    return make


def labels_of(config, batch=None):
    inputs, samples = batch or tiny_batch()
    student = torch.nn.Linear(1, 1)
    return MODELS.build(config)(None, samples['weak'], student), samples['weak']


# ---------------------------------------------------------------- the file


def test_boxes_lie_where_the_view_has_them(files):
    """Names by the table, people left out, p and v where the file has them; a mirrored view has mirrored boxes."""
    detections = [
        box(0, 1),
        box(0, 2, (0, 0, 10, 20), cls_certainty=0.5, loc_certainty=0.25),
        box(0, 4),
        box(1, 3, (4, 6, 20, 30), score=0.3),
    ]
    (first, second), _ = labels_of(files(detections))
    assert first.boxes.tolist() == [[8, 8, 40, 40], [0, 0, 10, 20]]
    assert first.labels.tolist() == [0, 1] and second.labels.tolist() == [2]
    assert first.cls_certainty.tolist() == pytest.approx([0.8, 0.5])
    assert first.loc_certainty.tolist() == [1.0, 0.25]
    batch = tiny_batch()
    for sample in batch[1]['weak']:
        mirrored = np.eye(3)
        mirrored[0] = [-1, 0, 64]
        sample.set_metainfo(dict(homography_matrix=mirrored))
    (first, _), _ = labels_of(files(detections), batch)
    assert first.boxes.tolist() == [[24, 8, 56, 40], [54, 0, 64, 20]]


def test_a_data_set_that_a_person_corrected(tmp_path):
    """Its boxes have no score, and count 1."""
    images = [dict(id=i, file_name=f'{i + 2}.jpg') for i in range(2)]
    categories = [dict(id=7, name='star')]
    annotations = [{k: v for k, v in box(1, 7).items() if k != 'score'}]
    file = write(
        tmp_path / 'own.json', dict(images=images, categories=categories, annotations=annotations)
    )
    (none, one), _ = labels_of(dict(type='DetectionsLabeler', file=file, classes=CLASSES))
    assert len(none) == 0 and none.boxes.shape == (0, 4)
    assert (one.cls_certainty.tolist(), one.labels.tolist()) == ([1.0], [2])


@pytest.mark.parametrize(
    ('detections', 'changes', 'told'),
    [
        (
            [box(0, 2)],
            dict(names={}),
            r"expected:.*'circle', 'square', 'star'.*actual:.*box.*fix:.*names=",
        ),
        ([box(0, 9)], {}, r'expected:.*category_id among the 4 categories.*actual:.*9.*fix:'),
        ([box(5)], {}, r'expected:.*image_id among the 2 images.*actual:.*id 5.*fix:'),
        ([box()], dict(size=128), r'expected the size.*\(128, 128\), actual \(64, 64\); fix:'),
    ],
)
def test_what_does_not_fit_is_refused(files, detections, changes, told):
    with pytest.raises(ValueError, match=f'(?s){told}'):
        labels_of(files(detections, **changes))


def test_a_list_needs_its_images(files):
    config = files([box()])
    config.pop('images')
    with pytest.raises(ValueError, match='(?s)expected:.*images and categories.*fix:.*`images`'):
        labels_of(config)


def test_an_image_that_was_not_predicted_is_named(files):
    batch = tiny_batch()
    batch[1]['weak'][1].set_metainfo(dict(img_path='other/77.jpg'))
    with pytest.raises(ValueError, match='(?s)expected:.*2 images.*actual:.*77.jpg.*fix:'):
        labels_of(files([box()]), batch)


def test_a_class_that_is_not_used_needs_no_name(files):
    labels, _ = labels_of(files([box(0, 3)], names=None))
    assert labels[0].labels.tolist() == [2]


# ---------------------------------------------------------------- calibration


def test_a_score_becomes_the_precision_of_such_boxes():
    """Of ten boxes of 0.9 eight are right, of ten of 0.6 four, of ten of 0.5 six: the last two fall together."""
    scores = np.repeat([0.9, 0.6, 0.5], 10)
    right = np.concatenate([np.arange(10) < n for n in (8, 4, 6)])
    found = fit(scores, right)
    np.testing.assert_allclose(found(np.array([0.9, 0.6, 0.5])), [0.8, 0.5, 0.5])
    np.testing.assert_allclose(found(np.array([0.0, 0.55, 0.75, 1.0])), [0.5, 0.5, 0.65, 0.8])
    for precision in (0.8, 0.5):  # the law
        assert right[np.isclose(found(scores), precision)].mean() == pytest.approx(precision)


def test_nothing_to_calibrate_on():
    with pytest.raises(ValueError, match='got none; predict them'):
        fit(np.zeros(0), np.zeros(0, bool))


def test_precisions_are_of_the_labeled_images(files, tmp_path):
    """Two boxes of 0.9, one of them right; a box of 0.4 is of another class than the true one."""
    true = dict(
        images=[dict(id=3, file_name='2.jpg'), dict(id=4, file_name='3.jpg')],
        categories=[dict(id=i, name=name) for i, name in enumerate(CLASSES)],
        annotations=[dict(id=1, image_id=3, category_id=0, bbox=[8, 8, 32, 32])],
    )
    detections = [box(0, 1, score=0.9), box(1, 1, score=0.9), box(0, 2, score=0.4)]
    config = files(detections, labeled=write(tmp_path / 'true.json', true))
    (first, second), _ = labels_of(config)
    assert first.cls_certainty.tolist() == pytest.approx([0.5, 0.0])
    assert second.cls_certainty.tolist() == pytest.approx([0.5])


# ---------------------------------------------------------------- a step, alone and fused


def step(labeler):
    model = build_recipe(tiny_semi('plain', labeler=labeler))
    torch.manual_seed(0)
    return by_name(model.loss(*tiny_batch()))


def fused(files, detections, **changes):
    config = files(detections)
    config.pop('type')
    return dict(type='FusedTeacher', detections=config, **changes)


def test_a_student_learns_from_the_file(files):
    losses = step(files([box(0, 1), box(1, 2)]))
    assert losses['unsup_loss_bbox'] > 0


def test_fused_with_an_empty_file_it_is_the_teacher(files):
    pytest.importorskip('ensemble_boxes')
    alone, both = step('EMATeacher'), step(fused(files, []))
    assert alone.keys() == both.keys()
    assert all(torch.equal(both[name], value) for name, value in alone.items())
    other = step(fused(files, [box(0, 3, (2, 2, 60, 60), score=1.0)]))
    assert not torch.equal(other['unsup_loss_cls'], alone['unsup_loss_cls'])


def test_fusion_by_hand(files):
    pytest.importorskip('ensemble_boxes')
    labeler = build_recipe(tiny_semi('plain', labeler=fused(files, []))).labeler
    ours = pseudo([[0, 0, 100, 100], [200, 0, 230, 30]], [0.5, 0.6], [0.25, 0.5], [2, 0])
    theirs = pseudo([[10, 0, 110, 100], [300, 0, 330, 30]], [0.3, 0.9], [1.0, 0.75], [2, 1])
    found = labeler.fuse(ours, theirs)
    # One pair of IoU 90 / 110, weighted 5 to 3: 10 * 3 / 8 to the right. Lone boxes stay, the surest first.
    assert found.labels.tolist() == [1, 0, 2]
    expected = [[300, 0, 330, 30], [200, 0, 230, 30], [3.75, 0, 103.75, 100]]
    torch.testing.assert_close(found.boxes, torch.tensor(expected), atol=1e-3, rtol=0)
    assert found.cls_certainty.tolist() == pytest.approx([0.9, 0.6, 0.5])
    assert found.loc_certainty.tolist() == [
        0.75,
        0.5,
        0.25,
    ]  # of the pair the teacher's, which is nearer
    for lone in (ours, theirs):
        assert labeler.fuse(lone, pseudo()) is lone or len(labeler.fuse(lone, pseudo())) == len(
            lone
        )
        assert labeler.fuse(pseudo(), lone) is lone
    assert len(labeler.fuse(pseudo(), pseudo())) == 0


def test_weights_of_the_two_sides():
    with pytest.raises(ValueError, match='two numbers above 0, got'):
        MODELS.build(
            dict(
                type='FusedTeacher',
                detector=tiny_semi('plain').detector,
                detections=dict(file='', classes=CLASSES),
                weights=(1.0, 0.0),
            )
        )


# ---------------------------------------------------------------- before training


class Source:
    metainfo = dict(classes=('circle', 'star', 'square'))

    def __len__(self):
        return 3

    def get_data_info(self, place):
        return dict(img_path=f'folder/{place}.jpg')


def test_classes_and_images_are_compared_before_training(files):
    class Runner:
        class train_dataloader:
            class dataset:
                sources = dict(labeled=Source(), unlabeled=Source())

    order, absent = MODELS.build(files([box()])).runtime_problems(Runner)
    assert "'circle', 'star', 'square'" in order.expected
    assert absent.actual == '2 of 3, such as folder/0.jpg'


def test_it_needs_no_pixels():
    assert not DetectionsLabeler.needs_pixels
