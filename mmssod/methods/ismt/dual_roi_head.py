"""Two RoI heads on one backbone and RPN, each of which learns from the other's teacher."""

from collections.abc import Callable
from typing import Any

from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.models.detectors.ensemble_detector import fuse
from mmssod.models.detectors.losses import Loss, scale_losses
from mmssod.models.roi_heads.certainty_roi_head import CertaintyRoIHead


@MODELS.register_module()
class DualRoIHead(CertaintyRoIHead):
    """A pair of identical RoI heads (ISMT).

    True boxes teach both. A pseudo box says by ``heads`` whose teacher made it, and teaches the other head alone; an
    image of which one head has nothing to learn is left out of that head's loss, as the training step leaves out images
    without any pseudo label. The RPN learns from all boxes.

    Both heads are initialized each for itself. Against their becoming one and the same, ``shared_head`` may be mmdet's
    ``DropBlock``: of it, too, each head has its own. Losses of the second head have ``second_`` before their names;
    they add to the first head's. At test time the heads answer as an ensemble of two: the final detector of the method
    is a plain one, so how both would answer together is not said.

    Args:
        kwargs: As :class:`~mmssod.models.CertaintyRoIHead`, of both heads.

    Source: Yang et al., "Interactive Self-Training with Mean Teachers for Semi-supervised Object Detection", 2021.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.second = CertaintyRoIHead(**kwargs)

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict[str, Loss]:
        """Losses of both heads.

        Args:
            x: Feature maps.
            rpn_results_list: Proposals of each image.
            batch_data_samples: One an image; pseudo boxes have ``heads``.
        """
        images = (x, rpn_results_list, batch_data_samples)
        first = lesson_loss(0, super().loss, *images)
        second = lesson_loss(1, self.second.loss, *images)
        for name, value in second.items():
            if name.startswith('fg_'):
                first[name] = first[name] + value  # type: ignore[operator]
            else:
                first[f'second_{name}'] = value
        return first

    def predict_each(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> list[InstanceList]:
        """Predictions of each head; arguments as :meth:`predict`."""
        images = (x, rpn_results_list, batch_data_samples, rescale)
        return [super().predict(*images), self.second.predict(*images)]

    def predict(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> InstanceList:
        """Both heads as one, fused as :class:`~mmssod.models.EnsembleDetector` does, one value per image.

        Args:
            x: Feature maps.
            rpn_results_list: Proposals of each image.
            batch_data_samples: One an image.
            rescale: Boxes in pixels of the original images.
        """
        answers = self.predict_each(x, rpn_results_list, batch_data_samples, rescale)
        overlap, most = self.test_cfg.nms.iou_threshold, self.test_cfg.max_per_img
        return [fuse(image, overlap)[:most] for image in zip(*answers, strict=True)]


def lesson_loss(
    head: int,
    loss: Callable[..., dict[str, Loss]],
    x: tuple[Tensor, ...],
    proposals: InstanceList,
    samples: SampleList,
) -> dict[str, Loss]:
    """Loss of one head on the images that it has something to learn from, times their share of all."""
    lessons = {index: lesson(head, sample) for index, sample in enumerate(samples)}
    kept = [index for index, sample in lessons.items() if sample is not None]
    factor = len(kept) / len(samples)
    if not kept:  # one image at factor 0: each step logs the same entries
        boxes = samples[0].gt_instances
        kept, lessons[0] = [0], with_boxes(samples[0], boxes[boxes.heads < 0])
    features = tuple(level[kept] for level in x) if len(kept) < len(samples) else x
    # mmdet renames a field of the proposals it is given, and both heads are given the same.
    losses = loss(features, [proposals[i].new() for i in kept], [lessons[i] for i in kept])
    return scale_losses(losses, factor, {})


def lesson(head: int, sample: DetDataSample) -> DetDataSample | None:
    """The sample with the boxes that teach this head; None for a pseudo-labeled image without any."""
    boxes = sample.gt_instances
    if 'heads' not in boxes:
        return sample
    others = boxes[boxes.heads != head]
    return with_boxes(sample, others) if len(others) else None


def with_boxes(sample: DetDataSample, boxes: InstanceData) -> DetDataSample:
    """A sample of the same image with other boxes."""
    other = DetDataSample(metainfo=sample.metainfo)
    other.gt_instances = boxes
    return other
