"""Time and memory of `mmssod new` with many unlabeled images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

SIZE = (240, 320)
DIFFERENT = 500
"""Images that are drawn; the others are these with another comment in the file, so that no two files are equal."""
LABELED = 60
IMPORTS = 'import mmssod.own_data.new'


def planning(folder: Path, images: int) -> list[list[str]]:
    """Rows of text: `mmssod new` with so many unlabeled images, and what its imports alone take.

    Args:
        folder: Where the images go.
        images: Unlabeled images.
    """
    draw_files(folder / 'unlabeled', images)
    draw_labeled(folder)
    words = ['new', 'labels.json', '--images', 'labeled', '--unlabeled', 'unlabeled']
    command = [sys.executable, '-m', 'mmssod', *words, '--detector', 'faster_rcnn_lite']
    rows = {
        f'`mmssod new`, {images} unlabeled images': cost(command, folder),
        'its imports alone': cost([sys.executable, '-c', IMPORTS], folder),
    }
    head = ['', 'CPU s', 'seconds', 'memory at most, MiB']
    return [head, *([name, *map('{:.0f}'.format, row)] for name, row in rows.items())]


def cost(command: list[str], folder: Path) -> tuple[float, float, float]:
    """CPU seconds, seconds, and MiB at most of a command; the folder is its working directory.

    Raises:
        RuntimeError: The command failed.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f'{command} ended with {process.returncode}')
    return used.ru_utime + used.ru_stime, time.perf_counter() - begin, used.ru_maxrss / 1024


def draw_files(folder: Path, number: int) -> None:
    """JPEG files of some 2 kB, no two of them equal."""
    folder.mkdir(parents=True)
    drawn = [draw(index) for index in range(min(DIFFERENT, number))]
    for index in range(number):
        content, comment = drawn[index % len(drawn)], f'{index:08d}'.encode()
        segment = b'\xff\xfe' + (len(comment) + 2).to_bytes(2, 'big') + comment
        (folder / f'{index:08d}.jpg').write_bytes(content[:2] + segment + content[2:])


def draw(seed: int) -> bytes:
    """A JPEG file of smooth colors."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return cv2.imencode('.jpg', image)[1].tobytes()


def draw_labeled(folder: Path) -> None:
    """Labeled images and their COCO json."""
    (folder / 'labeled').mkdir()
    names = [f'{index}.jpg' for index in range(LABELED)]
    for index, name in enumerate(names):
        (folder / 'labeled' / name).write_bytes(draw(DIFFERENT + index))
    images = [
        dict(id=index, file_name=name, width=SIZE[1], height=SIZE[0])
        for index, name in enumerate(names)
    ]
    boxes = [
        dict(id=n + 1, image_id=n % LABELED, category_id=1 + n % 2, bbox=[20, 30, 60, 60])
        | dict(area=3600, iscrowd=0)
        for n in range(3 * LABELED)
    ]
    categories = [dict(id=1, name='first'), dict(id=2, name='second')]
    labels = dict(images=images, annotations=boxes, categories=categories)
    (folder / 'labels.json').write_text(json.dumps(labels))
