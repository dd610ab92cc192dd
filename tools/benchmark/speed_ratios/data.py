"""Data pipeline of unlabeled images: Soft Teacher's views in mmdet's config and in ours."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import mmdet
import numpy as np
from mmcv.transforms import Compose
from mmengine.config import Config

from mmssod.datasets.image_cache import with_cache
from mmssod.datasets.sample_key import seeded
from mmssod.datasets.transforms.steps import as_list
from speed_ratios.detectors import shipped
from speed_ratios.rows import Measured, Row, Setting, in_turns

THEIR_CONFIG = Path(mmdet.__file__).parent / '.mim/configs/_base_/datasets/semi_coco_detection.py'
SIZE = (480, 640)  # COCO's usual
PHOTOGRAPH = (3000, 4000)  # of a telephone


def draw_images(folder: Path, number: int, size: tuple[int, int] = SIZE) -> list[dict[str, Any]]:
    """JPEG files of smooth shapes and noise, some 100 kB each at COCO's size, and their records for a pipeline."""
    random = np.random.RandomState(0)
    records = []
    for index in range(number):
        coarse = random.randint(0, 256, (24, 32, 3), dtype=np.uint8)
        image = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC).astype(np.int16)
        image = np.clip(image + random.randint(-12, 13, image.shape), 0, 255).astype(np.uint8)
        file = folder / f'{index}.jpg'
        cv2.imwrite(str(file), image)
        records.append(
            dict(img_path=str(file), img_id=index, height=size[0], width=size[1], instances=[])
        )
    return records


def run_all(pipeline: Callable[[dict], Any], records: list[dict[str, Any]]) -> None:
    """Each record through a pipeline, the n-th under seed n: random sizes are then the same for both."""
    for number, record in enumerate(records):
        with seeded(number):
            pipeline(deepcopy(record))


def views(setting: Setting) -> Measured:
    """Images a second of one worker; the views of an image are the same in both pipelines."""
    theirs = Compose(Config.fromfile(THEIR_CONFIG).unsup_pipeline)
    ours = Compose(as_list(soft_teacher_steps()))
    with opencv_threads(0), tempfile.TemporaryDirectory() as folder:
        records = draw_images(Path(folder), 8 if setting.quick else 32)
        times = in_turns(setting, lambda: run_all(ours, records), lambda: run_all(theirs, records))
    count = len(records)
    ours_each, theirs_each = ([seconds / count for seconds in one] for one in times)
    return Measured(
        ours_each,
        theirs_each,
        note=f"{count} images of {SIZE[1]} x {SIZE[0]}, Soft Teacher's views",
        rate=True,
    )


def kept(setting: Setting) -> Measured:
    """Images a second of one worker that shrinks photographs for YOLOX-Nano, kept ones beside decoded ones."""
    steps = [dict(type='LoadWholeImage'), dict(type='Resize', scale=(416, 416), keep_ratio=True)]
    with opencv_threads(0), tempfile.TemporaryDirectory() as folder:
        records = draw_images(Path(folder), 4 if setting.quick else 16, PHOTOGRAPH)
        ours = Compose(with_cache(steps, dict(folder=f'{folder}/cache')))
        theirs = Compose(steps)
        times = in_turns(setting, lambda: run_all(ours, records), lambda: run_all(theirs, records))
    count = len(records)
    ours_each, theirs_each = ([seconds / count for seconds in one] for one in times)
    note = f'{count} images of {PHOTOGRAPH[1]} x {PHOTOGRAPH[0]}, to 416 px'
    return Measured(ours_each, theirs_each, note=note, rate=True)


def rate_of_views(size: int, images: int = 8) -> float:
    """Images a second of one worker: the paper's weak and strong view of photographs, at one size."""
    steps = dict(shipped('datasets/coco_json').semi_train_dataloader.dataset.unlabeled.pipeline)
    steps['resize'] = dict(steps['resize'], scale=(size, size))
    views = Compose(as_list(steps))
    with opencv_threads(0), tempfile.TemporaryDirectory() as folder:
        records = draw_images(Path(folder), images, (960, 1280))
        run_all(views, records[:1])
        start = time.perf_counter()
        run_all(views, records)
        return images / (time.perf_counter() - start)


def soft_teacher_steps() -> dict[str, Any]:
    """Steps of unlabeled images in ``configs/_base_/soft_teacher_views.py``."""
    steps = dict(shipped('soft_teacher_views').soft_teacher_unlabeled)
    steps.pop('_delete_')
    return steps


class opencv_threads:
    """OpenCV with so many threads, as in a worker (``env_cfg.mp_cfg.opencv_num_threads``)."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> None:
        self.before = cv2.getNumThreads()
        cv2.setNumThreads(self.number)

    def __exit__(self, *_: object) -> None:
        cv2.setNumThreads(self.before)


def profile(images: int = 24) -> list[list[str]]:
    """Milliseconds per image of each step of the paper's strong view, averaged over their probabilities; a table."""
    steps = dict(shipped('datasets/coco_json').semi_train_dataloader.dataset.unlabeled.pipeline)
    strong = dict(steps['views'].strong)
    strong.pop('type')
    named = {'load': steps['load'], 'resize': steps['resize'], **strong}
    transforms = {name: Compose([config]) for name, config in named.items()}
    seconds: dict[str, list[float]] = {name: [] for name in transforms}
    with opencv_threads(0), tempfile.TemporaryDirectory() as folder:
        for number, record in enumerate(draw_images(Path(folder), images)):
            with seeded(number):
                for name, transform in transforms.items():
                    start = time.process_time()
                    record = transform(record)
                    seconds[name].append(time.process_time() - start)
    rows = [[name, f'{1000 * mean(values):.2f}'] for name, values in seconds.items()]
    total = sum(mean(values) for values in seconds.values())
    return [['step', 'ms an image'], *rows, ['all', f'{1000 * total:.2f}']]


ROWS = (
    Row(
        'data',
        'data: images per second and worker for the same views, ours / mmdet',
        1.3,
        views,
        at_least=True,
    ),
    Row(
        'kept-images',
        'data: images per second and worker for photographs of 12 megapixels, kept / decoded',
        10,
        kept,
        at_least=True,
    ),
)
