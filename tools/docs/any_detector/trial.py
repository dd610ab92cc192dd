"""A tiny MMDetection detector, its students, and images for them."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub, MMLogger
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmssod.label_bank import Header, ShardWriter, finish
from mmssod.label_bank.views import ViewLabeler
from mmssod.models import CertaintyCascadeRoIHead, CertaintyRoIHead
from mmssod.models.box_weights import take_box_weights
from mmssod.models.build_detector import build_detector
from mmssod.tiny_detectors import CLASSES, tiny_batch, tiny_sample

from .found import Found, types
from .shrink import shrunk
from .words import METAS, SIZE, SIZES, STARTS, words_of

LABELERS = ('SelfLabeler', 'FrozenTeacher', 'EMATeacher', 'LabelBank')
SEED = 0


class Trial:
    """One of MMDetection's detectors, made small.

    Args:
        found: Which one.
    """

    def __init__(self, found: Found) -> None:
        self.found = found
        self.config = shrunk(found)
        self.types = named = types(self.config)
        self.limits = found.limits
        self.built: dict[str, Any] = {}
        divisor = self.config.get('data_preprocessor', {}).get('pad_size_divisor', 1)
        self.size = max([SIZE, divisor, *words_of(SIZES, named)])
        self.meta = {name: value for meta in words_of(METAS, named) for name, value in meta.items()}
        # In a run the runner tells; TOOD asks.
        MessageHub.get_current_instance().update_info('epoch', 0)

    # ---------------------------------------------------------------- models

    def detector(self, config: ConfigDict | None = None) -> Any:
        """The detector by itself, or that of a changed config, in train mode."""
        torch.manual_seed(SEED)
        return self.initialized(build_detector(config or self.config))

    def weigher(self) -> Any:
        """The detector with a head that reads weights of single boxes, in train mode; None where there is none.

        mmssod's RoI head takes the place of the mmdet head that it is a subclass of.
        """
        config = ConfigDict(copy.deepcopy(self.config))
        if 'roi_head' in config:
            ours = roi_head_for(config.roi_head.type)
            if ours is None:
                return None
            config.roi_head.type = ours.__name__
            return self.detector(config)
        detector = take_box_weights(self.detector(config))
        return detector if getattr(detector.bbox_head, 'takes_box_weights', False) else None

    def student(self, labeler: str, folder: Path | None = None) -> Any:
        """A :class:`PseudoLabelDetector` around the detector, in train mode; teacher and student begin alike.

        It is built once for each labeler; of that one copies are made.

        Args:
            labeler: One of ``LABELERS``.
            folder: Folder of the bank, for ``LabelBank``.
        """
        if labeler not in self.built:
            self.built[labeler] = self._student(labeler)
        model = copy.deepcopy(self.built[labeler])
        if folder is not None:
            model.labeler.path = str(folder)
        return model

    def _student(self, labeler: str) -> Any:
        source = dict(type=labeler, path='') if labeler == 'LabelBank' else dict(type=labeler)
        config = dict(
            type='PseudoLabelDetector',
            detector=self.config,
            labeler=source,
            merger=dict(type='KeepCandidates'),
            selector=dict(type='ThresholdSelector', certainty='p'),
            balancer=dict(type='ClassBalancer', threshold=0.0),
            mixer=dict(type='KeepImages'),
        )
        torch.manual_seed(SEED)
        model = MODELS.build(ConfigDict(config))
        model.student.load_state_dict(self._weights)
        if hasattr(model.labeler, 'teacher'):
            model.labeler.teacher.load_state_dict(self._weights)
        return model.train()

    @cached_property
    def _weights(self) -> dict[str, Tensor]:
        return self.detector().state_dict()

    def initialized(self, model: Any) -> Any:
        """A detector with its weights begun, also those that mmdet leaves to a checkpoint, in train mode."""
        logger = MMLogger.get_current_instance()
        level = logger.level
        logger.setLevel(logging.WARNING)  # a line for each weight
        model.init_weights()
        logger.setLevel(level)
        for module in model.modules():
            own = module.parameters(recurse=False)
            for weight in [] if hasattr(module, 'reset_parameters') else own:
                if weight.dim() == 4:  # a convolution of TridentNet's: whatever memory held
                    nn.init.kaiming_normal_(weight)
        starts = {n: ends for word in words_of(STARTS, self.types) for n, ends in word.items()}
        for name, (low, high) in starts.items():
            bias = model.bbox_head.get_parameter(name)
            bias.data = torch.linspace(low, high, len(bias))
        return model.train()

    # ---------------------------------------------------------------- images

    def images(self, boxes: Sequence[int]) -> tuple[Tensor, SampleList]:
        """Images with so many boxes; the last is narrower than the others, and padded."""
        generator = torch.Generator().manual_seed(SEED)
        images = torch.randn(len(boxes), 3, self.size, self.size, generator=generator)
        samples = [tiny_sample(i, boxes=count, size=self.size) for i, count in enumerate(boxes)]
        width = self.size * 63 // 64  # where a box ends
        images[-1, :, :, width:] = 0
        samples[-1].set_metainfo(dict(img_shape=(self.size, width), ori_shape=(self.size, width)))
        return images, [self.complete(sample) for sample in samples]

    @cached_property
    def _batch(self) -> tuple[dict[str, Tensor], dict[str, SampleList]]:
        return tiny_batch(size=self.size)

    def batch(self) -> tuple[dict[str, Tensor], dict[str, SampleList]]:
        """Two labeled and two unlabeled images, weak and strong."""
        inputs, samples = self._batch
        return dict(inputs), {
            name: [self.complete(s) for s in part] for name, part in samples.items()
        }

    def complete(self, sample: DetDataSample) -> DetDataSample:
        """A sample with what ``PackDetInputs`` gives to all, and what this detector asks for."""
        full = DetDataSample(metainfo={**sample.metainfo, **self.meta})
        full.gt_instances = sample.gt_instances
        full.ignored_instances = InstanceData(
            bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long)
        )
        return full

    def write_bank(self, folder: Path, teacher: nn.Module) -> None:
        """What a teacher finds in the weak views, as ``tools/make_label_bank.py`` writes it."""
        inputs, samples = self.batch()
        labeler = ViewLabeler(teacher.eval(), _AsTheyAre(), False, 0.0, torch.device('cpu'))
        found = labeler(dict(inputs=list(inputs['weak']), data_samples=samples['weak']))
        header = Header(
            checkpoint='', teacher='', detector='', config='', classes=CLASSES, floor=0.0, view=[], mirrored=False,
            images=len(found), shard_size=len(found),
        )  # fmt: skip
        ShardWriter(folder, header, 0).append(found)
        finish(folder, header)


class _AsTheyAre(nn.Module):
    """Images that are normalized already."""

    def forward(self, data: Mapping[str, Any], training: bool) -> dict[str, Any]:
        return dict(inputs=torch.stack(data['inputs']), data_samples=data['data_samples'])


def roi_head_for(name: str) -> type | None:
    """The RoI head of mmssod for one of mmdet's, by class name; None where there is none."""
    for ours in (CertaintyRoIHead, CertaintyCascadeRoIHead):
        theirs = next(base for base in ours.__mro__ if base.__module__.startswith('mmdet.'))
        if MODELS.get(name) is theirs:
            return ours
    return None
