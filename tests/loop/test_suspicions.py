"""Which labels look wrong: each kind by hand, and planted errors before right labels."""

import numpy as np
import pytest

from mmssod.own_data.loop.suspicions import suspicions


def truth(*rows):
    """Boxes of 10 px at x of a class, of one image."""
    boxes = [
        dict(id=n, image_id=1, category_id=c, bbox=[x, 0, 10, 10], iscrowd=crowd)
        for n, (x, c, crowd) in enumerate(rows, 1)
    ]
    categories = [dict(id=1, name='cat'), dict(id=2, name='dog')]
    return dict(images=[dict(id=1)], annotations=boxes, categories=categories)


def found(*rows):
    return [dict(image_id=1, category_id=c, bbox=[x, 0, 10, 10], score=s) for x, c, s in rows]


def told(labels, detections):
    return [
        (one.kind, one.label and one.label['id'], round(one.score, 3))
        for one in suspicions(labels, detections)
    ]


@pytest.mark.parametrize(('rows', 'detections', 'expected'), [
    ([], [], []),
    ([(0, 1, 0)], [(0, 1, 0.9)], []),  # right
    ([(0, 1, 0)], [], []),  # a detector's miss says nothing
    ([], [(0, 1, 0.9)], [('Bkg', None, 0.9)]),
    ([(0, 1, 0)], [(0, 2, 0.9)], [('Cls', 1, 0.9)]),
    ([(0, 1, 0)], [(0, 2, 0.9), (0, 1, 0.3)], [('Cls', 1, 0.6)]),  # what speaks for it counts
    ([(0, 1, 0)], [(0, 2, 0.3), (0, 1, 0.9)], []),
    ([(0, 1, 0)], [(6, 1, 0.8)], [('Loc', 1, 0.8)]),  # IoU 4 / 16
    ([(0, 1, 0)], [(9, 1, 0.8)], [('Bkg', None, 0.758)]),  # IoU 1 / 19
    ([(0, 1, 0)], [(0, 1, 0.9), (6, 1, 0.8)], [('Bkg', None, 0.6)]),  # another object beside it
    ([(0, 1, 0), (50, 1, 0)], [(6, 1, 0.8), (50, 2, 0.9), (51, 2, 0.7)], [('Cls', 2, 0.9), ('Loc', 1, 0.8)]),
    ([], [(0, 1, 0.9), (1, 2, 0.8), (40, 1, 0.3)], [('Bkg', None, 0.9), ('Bkg', None, 0.3)]),  # a place once
    ([(0, 1, 1)], [(2, 1, 0.9)], []),  # on a crowd
])  # fmt: skip
def test_kinds_by_hand(rows, detections, expected):
    assert told(truth(*rows), found(*detections)) == expected


def test_planted_errors_come_first():
    """100 labels found nearly right, with scores of 0.5 to 1; a tenth of them is spoilt in each of three ways."""
    random = np.random.RandomState(0)
    rows = [(30 * n, 1 + n % 2, 0) for n in range(100)]
    detections = found(
        *((x + random.randint(-2, 3), c, random.uniform(0.5, 1)) for x, c, _ in rows)
    )
    planted = random.permutation(100)[:30]
    labels = truth(*rows)
    for kind, places in zip(('removed', 'shifted', 'swapped'), planted.reshape(3, 10), strict=True):
        for place in places:
            box = labels['annotations'][place]
            box['bbox'] = [box['bbox'][0] + 6 * (kind == 'shifted'), 0, 10, 10]
            box['category_id'] = 3 - box['category_id'] if kind == 'swapped' else box['category_id']
            box['gone'] = kind == 'removed'
    labels['annotations'] = [box for box in labels['annotations'] if not box.pop('gone', False)]
    kinds = [one.kind for one in suspicions(labels, detections)]
    assert sorted(kinds) == ['Bkg'] * 10 + ['Cls'] * 10 + ['Loc'] * 10
