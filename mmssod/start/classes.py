"""Compares class names, and finds the class dimension of a weight.

``C`` classes; a class layer is a weight or bias one of whose axes grows with C. Its length there is
``groups * (C + extra)``:

* one group, nothing extra: sigmoid heads, embeddings of labels;
* one group, one extra: softmax heads, background last;
* several groups in a convolution: its anchors, the classes of one behind those of the other (``A * C``);
* several groups in a fully connected layer: numbers of one class side by side, as box regression by class (``C * 4``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

LARGEST_EXTRA = 5
"""Numbers of a group that belong to no class: background, or a box and its objectness (YOLOv3, before the classes)."""

_SYNONYMS = {  # of VOC and COCO
    'aeroplane': 'airplane',
    'motorbike': 'motorcycle',
    'sofa': 'couch',
    'tvmonitor': 'tv',
}


def same_name(name: str) -> str:
    """What is equal for two names of one class: without case, spaces, ``_`` and ``-``, and VOC's names as COCO's."""
    plain = ''.join(name.casefold().replace('_', ' ').replace('-', ' ').split())
    return _SYNONYMS.get(plain, plain)


def matches(theirs: Sequence[str], ours: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (index in ``theirs``, index in ``ours``) of the classes of one name, in the order of ``ours``.

    Args:
        theirs: Classes of a checkpoint; of two with one name the first counts.
        ours: Classes of a model.
    """
    places: dict[str, int] = {}
    for index, name in enumerate(theirs):
        places.setdefault(same_name(name), index)
    found = ((places.get(same_name(name)), index) for index, name in enumerate(ours))
    return [(their, our) for their, our in found if their is not None]


class ClassAxis(NamedTuple):
    """The class dimension of a weight."""

    axis: int  # the one that grows with the number of classes
    groups: int  # by how much, for each class
    extra: int  # numbers of each group that belong to no class, 0 to LARGEST_EXTRA


def class_axis(
    shape: Sequence[int], count: int, other_shape: Sequence[int], other_count: int
) -> ClassAxis | None:
    """Find the class dimension of a weight that has one shape for ``count`` classes and another for ``other_count``.

    Law: ``shape[axis] == groups * (count + extra)``, and so for the other; all other axes are equal.

    Returns:
        None where no number of classes explains the difference: the weights are of two architectures.
    """
    pairs = enumerate(zip(shape, other_shape, strict=False))
    differing = [index for index, (one, other) in pairs if one != other]
    if len(shape) != len(other_shape) or len(differing) != 1 or count == other_count:
        return None
    axis = differing[0]
    groups, rest = divmod(other_shape[axis] - shape[axis], other_count - count)
    if rest or groups < 1:
        return None
    extra, rest = divmod(shape[axis] - groups * count, groups)
    return None if rest or not 0 <= extra <= LARGEST_EXTRA else ClassAxis(axis, groups, extra)


def transfer(
    theirs: Tensor,
    ours: Tensor,
    axis: ClassAxis,
    pairs: Sequence[tuple[int, int]],
    counts: tuple[int, int],
    convolution: bool,
) -> Tensor:
    """A class layer with the weights of the classes that both have, all others as in ``ours``.

    What belongs to no class is taken along with at least one class: the logit of the background is only worth something
    beside those it was trained with. Boxes and objectness (``extra`` above 2) are always taken.

    Args:
        theirs: A checkpoint's weight, of any floating type.
        ours: The model's weight; not changed.
        axis: Where the classes lie in both.
        pairs: Indices of the classes of one name, see :func:`matches`.
        counts: Numbers of classes, the checkpoint's and the model's.
        convolution: Whether groups are anchors, rather than numbers of one class.

    Returns:
        Of the shape of ``ours``.
    """
    new = ours.clone()
    first = axis.extra > 2
    if not pairs and not first:
        return new
    sources, targets = (
        _places(axis, [pair[side] for pair in pairs], counts[side], convolution) for side in (0, 1)
    )
    rows = theirs.index_select(axis.axis, torch.tensor(sources, device=theirs.device))
    return new.index_copy_(axis.axis, torch.tensor(targets, device=new.device), rows.to(new))


def _places(axis: ClassAxis, classes: list[int], count: int, convolution: bool) -> list[int]:
    """Positions along the axis of the numbers of some classes, and of those without a class; in one order for all."""
    length = count + axis.extra
    before = axis.extra if axis.extra > 2 else 0
    members = [before + index for index in classes]
    members += range(before) if before else range(count, length)
    if convolution:
        return [group * length + member for group in range(axis.groups) for member in members]
    return [member * axis.groups + group for member in members for group in range(axis.groups)]
