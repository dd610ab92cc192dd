"""Labels of another detector, alone or fused with the teacher's. ``B`` images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.structures.bbox import bbox_overlaps
from mmdet.utils import ConfigType
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmssod.datasets.annotation_files import read_json
from mmssod.engine.runner_access import sources
from mmssod.environment.errors import InputError
from mmssod.methods.foundation.calibration import calibrate
from mmssod.methods.foundation.detections_file import DetectionsFile, ImageDetections
from mmssod.models.pseudo import EMATeacher
from mmssod.models.pseudo.labelers import Labeler
from mmssod.models.weighted_fusion import weighted_fusion
from mmssod.structures import Problem, PseudoLabels


@MODELS.register_module()
class DetectionsLabeler(Labeler):
    """Looks up the boxes that another detector, or a person, gave for each unlabeled image.

    Images are found by the name of their file, so the file's ids may be any. Boxes are in pixels of the image file and
    follow the homography of the weak view. The files are read at the first call.

    Args:
        file, images, names: See :class:`DetectionsFile`.
        classes: The student's classes, in order.
        labeled: COCO json of the labeled images with their true boxes, to calibrate scores: p is then the precision
            of boxes of that score. Empty: scores stay what they are.
        labeled_file: The same detector's detections on these images, as ``file``; empty: they are in ``file``.
        labeled_images: As ``images``, for ``labeled_file``; empty: ``labeled``.

    Raises:
        ValueError: At the first call: names of classes that the student does not have; an image that ``images`` lacks,
            or that has another size there; no detections to calibrate on.
    """

    needs_pixels = False

    def __init__(
        self,
        file: str,
        classes: Sequence[str],
        images: str = '',
        names: Mapping[str, str | None] | None = None,
        labeled: str = '',
        labeled_file: str = '',
        labeled_images: str = '',
    ) -> None:
        super().__init__()
        self.source = DetectionsFile(file, tuple(classes), images, names)
        self.labeled = labeled
        self.labeled_source = self.source
        if labeled_file:
            self.labeled_source = DetectionsFile(
                labeled_file, tuple(classes), labeled_images or labeled, names
            )

    @cached_property
    def found(self) -> dict[str, ImageDetections]:
        """Detections by name of the image's file, scores as they are."""
        return self.source.read()

    @cached_property
    def calibration(self) -> Any:
        """The map of scores; the identity without labeled images."""
        if not self.labeled:
            return lambda scores: scores
        labeled = self.found if self.labeled_source is self.source else self.labeled_source.read()
        return calibrate(labeled, read_json(self.labeled), self.source.classes)

    def runtime_problems(self, runner: Runner) -> list[Problem]:
        """Classes in another order, and unlabeled images that the file lacks, before training."""
        parts = sources(runner.train_dataloader.dataset)
        problems = []
        classes = tuple(parts['labeled'].metainfo['classes']) if 'labeled' in parts else ()
        if classes and classes != self.source.classes:
            problems.append(
                Problem(
                    'labels from a file, of other classes than the student learns',
                    f'classes={list(classes)}, those of the labeled images',
                    f'classes={list(self.source.classes)}',
                    "give the labeler the data set's classes, in their order",
                )
            )
        unlabeled = parts.get('unlabeled', ())
        paths = [unlabeled.get_data_info(place)['img_path'] for place in range(len(unlabeled))]
        absent = [path for path in paths if PurePath(path).name not in self.found]
        if absent:
            problems.append(self._absent(f'{len(absent)} of {len(paths)}, such as {absent[0]}'))
        return problems

    def forward(
        self, inputs: Tensor | None, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """The labels of each image, in pixels of the weak views; of the student only the device is used."""
        device = next(student.parameters()).device
        return [self._labels(sample, device) for sample in samples]

    def _labels(self, sample: DetDataSample, device: torch.device) -> PseudoLabels:
        ours = self.found.get(PurePath(sample.img_path).name)
        if ours is None:
            raise InputError(str(self._absent(sample.img_path)))
        if ours.size is not None and ours.size != tuple(sample.ori_shape[:2]):
            raise InputError(
                f'{sample.img_path}: expected the size that was predicted on, {ours.size}, actual '
                f'{tuple(sample.ori_shape[:2])}; fix: predict on the files that are trained on'
            )
        p = torch.from_numpy(self.calibration(ours.p)).float().to(device)
        labels = PseudoLabels(
            boxes=torch.from_numpy(ours.boxes).to(device),
            labels=torch.from_numpy(ours.labels).to(device),
            cls_certainty=p,
            loc_certainty=torch.from_numpy(ours.v).float().to(device),
            weights=torch.ones_like(p),
        )
        matrix = torch.as_tensor(sample.homography_matrix, dtype=torch.float64)
        return labels.project(matrix, sample.img_shape)

    def _absent(self, actual: str) -> Problem:
        return Problem(
            f'unlabeled images that {self.source.file} says nothing of',
            f'one of its {len(self.found)} images, by the name of the file',
            actual,
            'predict them, too; an image without objects is in `images` and has no detection',
        )


@MODELS.register_module()
class FusedTeacher(EMATeacher):
    """A teacher whose boxes are fused with those of a file by Weighted Boxes Fusion.

    A fused box is the mean of both, weighted by p and by the sides' weights; its p is that of the surer side (times the
    share of its weight), its v that of the box of its class that it overlaps most. A box that one side alone has
    stays. The teacher may follow the student (``EMATeacherHook``) or be frozen.

    Law: where the file has no box the labels are the teacher's, and the reverse.

    Args:
        detector, checkpoint: As :class:`FrozenTeacher`.
        detections: Config of the :class:`DetectionsLabeler`, without its type.
        weights: How much the teacher and the file count, above 0.
        iou_threshold: Minimum IoU of boxes that mean one object, in [0, 1].
    """

    def __init__(
        self,
        detector: ConfigType,
        detections: ConfigType,
        checkpoint: str = '',
        weights: tuple[float, float] = (1.0, 1.0),
        iou_threshold: float = 0.6,
    ) -> None:
        super().__init__(detector, checkpoint)
        self.other = MODELS.build({'type': 'DetectionsLabeler', **detections})
        if len(weights) != 2 or min(weights) <= 0:
            raise InputError(f'weights: expected two numbers above 0, got {list(weights)}')
        self.weights = [float(weight) for weight in weights]
        self.iou_threshold = iou_threshold

    def runtime_problems(self, runner: Runner) -> list[Problem]:
        """Those of the file."""
        return list(self.other.runtime_problems(runner))

    def forward(
        self, inputs: Tensor, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """Both sides' labels of each image, fused."""
        sides = zip(
            super().forward(inputs, samples, student),
            self.other(inputs, samples, student),
            strict=True,
        )
        return [self.fuse(ours, theirs) for ours, theirs in sides]

    def fuse(self, ours: PseudoLabels, theirs: PseudoLabels) -> PseudoLabels:
        """One value from the teacher's and the file's."""
        if not len(ours) or not len(theirs):
            return ours if len(ours) else theirs
        answers = [
            InstanceData(bboxes=side.boxes, scores=side.cls_certainty, labels=side.labels)
            for side in (ours, theirs)
        ]
        fused = weighted_fusion(answers, self.weights, self.iou_threshold, conf_type='max')
        both = PseudoLabels.cat([ours, theirs])
        overlaps = bbox_overlaps(fused.bboxes, both.boxes)
        overlaps = overlaps.masked_fill(fused.labels[:, None] != both.labels[None], -1.0)
        return PseudoLabels(
            boxes=fused.bboxes,
            labels=fused.labels,
            cls_certainty=fused.scores,
            loc_certainty=both.loc_certainty[overlaps.argmax(dim=1)],
            weights=torch.ones_like(fused.scores),
        )
