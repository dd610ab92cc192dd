"""Generator of the demo data: a small, long-tailed detection data set that is the same on every machine.

    root/
      train.json                 the labeled images, in labeled/
      unlabeled/                 images without annotations
      unlabeled-withheld.json    their boxes: to judge pseudo labels with, never to train on
      val.json                   the evaluation images, in val/
      manifest.json              parameters and checksum of everything above

Annotations are COCO json; `file_name` is relative to the split's folder. Training images come from one endless stream: the labeled
ones are chosen so that no class is missing, the unlabeled ones are the next in line. In `val` the tail is softened, or the AP of a
rare class would rest on one or two boxes.
"""

import dataclasses
import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from mmssod.testing.scenes import Scene, Stream, class_shares, paint
from mmssod.testing.shapes import SHAPES

CLASSES: tuple[str, ...] = tuple(SHAPES)
"""Names of the ten classes, the most frequent first."""

_GENERATOR = 'mmssod demo data'
_VERSION = 1
_TRAIN, _VAL = 0, 1
_JPEG_QUALITY = 95
_LIMITS = {
    'size': (32, 4096),
    'num_classes': (1, len(CLASSES)),
    'tail_ratio': (1, 1000),
    'val_tail_ratio': (1, 1000),
}


@dataclass(frozen=True)
class DemoData:
    """Where the parts of the data set lie."""

    root: Path
    classes: tuple[str, ...]

    @property
    def labeled_json(self) -> Path:
        """Annotations of the labeled images."""
        return self.root / 'train.json'

    @property
    def labeled_images(self) -> Path:
        """Folder of the labeled images."""
        return self.root / 'labeled'

    @property
    def unlabeled_images(self) -> Path:
        """Folder of the images without annotations."""
        return self.root / 'unlabeled'

    @property
    def withheld_json(self) -> Path:
        """Annotations of the unlabeled images, for judging pseudo labels only."""
        return self.root / 'unlabeled-withheld.json'

    @property
    def val_json(self) -> Path:
        """Annotations of the evaluation images."""
        return self.root / 'val.json'

    @property
    def val_images(self) -> Path:
        """Folder of the evaluation images."""
        return self.root / 'val'

    @property
    def manifest(self) -> Path:
        """Parameters and checksum; written last."""
        return self.root / 'manifest.json'

    def splits(self) -> dict[str, tuple[Path, Path]]:
        """Name of each split -> its annotations and its folder of images."""
        return {
            'labeled': (self.labeled_json, self.labeled_images),
            'unlabeled': (self.withheld_json, self.unlabeled_images),
            'val': (self.val_json, self.val_images),
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
    num_labeled: int = 100,
    num_unlabeled: int = 900,
    num_val: int = 200,
    size: int = 160,
    seed: int = 0,
    num_classes: int = len(CLASSES),
    min_boxes_per_class: int = 8,
    tail_ratio: float = 50.0,
    val_tail_ratio: float = 4.0,
) -> DemoData:
    """Writes the data set, unless the very same is there already.

    Image i of a split's stream depends on `seed`, `size`, the class frequencies and i alone: raising `num_unlabeled` or
    `num_val` adds images and changes none.

    Args:
        root: folder to write into; made if missing. A data set of other parameters in it is replaced.
        num_labeled: images with annotations, 0 or more.
        num_unlabeled: images without, 0 or more.
        num_val: images for evaluation, 0 or more.
        size: side of the square images in pixels, in [32, 4096].
        seed: 0 or more.
        num_classes: the first so many of `CLASSES`.
        min_boxes_per_class: boxes of each class that the labeled images hold at least.
        tail_ratio: boxes of the most frequent class over those of the rarest in the training stream, in [1, 1000]. At
            1000 images the ratio of the counts deviates from it by some 10 per cent.
        val_tail_ratio: the same for the evaluation images.

    Returns:
        The paths.

    Raises:
        ValueError: a parameter is out of range, or `num_labeled` images cannot hold `min_boxes_per_class`.
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
    if _is_up_to_date(data, parameters):
        return data
    _refuse_foreign_files(data)
    data.root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data.root.parent, prefix=f'.{data.root.name}-') as folder:
        fresh = DemoData(Path(folder), data.classes)
        _write(fresh, parameters)
        _move(fresh, data)
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

    The first images that show a class still wanting, from the rarest class to the most frequent, then the first of the
    others.

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
            f'{min_boxes} boxes of each of {num_classes} classes take {len(chosen)} labeled images, got num_labeled='
            f'{num_images}; raise num_labeled or lower min_boxes_per_class'
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
    manifest = {
        'generator': _GENERATOR,
        'version': _VERSION,
        'parameters': dataclasses.asdict(parameters),
        'checksum': _checksum(data),
    }
    data.manifest.write_text(json.dumps(manifest, indent=2) + '\n')


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
        'info': {'description': _GENERATOR, 'version': str(_VERSION)},
        'licenses': [],
        'categories': [{'id': i, 'name': name} for i, name in enumerate(classes, start=1)],
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


def _checksum(data: DemoData) -> str:
    """SHA-256 over the names and contents of all annotations and images."""
    digest = hashlib.sha256()
    for json_path, folder in data.splits().values():
        for path in (json_path, *sorted(folder.iterdir())):
            digest.update(f'{path.relative_to(data.root).as_posix()}\n'.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _read_manifest(data: DemoData) -> dict[str, Any]:
    try:
        manifest = json.loads(data.manifest.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    is_ours = isinstance(manifest, dict) and manifest.get('generator') == _GENERATOR
    return manifest if is_ours else {}


def _is_up_to_date(data: DemoData, parameters: _Parameters) -> bool:
    manifest = _read_manifest(data)
    if manifest.get('version') != _VERSION:
        return False
    if manifest.get('parameters') != dataclasses.asdict(parameters):
        return False
    try:
        return bool(manifest.get('checksum') == _checksum(data))
    except OSError:
        return False


def _parts(data: DemoData) -> list[Path]:
    """Everything we write, the manifest last."""
    return [path for pair in data.splits().values() for path in pair] + [data.manifest]


def _refuse_foreign_files(data: DemoData) -> None:
    if _read_manifest(data):
        return
    there = [path.name for path in _parts(data) if path.exists()]
    if there:
        raise FileExistsError(
            f'{data.root} holds {", ".join(there)} but no manifest of this generator: choose another folder, or remove them'
        )


def _move(source: DemoData, target: DemoData) -> None:
    target.root.mkdir(exist_ok=True)
    for old in reversed(_parts(target)):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for fresh, final in zip(_parts(source), _parts(target), strict=True):
        shutil.move(fresh, final)
