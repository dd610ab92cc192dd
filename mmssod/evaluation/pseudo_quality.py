"""Quality of pseudo labels, measured with annotations withheld from training (Figure 3 of the paper).

``N`` pseudo boxes and ``G`` true boxes of one image; boxes ``x1 y1 x2 y2`` in pixels of the original image.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torchvision.ops import box_iou

from mmssod.environment.errors import InputError
from mmssod.evaluation.detections import corners

CERTAINTIES = ('p', 'v', 'p*v', 'p_and_v')


@dataclass(frozen=True)
class Matches:
    """Pseudo boxes of many images against true ones.

    Args:
        iou: IoU of each pseudo box with its best true box of the same class, 0 if there is none, shape (N,).
        target: Index of that true box among all of ``true_labels``, -1 if there is none, shape (N,).
        ignored: Whether it lies on a true box that is to be ignored (crowd), shape (N,).
        labels: Classes, shape (N,).
        cls_certainty: ``p``, shape (N,).
        loc_certainty: ``v``, shape (N,).
        true_labels: Classes of the true boxes that are not to be ignored, shape (G,).
    """

    iou: np.ndarray
    target: np.ndarray
    ignored: np.ndarray
    labels: np.ndarray
    cls_certainty: np.ndarray
    loc_certainty: np.ndarray
    true_labels: np.ndarray

    @classmethod
    def join(cls, parts: list['Matches']) -> 'Matches':
        """All images in one."""
        joined = {n: np.concatenate([vars(part)[n] for part in parts]) for n in vars(parts[0])}
        starts = np.cumsum([0] + [len(part.true_labels) for part in parts[:-1]])
        targets = [
            np.where(p.target >= 0, p.target + s, -1) for p, s in zip(parts, starts, strict=True)
        ]
        return cls(**{**joined, 'target': np.concatenate(targets)})

    def certainty(self, name: str) -> np.ndarray:
        """One of :data:`CERTAINTIES`, shape (N,)."""
        return certainty(self.cls_certainty, self.loc_certainty, name)

    def select(self, keep: np.ndarray) -> 'Matches':
        """The pseudo boxes at a mask; all true boxes stay."""
        boxes = {n: value[keep] for n, value in vars(self).items() if n != 'true_labels'}
        return Matches(**boxes, true_labels=self.true_labels)

    def right(self, taken: np.ndarray, iou: float) -> np.ndarray:
        """Which taken boxes are right: IoU high enough, and the most certain (p * v) on their true box.

        Args:
            taken: Bool, shape (N,).
            iou: Minimum IoU.
        """
        candidates = np.flatnonzero(taken & (self.target >= 0) & (self.iou >= iou))
        order = candidates[
            np.argsort(-(self.cls_certainty * self.loc_certainty)[candidates], kind='stable')
        ]
        _, first = np.unique(self.target[order], return_index=True)
        right = np.zeros(len(self.iou), bool)
        right[order[first]] = True
        return right


def certainty(p: np.ndarray, v: np.ndarray, name: str) -> np.ndarray:
    """The certainty compared with a threshold: ``'p'``, ``'v'``, ``'p*v'`` or ``'p_and_v'`` (the lesser); shape (N,).

    Raises:
        ValueError: For another name.
    """
    if name not in CERTAINTIES:
        raise InputError(f'certainty must be one of {CERTAINTIES}, got {name!r}')
    return {'p': p, 'v': v, 'p*v': p * v, 'p_and_v': np.minimum(p, v)}[name]


def match_annotations(annotations: dict, classes: Sequence[str], results: Iterable) -> Matches:
    """Predictions of many images against the boxes of a COCO data set.

    Args:
        annotations: The data set; boxes of other classes are left out.
        classes: Names in the order of labels.
        results: Image id, boxes (N, 4), labels (N,), p (N,) and v (N,) of each image. True boxes of images that are
            not among them do not count.
    """
    names = {category['id']: category['name'] for category in annotations['categories']}
    label = {i: classes.index(name) for i, name in names.items() if name in classes}
    truth = defaultdict(list)
    for box in annotations['annotations']:
        if box['category_id'] in label:
            truth[box['image_id']].append(box)
    parts = []
    for image_id, boxes, labels, p, v in results:
        true = truth[image_id]
        true_labels = np.array([label[box['category_id']] for box in true], dtype=int)
        crowd = np.array([bool(box.get('iscrowd', 0)) for box in true], dtype=bool)
        parts.append(match_image(boxes, labels, p, v, corners(true), true_labels, crowd))
    return Matches.join(parts)


def match_image(
    boxes: np.ndarray,
    labels: np.ndarray,
    cls_certainty: np.ndarray,
    loc_certainty: np.ndarray,
    true_boxes: np.ndarray,
    true_labels: np.ndarray,
    crowd: np.ndarray,
) -> Matches:
    """Find the best true box of each pseudo box of one image.

    Args:
        boxes: Shape (N, 4).
        labels: Shape (N,).
        cls_certainty: Shape (N,).
        loc_certainty: Shape (N,).
        true_boxes: Shape (G, 4).
        true_labels: Shape (G,).
        crowd: True boxes to ignore, bool, shape (G,).
    """
    overlap = box_iou(as_boxes(boxes), as_boxes(true_boxes)).numpy()
    overlap = overlap * (labels[:, None] == true_labels[None, :])
    solid = overlap[:, ~crowd]
    iou = solid.max(axis=1, initial=0.0)
    best = solid.argmax(axis=1) if solid.shape[1] else np.zeros(len(boxes), int)
    inside = share_inside(boxes, true_boxes[crowd]) * (labels[:, None] == true_labels[None, crowd])
    ignored = (inside.max(axis=1, initial=0.0) > 0.5) & (iou < 0.5)
    return Matches(
        iou=iou,
        target=np.where(iou > 0, best, -1),
        ignored=ignored,
        labels=labels,
        cls_certainty=cls_certainty,
        loc_certainty=loc_certainty,
        true_labels=true_labels[~crowd],
    )


def share_inside(boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """How much of each box lies in each region, as COCO judges crowds; shapes (N, 4), (G, 4) -> (N, G), in [0, 1]."""
    boxes, regions = boxes.reshape(-1, 1, 4), regions.reshape(1, -1, 4)
    least = np.minimum(boxes[..., 2:], regions[..., 2:]) - np.maximum(
        boxes[..., :2], regions[..., :2]
    )
    common = least.clip(min=0).prod(axis=-1)
    return common / (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1).clip(min=1e-9)


def as_boxes(array: np.ndarray) -> torch.Tensor:
    """An array of boxes as a float tensor of shape (n, 4), also when empty."""
    return torch.as_tensor(np.asarray(array, dtype=np.float32).reshape(-1, 4))


def quality(matches: Matches, keep: np.ndarray, iou: float = 0.5) -> dict[str, float]:
    """Precision, recall and mean IoU of the pseudo boxes at a mask.

    Args:
        matches: Pseudo boxes of all images.
        keep: Which of them are taken, bool, shape (N,).
        iou: From which IoU a pseudo box is right.

    Returns:
        ``boxes`` (taken), ``precision`` and ``recall`` at ``iou``, and ``mean_iou`` of the boxes right at IoU 0.5; NaN
        where nothing was taken.
    """
    taken = keep & ~matches.ignored
    right, half = matches.right(taken, iou), matches.right(taken, 0.5)
    number, total = int(taken.sum()), len(matches.true_labels)
    return dict(
        boxes=number,
        precision=float(right.sum() / number) if number else float('nan'),
        recall=float(right.sum() / total) if total else float('nan'),
        mean_iou=float(matches.iou[half].mean()) if half.any() else float('nan'),
    )


def correlation(certainty: np.ndarray, iou: np.ndarray) -> float:
    """Pearson correlation of a certainty with the true IoU; NaN when one of them does not vary."""
    if len(iou) < 2 or certainty.std() == 0 or iou.std() == 0:
        return float('nan')
    return float(np.corrcoef(certainty, iou)[0, 1])
