"""Labeled images of noise, for the tests of ``mmssod new``."""

import cv2
import numpy as np


def images_of(folder, count, size=(64, 48)):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image = np.random.RandomState(number).randint(0, 255, (size[1], size[0], 3), np.uint8)
        assert cv2.imwrite(str(folder / f'{number}.jpg'), image)


def labels_of(count, boxes=2, size=(64, 48)):
    return dict(
        images=[
            dict(id=i, file_name=f'{i}.jpg', width=size[0], height=size[1]) for i in range(count)
        ],
        categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
        annotations=[
            dict(
                id=1 + i * boxes + n,
                image_id=i,
                category_id=1 + n % 2,
                bbox=[4 + n, 5, 20, 20],
                area=400,
                iscrowd=0,
            )
            for i in range(count)
            for n in range(boxes)
        ],
    )
