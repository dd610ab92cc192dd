"""The training step of every method that learns from pseudo labels.

``B`` images of a branch; the branches of a batch are ``labeled``, ``weak`` and ``strong``, the last two being two
views of the same unlabeled images in the same order. Further views of labeled images are branches ``labeled_*``.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType, OptConfigType
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn import ModuleList

from mmssod.environment.errors import InputError
from mmssod.structures import Problem, PseudoLabels, Views, view_change

from ..pseudo import FrozenTeacher, PseudoLabelStatistics, build_labeler
from .feature_cache import FeatureCache
from .losses import Loss, mean_losses, prefix_losses, require_losses, scale_losses, split_foreground
from .own_checks import slot_problems
from .student_detector import StudentDetector


@MODELS.register_module()
class PseudoLabelDetector(StudentDetector):
    """A student that learns from labeled images and from pseudo labels on unlabeled ones.

    A method is what fills the slots; the step itself knows none of them.

    Args:
        detector: Config of the student; any mmdet detector with ``loss`` and ``predict``. Weights by class (RE) and
            dynamic thresholds (DT) need a :class:`CertaintyRoIHead` in it.
        labeler: Where candidates come from.
        selector: Which candidates are kept.
        merger: Combines candidates with earlier labels of the image, before the selection.
        balancer: Thresholds and weights by class; ``num_classes`` is read off the student where it is not written.
        mixer: Mixes strong views and their targets with labeled images, before the student's forward pass.
        loss_terms: Additional losses on unlabeled images: each is called with the student and the strong
            :class:`Views`, and returns losses by name, which are weighted by itself alone.
        unsup_weight: lambda_u of Eq. 2: what losses on unlabeled images are multiplied with, at least 0.
        unsup_loss_weights: Weight of single losses on unlabeled images, by name; 1 for those not named. In a cascade
            a name without its stage (``loss_bbox``) means all stages.
        empty_images: Treatment of unlabeled images without a pseudo label: ``'skip'`` leaves it out of the
            loss, ``'background'`` trains it as an image without objects.
        joint_features: Take the student's feature maps of labeled images and strong views from one pass, where both
            are padded to the same size. The losses are those of two passes as long as batch norm is frozen.
        predict_with: Who answers at test time, ``'student'``, ``'teacher'`` or ``'both'``: the teacher's predictions
            are then ``teacher_instances`` beside the student's, and both are evaluated.
        data_preprocessor: By default a :class:`BranchDataPreprocessor` around the student's own.
        init_cfg: As in mmengine.
    """

    def __init__(
        self,
        detector: ConfigType,
        labeler: ConfigType,
        selector: ConfigType,
        merger: ConfigType,
        balancer: ConfigType,
        mixer: ConfigType,
        loss_terms: Sequence[ConfigType] = (),
        unsup_weight: float = 1.0,
        unsup_loss_weights: Mapping[str, float] | None = None,
        empty_images: str = 'skip',
        joint_features: bool = False,
        predict_with: str = 'student',
        data_preprocessor: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        self.require_values(unsup_weight, unsup_loss_weights, empty_images)
        super().__init__(detector, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.labeler = build_labeler(labeler, detector)
        self.selector = MODELS.build(selector)
        self.merger = MODELS.build(merger)
        self.balancer = MODELS.build({'num_classes': num_classes(self.student), **balancer})
        self.mixer = MODELS.build(mixer)
        self.loss_terms = ModuleList(map(MODELS.build, loss_terms))
        self.candidate_statistics = PseudoLabelStatistics(self.balancer.num_classes)
        self.statistics = PseudoLabelStatistics(self.balancer.num_classes)  # of what was kept
        self.unsup_weight = unsup_weight
        self.unsup_loss_weights = dict(unsup_loss_weights or {})
        self.empty_images = empty_images
        self.joint_features = joint_features
        self.features = FeatureCache()
        self.predict_with = predict_with
        self._require_predictor()
        self.unsupervised = True  # the teacher's hook switches it off during burn-in

    @staticmethod
    def require_values(
        unsup_weight: float = 1.0,
        unsup_loss_weights: Mapping[str, float] | None = None,
        empty_images: str = 'skip',
        **_: Any,
    ) -> None:
        """Raise an error for invalid values, before anything is built.

        Raises:
            ValueError: A weight below 0, or another ``empty_images``.
        """
        if empty_images not in ('skip', 'background'):
            raise InputError(f"empty_images must be 'skip' or 'background', got {empty_images!r}")
        weights = {'unsup_weight': unsup_weight, **(unsup_loss_weights or {})}
        wrong = {name: weight for name, weight in weights.items() if not weight >= 0}
        if wrong:
            raise InputError(f'weights of losses must be >= 0, got {wrong}')

    def runtime_problems(self, runner: Runner) -> list[Problem]:
        """Parts that do not fit the student, before training."""
        return list(slot_problems(self))

    # ---------------------------------------------------------------- training

    def loss(
        self,
        batch_inputs: Mapping[str, Tensor],
        batch_data_samples: Mapping[str, SampleList],
    ) -> dict[str, Loss]:
        """One step: losses on labeled images and on pseudo-labeled ones; nothing given is changed.

        Args:
            batch_inputs: Images of each branch, shape (B, 3, H, W); ``weak`` may be missing where labels come from a
                bank.
            batch_data_samples: Samples of each branch; those of ``weak`` and ``strong`` need no annotation.

        Returns:
            The student's losses as ``sup_*`` and ``unsup_*``, and ``pseudo_boxes``, the kept pseudo boxes per image.
        """
        if not (self.joint_features and self.unsupervised):
            return self.step(batch_inputs, batch_data_samples)
        both = [batch_inputs['labeled'], batch_inputs['strong']]
        with self.features.filled(self.student, both):
            return self.step(batch_inputs, batch_data_samples)

    def step(
        self,
        batch_inputs: Mapping[str, Tensor],
        batch_data_samples: Mapping[str, SampleList],
    ) -> dict[str, Loss]:
        """The losses of :meth:`loss`, wherever the student's feature maps come from."""
        weights = self.balancer.weights()
        labeled = labeled_branches(batch_inputs, batch_data_samples, weights)
        losses, foreground = self.supervised_loss(labeled)
        require_losses(self.unsup_loss_weights, losses)  # in a burn-in, too
        losses = prefix_losses('sup_', losses)
        if self.unsupervised:
            weak = batch_data_samples['weak']
            pseudo = self.pseudo_labels(batch_inputs.get('weak'), weak)
            targets = project(pseudo, weak, batch_data_samples['strong'])
            targets = [labels.weighted(weights) for labels in targets]
            strong = Views(batch_inputs['strong'], batch_data_samples['strong'], targets)
            strong = self.mixer(strong, *labeled['labeled'])
            unsup_losses, new = self.unsupervised_loss(*strong)
            losses.update(prefix_losses('unsup_', unsup_losses))
            for term in self.loss_terms:
                losses.update(prefix_losses('unsup_', term(self.student, strong)))
            losses['pseudo_boxes'] = mean_boxes(pseudo)
            foreground = [ours + theirs for ours, theirs in zip(foreground, new, strict=True)]
        if foreground:
            self.balancer.update(*foreground)
        return losses

    def supervised_loss(
        self, branches: Mapping[str, tuple[Tensor, SampleList]]
    ) -> tuple[dict[str, Loss], list[Tensor]]:
        """The student's losses on labeled images, the mean over their branches, and the sums of Eq. 6.

        Args:
            branches: Images, shape (B, 3, H, W), and weighted samples by branch.
        """
        results = [split_foreground(self.student.loss(*branch)) for branch in branches.values()]
        losses, foreground = zip(*results, strict=True)
        return mean_losses(losses), [sum(sums) for sums in zip(*foreground, strict=True)]

    @torch.no_grad()
    def pseudo_labels(self, inputs: Tensor | None, samples: SampleList) -> list[PseudoLabels]:
        """Kept pseudo labels of the weak views, one value per image."""
        candidates = self.merger(self.labeler(inputs, samples, self.student), samples)
        measure = getattr(self.selector, 'measure', attrgetter('certainty'))
        self.balancer.observe([labels.labels for labels in candidates], [*map(measure, candidates)])
        thresholds = self.balancer.thresholds()
        pseudo = [self.selector(labels, thresholds) for labels in candidates]
        self.candidate_statistics.update(candidates)
        self.statistics.update(pseudo)
        return pseudo

    def unsupervised_loss(
        self, inputs: Tensor, samples: SampleList, targets: list[PseudoLabels]
    ) -> tuple[dict[str, Loss], list[Tensor]]:
        """The student's weighted losses on strong views, and the sums of Eq. 6.

        Args:
            inputs: Strong views, shape (B, 3, H, W).
            samples: Their samples.
            targets: Pseudo labels in pixels of the strong views.
        """
        factor = self.unsup_weight
        if self.empty_images == 'skip':
            filled = [index for index, labels in enumerate(targets) if len(labels)]
            # Every image counts alike, on how many processes they ever lie: one that is left out has a loss of 0.
            factor *= len(filled) / len(targets)
            # Without any, one image at factor 0: each step logs the same entries.
            keep = filled or [0]
            inputs = self.features.select(inputs, keep)
            samples, targets = [samples[i] for i in keep], [targets[i] for i in keep]
        strong = with_all_pseudo_labels(samples, targets)
        losses, foreground = split_foreground(self.student.loss(inputs, strong))
        return scale_losses(losses, factor, self.unsup_loss_weights), foreground

    # ---------------------------------------------------------------- prediction

    @property
    def predictor(self) -> BaseDetector:
        """The detector that answers at test time; of both, the student."""
        return self.labeler.teacher if self.predict_with == 'teacher' else self.student

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True
    ) -> SampleList:
        """Predictions of the predictor, beside them the teacher's where both are asked for.

        Args:
            batch_inputs: Images, shape (B, 3, H, W).
            batch_data_samples: Their samples.
            rescale: Whether boxes are in pixels of the original images.
        """
        theirs: SampleList = []
        if self.predict_with == 'both':
            blank = [DetDataSample(metainfo=sample.metainfo) for sample in batch_data_samples]
            theirs = self.labeler.teacher.predict(batch_inputs, blank, rescale=rescale)
        results = super().predict(batch_inputs, batch_data_samples, rescale=rescale)
        for place, other in enumerate(theirs):
            results[place].teacher_instances = other.pred_instances
        return results

    def _require_predictor(self) -> None:
        if self.predict_with == 'student':
            return
        if self.predict_with in ('teacher', 'both') and isinstance(self.labeler, FrozenTeacher):
            return
        raise InputError(
            "predict_with must be 'student', or where the labeler has a teacher 'teacher' or 'both'; got "
            f'{self.predict_with!r} with {type(self.labeler).__name__}'
        )

    # ---------------------------------------------------------------- checkpoints

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """A plain detector's checkpoint starts the student, and the teacher unless it has its own."""
        if not any(
            key.startswith((prefix + 'student.', prefix + 'labeler.')) for key in state_dict
        ):
            shares_start = isinstance(self.labeler, FrozenTeacher) and not self.labeler.checkpoint
            parts = ['student.', 'labeler.teacher.'] if shares_start else ['student.']
            plain = {key: state_dict.pop(key) for key in list(state_dict) if key.startswith(prefix)}
            for key, value in plain.items():
                for part in parts:
                    state_dict[prefix + part + key[len(prefix) :]] = value
        super()._load_from_state_dict(state_dict, prefix, *args)


def num_classes(detector: BaseDetector) -> int:
    """How many classes a detector tells apart, read off its (last) box head."""
    head = detector.roi_head.bbox_head if hasattr(detector, 'roi_head') else detector.bbox_head
    if isinstance(head, ModuleList):  # one head a stage, as in Cascade R-CNN
        head = head[-1]
    return head.num_classes


def project(pseudo: list[PseudoLabels], weak: SampleList, strong: SampleList) -> list[PseudoLabels]:
    """Pseudo labels of the weak views in pixels of the strong ones (both record their homography)."""
    return [
        labels.project(view_change(source, target), target.img_shape)
        for labels, source, target in zip(pseudo, weak, strong, strict=True)
    ]


def labeled_branches(
    inputs: Mapping[str, Tensor], samples: Mapping[str, SampleList], class_weights: Tensor
) -> dict[str, tuple[Tensor, SampleList]]:
    """Images and weighted samples of ``labeled`` and, where the data have them, further views ``labeled_*``."""
    return {
        name: (inputs[name], [with_weights(sample, class_weights) for sample in samples[name]])
        for name in samples
        if name.startswith('labeled')
    }


def with_weights(sample: DetDataSample, class_weights: Tensor) -> DetDataSample:
    """A sample like the given one whose true boxes carry their class's weight; shape (M,) in."""
    boxes = sample.gt_instances
    weights = class_weights.to(boxes.bboxes.dtype)[boxes.labels]
    weighted = DetDataSample(metainfo=sample.metainfo)
    weighted.gt_instances = InstanceData(**dict(boxes.items()), weights=weights)
    if 'ignored_instances' in sample:
        weighted.ignored_instances = sample.ignored_instances
    return weighted


def with_pseudo_labels(sample: DetDataSample, labels: PseudoLabels) -> DetDataSample:
    """A sample like the given one with pseudo labels in the place where mmdet's losses look for true boxes."""
    labeled = DetDataSample(metainfo=sample.metainfo)
    labeled.gt_instances = labels.to_ground_truth()
    return labeled


def with_all_pseudo_labels(samples: SampleList, targets: list[PseudoLabels]) -> SampleList:
    """:func:`with_pseudo_labels` of each sample."""
    return [
        with_pseudo_labels(sample, labels) for sample, labels in zip(samples, targets, strict=True)
    ]


def mean_boxes(pseudo: list[PseudoLabels]) -> Tensor:
    """Pseudo boxes per image, a scalar on the host: it is known there, and read there."""
    return torch.tensor(sum(map(len, pseudo)) / max(len(pseudo), 1))
