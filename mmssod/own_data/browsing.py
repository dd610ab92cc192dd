"""Draws samples of a training set after its pipeline: labeled images, weak and strong views."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmssod.analysis.pictures import Side, tag
from mmssod.analysis.plotting import write_png
from mmssod.analysis.views import ShownView, draw
from mmssod.apis.config import ConfigLike, load_config
from mmssod.datasets.annotation_files import shown
from mmssod.datasets.formats import read_labels
from mmssod.datasets.sample_key import derive_seed, seeded
from mmssod.datasets.split import Coco
from mmssod.environment.errors import InputError
from mmssod.evaluation.detections import corners
from mmssod.own_data.inferring import Frame, infer
from mmssod.structures import raise_together
from mmssod.structures.pseudo_labels import move_boxes


def browse(
    config: ConfigLike,
    out: str,
    *,
    number: int = 8,
    seed: int = 0,
    checkpoint: str | None = None,
    boxes: str | None = None,
    score_thr: float = 0.3,
    device: str | None = None,
) -> list[Path]:
    """Draw images of each source of a training set.

    Args:
        config: A training config.
        out: Folder for the pictures; it is made.
        number: Images of each source, drawn at random, >= 1.
        seed: Which images, and how they are augmented: the same seed gives the same pictures.
        checkpoint: Checkpoint of the run or of its teacher, whose detections on an unlabeled image are drawn.
        boxes: Instead, labels of the unlabeled images in any format, such as withheld ones or ``mmssod label``'s.
        score_thr: Minimum score of what the checkpoint finds.
        device: Device for the checkpoint; by default a GPU if there is one.

    Returns:
        The pictures.

    Raises:
        ValueError: ``number`` below 1, or both a checkpoint and boxes.
    """
    if number < 1:
        raise InputError(f'number: expected a whole number >= 1, got {number}')
    if checkpoint and boxes:
        raise InputError('boxes of unlabeled images: expected a checkpoint or labels, got both')
    cfg = load_config(config)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, source in getattr(dataset, 'sources', {'labeled': dataset}).items():
        chosen = choose(len(source), number, derive_seed(seed, name))
        known: dict[str, list[dict]] = {}
        if name != 'labeled':
            paths = [source.get_data_info(index)['img_path'] for index in chosen]
            known = known_boxes(cfg, paths, checkpoint, boxes, score_thr, device)
        for place, index in enumerate(chosen):
            path = source.get_data_info(index)['img_path']
            with seeded(derive_seed(seed, name, index)):
                views = shown_views(source[index], dataset.metainfo['classes'], known.get(path, []))
            file = folder / f'{name}_{place:02d}_{shown(Path(path).stem)}.png'
            figure = draw(views, shown(shortened(path), 1000))
            write_png(figure, file, bbox_inches='tight', pad_inches=0.05)
            written.append(file)
    return written


def shortened(path: str) -> str:
    """A path as it is seen from here, if it lies below."""
    here = Path.cwd()
    place = Path(path).absolute()
    return place.relative_to(here).as_posix() if place.is_relative_to(here) else path


def choose(length: int, number: int, seed: int) -> list[int]:
    """``number`` of ``length`` indices at random, ascending; all where there are fewer."""
    drawn = np.random.RandomState(seed).permutation(length)[:number]
    return sorted(int(index) for index in drawn)


def shown_views(
    packed: dict[str, Any], classes: Sequence[str], known: Sequence[dict]
) -> list[ShownView]:
    """The views in what a pipeline gives.

    Args:
        packed: ``inputs`` and ``data_samples``, each one value or one a branch (None where a branch has none).
        classes: Names in the order of labels.
        known: Boxes ``x y w h`` with a ``name`` in pixels of the original image, for views without true boxes.
    """
    inputs, samples = packed['inputs'], packed['data_samples']
    if not isinstance(inputs, dict):
        inputs, samples = {'labeled': inputs}, {'labeled': samples}
    return [
        ShownView(branch, as_rgb(image), side_of(samples[branch], classes, known))
        for branch, image in inputs.items()
        if image is not None
    ]


def as_rgb(image: torch.Tensor) -> np.ndarray:
    """Pixels of a packed image, BGR of shape (3, H, W); RGB, shape (H, W, 3), uint8."""
    pixels = image.permute(1, 2, 0).flip(-1).clamp(0, 255).to(torch.uint8).numpy()
    return np.ascontiguousarray(pixels)


def side_of(sample: DetDataSample, classes: Sequence[str], known: Sequence[dict]) -> Side:
    """True boxes of a view, or else the known ones where the view's homography takes them."""
    true = sample.gt_instances
    if len(true):
        names = tuple(classes[label] for label in true.labels)
        tensor = true.bboxes.tensor if hasattr(true.bboxes, 'tensor') else true.bboxes
        return Side(tensor.numpy(), names, names)
    matrix = torch.as_tensor(np.asarray(sample.homography_matrix))
    moved = move_boxes(torch.from_numpy(corners(known)), matrix, sample.img_shape[:2]).numpy()
    seen = [index for index, box in enumerate(moved) if (box[2:] > box[:2]).all()]
    names = tuple(known[index]['name'] for index in seen)
    tags = tuple(
        f'{known[i]["name"]} {tag(known[i])}' if 'score' in known[i] else known[i]['name']
        for i in seen
    )
    return Side(moved[seen], names, tags)


def known_boxes(
    cfg: Config,
    paths: Sequence[str],
    checkpoint: str | None,
    boxes: str | None,
    score_thr: float,
    device: str | None,
) -> dict[str, list[dict]]:
    """Boxes of images by path, each with the ``name`` of its class."""
    if checkpoint:
        frames = [Frame(path, path) for path in paths]
        return by_path(infer(cfg, checkpoint, frames, score_thr=score_thr, device=device), paths)
    if not boxes:
        return {}
    folder = osp.commonpath([osp.dirname(path) for path in paths])
    coco, findings = read_labels(Path(boxes), Path(folder))
    if not coco['images']:
        raise_together(findings.problems, f'in {boxes}')
    return by_path(coco, paths)


def by_path(coco: Coco, paths: Sequence[str]) -> dict[str, list[dict]]:
    """Boxes of a data set by the path that ends in its image's name."""
    names = {category['id']: category['name'] for category in coco['categories']}
    files = {image['id']: image['file_name'] for image in coco['images']}
    wanted = {
        file: path for file in files.values() for path in paths if f'/{path}'.endswith(f'/{file}')
    }
    found: dict[str, list[dict]] = {path: [] for path in paths}
    for box in coco['annotations']:
        if (path := wanted.get(files[box['image_id']])) is not None:
            found[path].append({**box, 'name': names[box['category_id']]})
    return found
