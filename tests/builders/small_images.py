"""Small image files for the tests of data sets, and a COCO json of them."""

import json
from pathlib import Path

import cv2
import numpy as np

# Some upright, some wide; not in sorted order, at two depths, with a suffix in capitals.
SIZES = {
    'b.png': (20, 12),
    'a.jpg': (12, 20),
    'deep/er/c.JPG': (16, 16),
    'deep/d.png': (10, 24),
    'z.png': (24, 10),
}


def write_image(path: Path, width: int, height: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(width * height).randint(0, 256, (height, width, 3), np.uint8)
    assert cv2.imwrite(str(path), pixels)


def coco_of(names: list[str], *, boxes: bool = True) -> dict:
    images = [
        dict(id=100 + i, file_name=n, width=SIZES[n][0], height=SIZES[n][1])
        for i, n in enumerate(names)
    ]
    annotations = [
        dict(id=i, image_id=im['id'], category_id=1, bbox=[1, 1, 6, 6], area=36, iscrowd=0)
        for i, im in enumerate(images)
    ]
    return dict(
        images=images,
        annotations=annotations if boxes else [],
        categories=[dict(id=1, name='thing')],
    )


def write_json(path: Path, content: object) -> str:
    path.write_text(json.dumps(content))
    return str(path)
