"""Small banks written by hand."""

import numpy as np

from mmssod.label_bank import BOX, Header, ShardWriter, finish
from mmssod.label_bank.shards import LabeledImage

CLASSES = ('circle', 'square', 'star')


def header(images=5, shard_size=2, **changes):
    made_of = dict(
        checkpoint='teacher.pth', teacher='t' * 64, detector='d' * 64, config='student.py', classes=CLASSES, floor=0.1,
        view=[dict(type='Resize', scale=[64, 64])], mirrored=True,
    )  # fmt: skip
    return Header(**{**made_of, **changes}, images=images, shard_size=shard_size)


def boxes(*rows):
    """BOX records of (x1 y1 x2 y2 p v label)."""
    records = np.zeros(len(rows), BOX)
    for record, (*corners, p, v, label) in zip(records, rows, strict=True):
        record['box'], record['p'], record['v'], record['label'] = corners, p, v, label
    return records


def some_boxes(number, shift=0.0):
    """As many boxes as asked for, all different."""
    return boxes(
        *[
            (i + shift, i, i + 9.5 + shift, i + 7, 0.9 - i / 999, 0.5 + i / 999, i % 3)
            for i in range(number)
        ]
    )


def image(number, plain=2, mirrored=1, **changes):
    """An image of 48 x 64 px, seen at twice the size, with so many boxes in each view."""
    made_of = dict(
        img_id=number, path=f'images/{number}.jpg', size=(48, 64), view=(96, 128),
        plain=some_boxes(plain, shift=number), mirrored=some_boxes(mirrored, shift=number + 0.25),
    )  # fmt: skip
    return LabeledImage(**{**made_of, **changes})


def written(folder, found, shard_size=2, **changes):
    """The header of a bank whose shards are all written, not closed."""
    made_of = header(len(found), shard_size, **changes)
    made_of.save(folder)
    for shard in range(made_of.num_shards):
        ShardWriter(folder, made_of, shard).append([found[i] for i in made_of.span(shard)])
    return made_of


def bank(folder, found, **changes):
    """The header of a finished bank."""
    return finish(folder, written(folder, found, **changes))
