"""Chooses the images that the report shows, and what is drawn on them."""

from __future__ import annotations

import os.path as osp
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmssod.analysis.pictures import Side, pictures, tag
from mmssod.analysis.report.gallery import Item, Panel, Shape, shapes_of
from mmssod.environment.errors import InputError
from mmssod.evaluation import DetectorOutputs
from mmssod.evaluation.detections import certainties, corners
from mmssod.evaluation.pseudo_quality import certainty

SHOWN_FROM = 0.3  # least p of a rejected box that is drawn; below it there are dozens an image
DIFFERENCES_FROM = 0.3  # least p*v of a box where two detectors are compared


def sample_images(coco: dict, number: int, seed: int = 0) -> dict:
    """A data set of at most ``number`` of its images, drawn at random, in their order."""
    images = coco['images']
    order = np.random.RandomState(seed).permutation(len(images))[:number]
    kept = [images[index] for index in sorted(order)]
    ids = {image['id'] for image in kept}
    boxes = [box for box in coco['annotations'] if box['image_id'] in ids]
    return {**coco, 'images': kept, 'annotations': boxes}


def withheld_file(unlabeled: str) -> str:
    """Where the repository's tools leave the true boxes of unlabeled images; '' if there is no such file.

    Args:
        unlabeled: Folder or json of the unlabeled images.
    """
    stem = (
        str(Path(unlabeled).with_suffix(''))
        if unlabeled.endswith('.json')
        else unlabeled.rstrip('/')
    )
    for ending in ('-boxes.json', '-withheld.json'):
        if osp.isfile(stem + ending):
            return stem + ending
    return ''


def with_true_boxes(unlabeled: dict, withheld: dict) -> dict:
    """Unlabeled images with their true boxes from another data set; images that it lacks are left out.

    Args:
        unlabeled: COCO data set of images, whose names are paths.
        withheld: COCO data set of the same images under names that those paths end in, and of the same classes.

    Raises:
        ValueError: No image is in both.
    """
    by_base = defaultdict(list)
    for image in withheld['images']:
        by_base[osp.basename(image['file_name'])].append(image)
    theirs: dict[int, int] = {}
    kept = []
    for image in unlabeled['images']:
        path = f'/{image["file_name"]}'
        fits = [i for i in by_base[osp.basename(path)] if path.endswith(f'/{i["file_name"]}')]
        if len(fits) == 1:
            theirs[fits[0]['id']] = image['id']
            kept.append(image)
    if not kept:
        raise InputError(
            'withheld boxes: expected a data set of the unlabeled images, but none of its '
            f'{len(withheld["images"])} names is the end of an unlabeled path such as '
            f'{unlabeled["images"][0]["file_name"]}'
        )
    names = {category['id']: category['name'] for category in withheld['categories']}
    ours = {category['name']: category['id'] for category in unlabeled['categories']}
    boxes = [
        {**box, 'image_id': theirs[box['image_id']], 'category_id': ours[names[box['category_id']]]}
        for box in withheld['annotations']
        if box['image_id'] in theirs and names[box['category_id']] in ours
    ]
    return {**unlabeled, 'images': kept, 'annotations': boxes}


def label_items(
    outputs: DetectorOutputs, label: str, name: str, thresholds: Sequence[float]
) -> Iterator[Item]:
    """Pictures of what one detector found: kept boxes, rejected ones, and the true ones where they are known."""
    names = dict(zip(outputs.class_ids, outputs.classes, strict=True))
    place = {class_id: index for index, class_id in enumerate(outputs.class_ids)}
    true = defaultdict(list)
    for box in outputs.annotations['annotations']:
        if box['category_id'] in names and not box.get('iscrowd'):
            true[box['image_id']].append(box)
    found = outputs.by_image(label)
    for image in outputs.annotations['images']:
        boxes = found[image['id']]
        p, v = certainties(boxes)
        limits = np.array([thresholds[place[box['category_id']]] for box in boxes])
        keep = certainty(p, v, name) > limits
        shapes: tuple[Shape, ...] = true_shapes(true[image['id']], names)
        for layer, mask in (('rejected', ~keep & (p > SHOWN_FROM)), ('kept', keep)):
            chosen = [boxes[index] for index in np.flatnonzero(mask)]
            classes = [names[box['category_id']] for box in chosen]
            tags = [f'{c} {tag(box)}' for c, box in zip(classes, chosen, strict=True)]
            shapes += shapes_of(layer, corners(chosen), classes, tags)
        file = image['file_name']
        item = Item(osp.join(outputs.images, file), osp.basename(file), (Panel(label, shapes),))
        item.uncertainty = uncertainty(certainty(p, v, name), limits)
        yield item


def uncertainty(certainties: np.ndarray, limits: np.ndarray) -> float:
    """How near the box that was hardest to decide is to its threshold: 1 at it, 0 farthest from it, or without boxes.

    Args:
        certainties, limits: What is compared, of each box; shape (N,), in [0, 1].
    """
    distance = np.abs(certainties - limits) / np.maximum(limits, 1 - limits)
    return float(1 - distance.min(initial=1.0))


def difference_items(outputs: DetectorOutputs) -> Iterator[Item]:
    """Pictures on which two detectors differ, the most different first, a panel a detector."""
    for picture in pictures(outputs, 'p*v', DIFFERENCES_FROM):
        truth = side_shapes('truth', picture.truth)
        panels = tuple(
            Panel(label, truth + side_shapes('kept', side)) for label, side in picture.sides.items()
        )
        caption = f'{osp.basename(picture.path)}: differ by {picture.distance:.1f} boxes'
        yield Item(picture.path, caption, panels)


def side_shapes(layer: str, side: Side) -> tuple[Shape, ...]:
    """The boxes of one side of a picture."""
    return shapes_of(layer, side.boxes, side.classes, side.tags)


def true_shapes(boxes: Sequence[dict], names: dict[int, str]) -> tuple[Shape, ...]:
    """True boxes in COCO's form."""
    classes = [names[box['category_id']] for box in boxes]
    return shapes_of('truth', corners(boxes), classes, classes)
