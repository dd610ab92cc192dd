"""Initializes a model from a checkpoint: loads what fits, class weights by name, and reports what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from mmengine.logging import print_log
from torch import Tensor, nn

from mmssod.models.checkpoint_parts import Misfits, load_and_compare
from mmssod.start.classes import ClassAxis, class_axis, matches, same_name, transfer
from mmssod.start.reading import coco_classes, trained_classes

Twin = Callable[[int], Mapping[str, Sequence[int]]]
"""Shapes of a model's weights by name with one class more than the number given, which is the model's."""


@dataclass(frozen=True)
class Fit:
    """Which weights of a start fitted and which did not. Names are the checkpoint's unless stated otherwise."""

    misfits: Misfits  # what the checkpoint leaves as it was; class layers are no misfits
    places: Mapping[str, str]  # the model's name of each weight that both have
    unused: Sequence[str]  # weights that the model does not have
    unfilled: frozenset[
        str
    ]  # the model's names of weights of another shape or, in class layers, of no common class
    classes: tuple[str, ...]  # those of the model
    trained_on: tuple[str, ...]  # those of the checkpoint; () if it does not say them
    layers: frozenset[str]  # the model's names of the class layers that were filled by name

    @property
    def fitted(self) -> list[str]:
        """Names of weights that were taken, class layers among them where one class has its own."""
        return [name for name, place in self.places.items() if place not in self.unfilled]

    @property
    def kept(self) -> list[str]:
        """Classes of the model that have the checkpoint's weights; () where class weights were not looked at."""
        pairs = matches(self.trained_on, self.classes) if self.layers else ()
        return [self.classes[our] for _, our in pairs]

    @property
    def new(self) -> list[str]:
        """Classes of the model that begin as it initialized them."""
        return [name for name in self.classes if self.layers and name not in self.kept]

    @property
    def unsorted(self) -> bool:
        """Whether the checkpoint knows other classes, or another order, and its class layers were not found."""
        return not self.layers and _are_others(self.trained_on, self.classes)


def fit_start(
    model: nn.Module,
    checkpoint: dict[str, Any],
    classes: Sequence[str] = (),
    twin: Twin | None = None,
) -> Fit:
    """Load into a model what fits of a checkpoint.

    Class layers are found by their size: a weight that has one shape for the checkpoint's number of classes and
    another for the model's (:func:`~mmssod.start.classes.class_axis`); where both numbers are equal, ``twin`` says
    which they are. A class has the weights of the checkpoint's class of its name
    (:func:`~mmssod.start.classes.same_name`), whatever its place; all others stay as the model initialized them.

    Law: where the checkpoint has all classes of the model, a sigmoid head answers with the checkpoint's logits by name;
    so does a softmax head, with that of the background.

    Args:
        model: Initialized, without the wrapper of distributed training; changed.
        checkpoint: Result of :func:`~mmssod.start.reading.read_start`. Its ``state_dict`` is replaced by the model's
            new weights under the checkpoint's names, without those that did not fit, so that hooks see what was loaded.
        classes: Classes of the data set; with () class layers of another size are misfits.
        twin: See :data:`Twin`.
    """
    state = _tensors(model)
    weights = {n.removeprefix('module.'): v for n, v in checkpoint['state_dict'].items()}
    known = _known(checkpoint, classes)
    equal = _equal_layers(state, known, classes, twin)
    initial = {name: state[name].clone() for name in equal}
    misfits = load_and_compare(model, weights)
    layers = (
        _Layers(equal, known, len(known)) if equal else _by_size(misfits, state, known, classes)
    )
    pairs = matches(layers.trained_on, classes)
    _fill(state, initial, misfits.offered, layers, pairs, len(classes))
    sources: dict[int, str] = {}
    for place, value in misfits.offered.items():
        sources.setdefault(id(value), place)  # of student and teacher the student
    places = {name: sources[id(value)] for name, value in weights.items() if id(value) in sources}
    checkpoint['state_dict'] = {name: state[place] for name, place in places.items()}
    others = [t for t in misfits.other_shape if not any(f' {name}:' in t for name in layers.axes)]
    unfilled = (
        name
        for name, value in misfits.offered.items()
        if (not pairs if name in layers.axes else value.shape != state[name].shape)
    )
    return Fit(
        misfits=misfits._replace(other_shape=others),
        places=places,
        unused=[name for name in weights if name not in places],
        unfilled=frozenset(unfilled),
        classes=tuple(classes),
        trained_on=layers.trained_on,
        layers=frozenset(layers.axes.keys() & misfits.offered.keys()),
    )


class _Layers(NamedTuple):
    """Class layers by the model's names, and the classes of the checkpoint: their names, if known, and number."""

    axes: Mapping[str, ClassAxis]
    trained_on: tuple[str, ...]
    number: int


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by all their names; one that modules share has several."""
    both = (model.named_parameters, model.named_buffers)
    named = chain.from_iterable(of(remove_duplicate=False) for of in both)
    return {name: value.detach() for name, value in named}


def _known(checkpoint: Mapping[str, Any], classes: Sequence[str]) -> tuple[str, ...]:
    """The checkpoint's classes; where it has none and the model's are COCO's in some order, COCO's."""
    if found := trained_classes(checkpoint):
        return found
    theirs = coco_classes()
    return theirs if sorted(map(same_name, classes)) == sorted(map(same_name, theirs)) else ()


def _are_others(theirs: Sequence[str], ours: Sequence[str]) -> bool:
    """Whether classes, where both are known, differ in names or order."""
    if not theirs or not ours:
        return False
    return [same_name(name) for name in theirs] != [same_name(name) for name in ours]


def _equal_layers(
    state: Mapping[str, Tensor], known: Sequence[str], classes: Sequence[str], twin: Twin | None
) -> dict[str, ClassAxis]:
    """Class layers where the checkpoint has as many classes, others or in another order; else none."""
    if twin is None or len(known) != len(classes) or not _are_others(known, classes):
        return {}
    try:
        shapes = twin(len(classes))
    except Exception as error:  # of whatever the model's parts raise for another number of classes
        print_log(f'the class layers were not found: {type(error).__name__}: {error}', 'current')
        return {}
    count = len(classes)
    found = {
        name: class_axis(state[name].shape, count, shape, count + 1)
        for name, shape in shapes.items()
        if name in state and tuple(shape) != tuple(state[name].shape)
    }
    return {name: axis for name, axis in found.items() if axis}


def _by_size(
    misfits: Misfits, state: Mapping[str, Tensor], known: tuple[str, ...], classes: Sequence[str]
) -> _Layers:
    """Class layers where the checkpoint has another number of classes, which may have to be guessed."""
    shapes = {
        name: (tuple(value.shape), tuple(state[name].shape))
        for name, value in misfits.offered.items()
        if value.shape != state[name].shape
    }
    count = len(known) or _guessed_count(list(shapes.values()), len(classes))
    if not known and count == len(coco_classes()):
        known = coco_classes()
    if not classes or not count or count == len(classes):
        return _Layers({}, known, count)
    found = {
        name: class_axis(theirs, count, ours, len(classes))
        for name, (theirs, ours) in shapes.items()
    }
    return _Layers({name: axis for name, axis in found.items() if axis}, known, count)


def _guessed_count(shapes: list, ours: int) -> int:
    """The number of classes that explains all differences, COCO's first; 0 if none does."""
    lengths = {n for theirs, own in shapes for n, m in zip(theirs, own, strict=False) if n != m}
    guesses = [len(coco_classes()), *sorted({n - extra for n in lengths for extra in (0, 1)})]
    for guess in guesses if shapes else ():
        if guess > 0 and all(class_axis(theirs, guess, own, ours) for theirs, own in shapes):
            return guess
    return 0


def _fill(
    state: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    offered: Mapping[str, Tensor],
    layers: _Layers,
    pairs: Sequence[tuple[int, int]],
    number: int,
) -> None:
    """Write the class layers: the checkpoint's weights by name over ``initial``; student and teacher get the same."""
    written: dict[int, Tensor] = {}
    for name in (name for name in offered if name in layers.axes):
        theirs, ours = offered[name], state[name]
        if id(theirs) not in written:
            weight = state.get(name.rpartition('.')[0] + '.weight', ours)  # beside a bias
            written[id(theirs)] = transfer(
                theirs.to(ours.device),
                initial.get(name, ours),
                layers.axes[name],
                pairs,
                (layers.number, number),
                convolution=weight.dim() > 2,
            )
        ours.copy_(written[id(theirs)])
