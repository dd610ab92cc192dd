"""Generator of the demo data: a small, long-tailed detection data set, reproducible from its seed.

    root/
      train.json                 the labeled images, in labeled/
      unlabeled/                 images without annotations
      unlabeled-withheld.json    their boxes: to judge pseudo labels with, never to train on
      val.json                   the evaluation images, in val/
      manifest.json              parameters and checksum of everything above

Annotations are COCO json; `file_name` is relative to the split's folder. Training images come from
one endless stream: the labeled ones are chosen so that no class is missing, the unlabeled ones are
the next in line. In `val` the tail is softened, or the AP of a rare class would rest on one or two
boxes.
"""

import dataclasses
import json
import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from demo_drawings import demo_files
from demo_drawings.demo_files import DemoData
from demo_drawings.painting import paint
from demo_drawings.scenes import Scene, Stream, class_shares
from demo_drawings.shapes import SHAPES
from mmssod.datasets.annotation_files import whole_categories

CLASSES: tuple[str, ...] = tuple(SHAPES)
"""Names of the ten classes, the most frequent first."""

_TRAIN, _VAL = 0, 1
_JPEG_QUALITY = 95
_LIMITS = {
    'size': (32, 4096),
    'num_classes': (1, len(CLASSES)),
    'tail_ratio': (1, 1000),
    'val_tail_ratio': (1, 1000),
}


@dataclass(frozen=True)
class _Parameters:
    """What determines every byte of the data set."""

    num_labeled: int
    num_unlabeled: int
    num_val: int
    size: int
    seed: int
    num_classes: int
    min_boxes_per_class: int
    tail_ratio: float
    val_tail_ratio: float

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            low, high = _LIMITS.get(name, (0, math.inf))
            if not low <= value <= high:
                raise ValueError(f'{name} must be in [{low}, {high}], got {value}')

    def stream(self, split: int) -> Stream:
        ratio = self.val_tail_ratio if split == _VAL else self.tail_ratio
        return Stream((self.seed, split), self.size, class_shares(self.num_classes, ratio))


def make_demo_data(
    root: str | Path,
    *,
    num_labeled: int = 50,
    num_unlabeled: int = 950,
    num_val: int = 200,
    size: int = 160,
    seed: int = 0,
    num_classes: int = len(CLASSES),
    min_boxes_per_class: int = 8,
    tail_ratio: float = 50.0,
    val_tail_ratio: float = 4.0,
) -> DemoData:
    """Writes the data set, unless the very same is there already.

    Image i of a split's stream depends on `seed`, `size`, the class frequencies and i alone:
    raising `num_unlabeled` or `num_val` adds images and changes none.

    Args:
        root: folder to write into, made if missing; demo data of other parameters is replaced.
        num_labeled: images with annotations, 0 or more.
        num_unlabeled: images without, 0 or more.
        num_val: images for evaluation, 0 or more.
        size: side of the square images in pixels, in [32, 4096].
        seed: 0 or more.
        num_classes: the first so many of `CLASSES`.
        min_boxes_per_class: boxes of each class that the labeled images hold at least.
        tail_ratio: boxes of the most frequent class over those of the rarest in the training
            stream, in [1, 1000]. The counts of 1000 images come within some 10 per cent of it.
        val_tail_ratio: the same for the evaluation images.

    Returns:
        The paths.

    Raises:
        ValueError: a parameter is out of range, or `num_labeled` is too small for
            `min_boxes_per_class`.
        FileExistsError: `root` holds files that this function did not write.
    """
    parameters = _Parameters(
        num_labeled=num_labeled,
        num_unlabeled=num_unlabeled,
        num_val=num_val,
        size=size,
        seed=seed,
        num_classes=num_classes,
        min_boxes_per_class=min_boxes_per_class,
        tail_ratio=float(tail_ratio),
        val_tail_ratio=float(val_tail_ratio),
    )
    data = DemoData(Path(root), CLASSES[:num_classes])
    if demo_files.is_up_to_date(data, dataclasses.asdict(parameters)):
        return data
    demo_files.refuse_foreign_files(data)
    data.root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data.root.parent, prefix=f'.{data.root.name}-') as folder:
        fresh = DemoData(Path(folder), data.classes)
        _write(fresh, parameters)
        demo_files.replace(data, fresh)
    return data


def count_boxes(json_path: str | Path) -> dict[str, int]:
    """Boxes of each class in a COCO json.

    Args:
        json_path: annotations with `categories`.

    Returns:
        Class name -> number of boxes, in the order of the categories.
    """
    content = json.loads(Path(json_path).read_text())
    counts = {category['id']: 0 for category in content['categories']}
    for annotation in content['annotations']:
        counts[annotation['category_id']] += 1
    return {category['name']: counts[category['id']] for category in content['categories']}


def choose_labeled(stream: Stream, num_images: int, num_classes: int, min_boxes: int) -> list[int]:
    """Chooses the labeled images of a stream.

    The first images that show a class still wanting, from the rarest class to the most frequent,
    then the first of the others.

    Args:
        stream: the training stream.
        num_images: how many.
        num_classes: M.
        min_boxes: boxes wanted of each class.

    Returns:
        `num_images` rising indices into the stream.

    Raises:
        ValueError: more images are needed.
    """
    chosen: dict[int, list[int]] = {}
    for label in reversed(range(num_classes if num_images else 0)):
        index = 0
        while sum(labels.count(label) for labels in chosen.values()) < min_boxes:
            if index not in chosen and label in stream.labels(index):
                labels = [thing.label for thing in stream.scene(index).things]
                if label in labels:
                    chosen[index] = labels
            index += 1
    if len(chosen) > num_images:
        raise ValueError(
            f'{min_boxes} boxes of each of {num_classes} classes take {len(chosen)} labeled images, '
            f'got num_labeled={num_images}; raise num_labeled or lower min_boxes_per_class'
        )
    index = 0
    while len(chosen) < num_images:
        chosen.setdefault(index, [])
        index += 1
    return sorted(chosen)


def _write(data: DemoData, parameters: _Parameters) -> None:
    train, val = parameters.stream(_TRAIN), parameters.stream(_VAL)
    labeled = choose_labeled(
        train, parameters.num_labeled, parameters.num_classes, parameters.min_boxes_per_class
    )
    taken = set(labeled)
    pool = range(parameters.num_labeled + parameters.num_unlabeled)
    # At most num_labeled indices of the pool are taken, so enough remain.
    unlabeled = [index for index in pool if index not in taken][: parameters.num_unlabeled]
    indices = {
        'labeled': (train, labeled),
        'unlabeled': (train, unlabeled),
        'val': (val, list(range(parameters.num_val))),
    }
    for name, (json_path, folder) in data.splits().items():
        _write_split(*indices[name], json_path, folder, data.classes)
    demo_files.write_manifest(data, dataclasses.asdict(parameters))


def _write_split(
    stream: Stream, indices: Iterable[int], json_path: Path, folder: Path, classes: tuple[str, ...]
) -> None:
    folder.mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in indices:
        scene = stream.scene(index)
        name = f'{index:06d}.jpg'
        bgr = paint(scene)[..., ::-1]
        ok, encoded = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        assert ok
        (folder / name).write_bytes(encoded.tobytes())
        images.append({'id': index, 'file_name': name, 'width': scene.size, 'height': scene.size})
        annotations.extend(_annotations(scene, index, first_id=len(annotations) + 1))
    content = {
        'info': {'description': demo_files.GENERATOR, 'version': demo_files.version()},
        'licenses': [],
        'categories': whole_categories(
            {'id': i, 'name': name} for i, name in enumerate(classes, start=1)
        ),
        'images': images,
        'annotations': annotations,
    }
    json_path.write_text(json.dumps(content) + '\n')


def _annotations(scene: Scene, image_id: int, first_id: int) -> list[dict[str, Any]]:
    """COCO annotations; `visible` (share of the object that shows) is an addition of ours."""
    result = []
    for annotation_id, thing in enumerate(scene.things, start=first_id):
        x1, y1, x2, y2 = (round(value, 2) for value in thing.box)
        annotation = {
            'id': annotation_id,
            'image_id': image_id,
            'category_id': thing.label + 1,
            'bbox': [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
            'area': round(thing.area, 1),
            'iscrowd': 0,
            'visible': round(thing.visible, 3),
        }
        result.append(annotation)
    return result
