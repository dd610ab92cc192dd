"""Two networks that label for each other (Instant-Teaching's co-rectify). ``B`` images."""

from collections.abc import Mapping
from typing import Any

import torch
from mmdet.models.detectors import TwoStageDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType, OptConfigType
from torch import Tensor

from mmssod.environment.errors import InputError
from mmssod.methods.instant_teaching.given_labels import GivenLabels
from mmssod.methods.instant_teaching.second_opinion import detect, rectify, revise
from mmssod.models.detectors.losses import Loss, prefix_losses
from mmssod.models.detectors.pseudo_label_detector import PseudoLabelDetector
from mmssod.structures import PseudoLabels


@MODELS.register_module()
class CoRectifyDetector(PseudoLabelDetector):
    """Two :class:`PseudoLabelDetector` networks, each trained with labels that the other rectified.

    On the weak views both networks predict, and the boxes of both that reach the threshold are pooled. Two rounds
    follow: each network's RoI head revises all of them (:func:`revise`), which joins the pool; then each rectifies the
    larger pool (:func:`rectify`), and what the second makes of it labels the first one's images, and the reverse. From
    there on each takes its own step: selection, mixing and losses, the second's under ``second_*``. Branches that are
    called ``second_*``, such as ``second_strong``, are the second network's in the place of those without it.

    This detector is the first network: it answers at test time, and what hooks show is its own. ``second`` is another
    :class:`PseudoLabelDetector` with the same slots; its class balancer starts from the same box counts and counts for
    itself. Gradients are clipped together.

    **What starts what.** The networks differ by their random initialization: nothing is to be loaded into both. A
    plain detector's checkpoint, or one of a teacher and student, starts the first alone; the second keeps its
    initialization, or the ``init_cfg`` of ``second_detector``. A ``Pretrained`` ``init_cfg`` of the whole ``detector``
    would make them equal, which is one network at twice the cost. A checkpoint of this detector restores both.

    Args:
        detector: Config of the first network, a two-stage detector.
        labeler: ``dict(type='GivenLabels')``, since the labels are made here.
        second_detector: Config of the second network; the first's where none is written.
        kwargs: As :class:`PseudoLabelDetector`, for both; an unknown name is an error there.

    Raises:
        TypeError: If a network is not a two-stage detector.
        ValueError: If the labeler is another, or the networks tell different classes apart.

    Source: Zhou et al., "Instant-Teaching", CVPR 2021.
    """

    def __init__(
        self,
        detector: ConfigType,
        labeler: ConfigType,
        second_detector: OptConfigType = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(detector=detector, labeler=labeler, **kwargs)
        if not isinstance(self.labeler, GivenLabels):
            raise InputError(
                'CoRectifyDetector makes the labels of both networks itself: expected '
                f"labeler=dict(_delete_=True, type='GivenLabels'), got {type(self.labeler).__name__}"
            )
        self.second = PseudoLabelDetector(
            detector=second_detector or detector, labeler=labeler, **kwargs
        )
        for network in self.networks:
            if not isinstance(network, TwoStageDetector):
                raise TypeError(
                    'co-rectify scores boxes with an RoI head: expected a two-stage detector such as FasterRCNN, got '
                    f'{type(network).__name__}; the method without it is PseudoLabelDetector with a SelfLabeler'
                )
        classes = [part.balancer.num_classes for part in (self, self.second)]
        if classes[0] != classes[1]:
            raise InputError(
                f'both networks need the same classes, got {classes[0]} and {classes[1]}: compare num_classes of '
                'detector and second_detector'
            )

    @property
    def networks(self) -> tuple[Any, Any]:
        """The first and the second detector."""
        return self.student, self.second.student

    def loss(
        self,
        batch_inputs: Mapping[str, Tensor],
        batch_data_samples: Mapping[str, SampleList],
    ) -> dict[str, Loss]:
        """One step of each network; arguments and losses as :class:`PseudoLabelDetector`, the second's ``second_*``."""
        if self.balancer.initialized and not self.second.balancer.initialized:
            self.second.balancer.load_state_dict(self.balancer.state_dict())
        self.second.unsupervised = self.unsupervised
        inputs, samples = by_network(batch_inputs), by_network(batch_data_samples)
        if self.unsupervised:
            weak = batch_data_samples['weak']
            for part, labels in zip(
                samples, self.exchange(batch_inputs['weak'], weak), strict=True
            ):
                part['weak'] = with_predictions(weak, labels)
        losses = super().loss(inputs[0], samples[0])
        return {**losses, **prefix_losses('second_', self.second.loss(inputs[1], samples[1]))}

    @torch.no_grad()
    def exchange(
        self, inputs: Tensor, samples: SampleList
    ) -> tuple[list[PseudoLabels], list[PseudoLabels]]:
        """Candidates for the first network, which the second rectified, and the reverse; one value per image.

        Args:
            inputs: Weak views, shape (B, 3, H, W).
            samples: Their samples.
        """
        features, found = zip(*(detect(net, inputs, samples) for net in self.networks), strict=True)
        thresholds = self.balancer.thresholds()
        pool = [
            self.selector(PseudoLabels.cat(both), thresholds) for both in zip(*found, strict=True)
        ]
        asked = list(zip(self.networks, features, strict=True))
        revised = [revise(net, levels, samples, pool) for net, levels in asked]
        pool = [PseudoLabels.cat(opinions) for opinions in zip(*revised, pool, strict=True)]
        first, second = (rectify(net, levels, samples, pool) for net, levels in asked)
        return second, first


def by_network(branches: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The branches of the first and of the second network, each under the names that a step knows."""
    first = {name: value for name, value in branches.items() if not name.startswith('second_')}
    own = {name.removeprefix('second_'): branches[name] for name in branches.keys() - first.keys()}
    return first, {**first, **own}


def with_predictions(samples: SampleList, labels: list[PseudoLabels]) -> SampleList:
    """Samples like the given ones with labels as their ``pred_instances``."""
    filled = []
    for sample, found in zip(samples, labels, strict=True):
        filled.append(DetDataSample(metainfo=sample.metainfo))
        filled[-1].pred_instances = found.to_predictions()
    return filled
