"""Makes any MMDetection detector small, by rules over the keys of its config.

All widths are divided by the same number, those that are written and those that are defaults, so that what fitted
together still does. Depths, numbers of queries, of stages and of samples are cut to what shows that all parts work.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from mmdet.models.backbones import ResNet, TridentResNet
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict

from mmssod.engine.preflight.key_checks import parameters
from mmssod.ops import status

from .found import Found, types
from .words import AT_MOST, BACKBONES, OF_CLASS, UNDIVIDED, VALUES, words_of

DIVISOR = 16
"""Of all widths: a ResNet-18 of 16 channels has a sixteenth of a ResNet-50's, stage by stage."""
STAGES = 2
"""How many stages of a cascade are left."""

_WIDTH = re.compile(r'(^|_)channels?$|^(embed_dims|num_feats|num_deconv_filters)$')
_STAGED = (
    'bbox_head',
    'stage_loss_weights',
    'rcnn',
    'stages',
    'bbox_roi_extractor',
)  # lists of a cascade


def shrunk(found: Found) -> ConfigDict:
    """Config of the tiny detector; nothing of it is shared with that of another call."""
    model = Config.fromfile(found.path).model.to_dict()
    keep = {key for keys in words_of(UNDIVIDED, types(model)) for key in keys}
    return ConfigDict(_Rules(keep).value(model, ''))


class _Rules:
    """The rules, but for the widths of these keys."""

    def __init__(self, keep: Collection[str]) -> None:
        self.keep = keep

    def value(self, node: Any, key: str) -> Any:
        """What takes the place of the value of a key."""
        if key in VALUES:
            return VALUES[key]
        if key in _STAGED and isinstance(node, (list, tuple)):
            node = node[:STAGES]
        if _WIDTH.search(key):
            return node if key in self.keep else _divided(node)
        if isinstance(node, Mapping):
            return self.part(dict(node), key)
        if isinstance(node, (list, tuple)):
            return type(node)(self.value(part, '') for part in node)
        if key == 'num_groups' and node:
            return max(1, node // DIVISOR)
        if key == 'eps' and node == 0:
            return 1e-5  # torch's batch norm takes no 0 any more
        return min(node, AT_MOST[key]) if key in AT_MOST and type(node) is int else node

    def part(self, part: dict[str, Any], key: str) -> dict[str, Any]:
        """A part's config, its widths by default included."""
        if part.get('type') == 'soft_nms' and status() != 'compiled':
            return dict(type='nms', iou_threshold=part['iou_threshold'])
        if key == 'backbone':
            part = _backbone(part)
        elif 'num_stages' in part:
            part['num_stages'] = min(part['num_stages'], STAGES)
        full = _default_widths(part) | part
        return {n: self.value(v, n) for n, v in full.items()} | OF_CLASS.get(
            str(part.get('type')), {}
        )


def _backbone(config: dict[str, Any]) -> dict[str, Any]:
    """A ResNet-18, or the same class with its own factors of width and depth; widths are divided afterwards."""
    if config['type'] in BACKBONES:
        return {**BACKBONES[config['type']], 'type': 'ResNet', 'depth': 18}
    kind = MODELS.get(config['type'])
    if issubclass(kind, TridentResNet):
        return {**config, 'base_channels': 64}  # its branches belong to the detector
    if issubclass(kind, ResNet):
        known = {
            name: value for name, value in config.items() if name in (parameters(ResNet) or {})
        }
        width = 256 if config['depth'] >= 50 else 64  # of the first stage
        return {
            **known,
            'type': 'ResNet',
            'depth': 18,
            'base_channels': width,
            'stem_channels': width,
        }
    if 'widen_factor' in config:
        return {**config, 'widen_factor': config['widen_factor'] / DIVISOR, 'deepen_factor': 0.01}
    return config


def _default_widths(part: Mapping[str, Any]) -> dict[str, Any]:
    """Widths, and norms with groups, that the class of a part has by default."""
    kind = part.get('type')
    kind = MODELS.get(kind) if isinstance(kind, str) else None
    defaults = {name: p.default for name, p in ((parameters(kind) or {}) if kind else {}).items()}
    return {
        name: value
        for name, value in defaults.items()
        if (_WIDTH.search(name) and isinstance(value, (int, list, tuple)))
        or (isinstance(value, Mapping) and 'num_groups' in value)
    }


def _divided(width: Any) -> Any:
    if isinstance(width, (list, tuple)):
        return type(width)(_divided(part) for part in width)
    # Smaller ones count the channels of an image or of an embedding.
    return width // DIVISOR if type(width) is int and width >= DIVISOR else width
