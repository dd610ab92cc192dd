"""Mixes two images and their boxes into one: pure functions.

``h`` and ``w`` are an image's height and width without padding; boxes are ``x1 y1 x2 y2`` in its pixels.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from mmssod.structures import PseudoLabels, View
from mmssod.structures.views import resized


def mixup(image: View, other: View, share: float) -> View:
    """``share * image + (1 - share) * other`` on a canvas that holds both, upper left corners together.

    Where there is one image alone the other counts as 0, the mean color. A share of 0 leaves out the image's boxes.

    Args:
        image: Whose sample the result has.
        other: The other one.
        share: In [0, 1].
    """
    parts = [(image, share), (other, 1.0 - share)]
    height, width = (
        max(sizes) for sizes in zip(image.image.shape[1:], other.image.shape[1:], strict=True)
    )
    canvas = image.image.new_zeros(image.image.shape[0], height, width)
    for view, part in parts:
        canvas[:, : view.image.shape[1], : view.image.shape[2]] += part * view.image
    labels = [view.labels.scaled(part) for view, part in parts if part > 0]
    return remade(image, other, canvas, PseudoLabels.cat(labels))


def mosaic(image: View, other: View, share: float, axis: int, min_part: float = 0.25) -> View:
    """The first ``share`` of one image, then what is left of the other one after its first ``share``.

    Args:
        image: First part, whose sample the result has.
        other: Last part.
        share: In [0, 1].
        axis: 0 cuts between rows (upper and lower part), 1 between columns (left and right part).
        min_part: Minimum share of a box's width or height, in [0, 1].
    """
    lengths = [view.image.shape[1 + axis] for view in (image, other)]
    cut, start = (round(share * length) for length in lengths)
    rest = lengths[1] - start
    size = [max(a, b) for a, b in zip(image.image.shape[1:], other.image.shape[1:], strict=True)]
    size[axis] = cut + rest
    canvas = image.image.new_zeros(image.image.shape[0], *size)
    for place, part in (
        (canvas.narrow(1 + axis, 0, cut), image.image.narrow(1 + axis, 0, cut)),
        (canvas.narrow(1 + axis, cut, rest), other.image.narrow(1 + axis, start, rest)),
    ):
        place[:, : part.shape[1], : part.shape[2]] = part
    labels = [
        clipped(image.labels, axis, (0, cut), 0, min_part),
        clipped(other.labels, axis, (start, lengths[1]), cut - start, min_part),
    ]
    return remade(image, other, canvas, PseudoLabels.cat(labels))


def clipped(
    labels: PseudoLabels, axis: int, part: tuple[int, int], shift: int, min_part: float
) -> PseudoLabels:
    """Boxes of a part of an image, moved by ``shift`` pixels along the cut axis.

    Args:
        labels: In pixels of the whole image.
        axis: 0 for y, 1 for x.
        part: First and last pixel border that is kept.
        shift: In pixels, added after clipping.
        min_part: Boxes of which less is left, as a share of their length along the axis, are dropped.
    """
    boxes = labels.boxes.clone()
    whole = boxes[:, 1 - axis :: 2]
    kept = whole.clamp(*part)
    lengths, left = whole[:, 1] - whole[:, 0], kept[:, 1] - kept[:, 0]
    boxes[:, 1 - axis :: 2] = kept + shift
    return replace(labels, boxes=boxes).select((left > 0) & (left >= min_part * lengths))


def remade(image: View, other: View, canvas: Tensor, labels: PseudoLabels) -> View:
    """A view of another size under the image's name; padding is the least that one of the two had and that holds it."""
    size = tuple(canvas.shape[1:])
    pads = zip(size, image.sample.pad_shape, other.sample.pad_shape, strict=False)
    padded = tuple(least(length, (ours, theirs)) for length, ours, theirs in pads)
    return View(canvas, resized(image.sample, img_shape=size, pad_shape=padded), labels)


def least(length: int, candidates: Sequence[int]) -> int:
    """The least of the candidates that is not below the length."""
    return min(candidate for candidate in candidates if candidate >= length)
