"""Labelers: the sources of pseudo labels.

A labeler is called with the weak views, shape (B, 3, H, W), their samples and the student, and answers one
:class:`~mmssod.structures.PseudoLabels` an image, in pixels of the weak view, without gradients.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.structures import Problem, PseudoLabels

from ..build_detector import build_detector
from ..checkpoint_parts import load_and_compare, teacher_weights


class Labeler(BaseModule):
    """Base of all labelers."""

    def forward(
        self, inputs: Tensor, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """Candidates of each image, before merging and selection."""
        raise NotImplementedError


@MODELS.register_module()
class FrozenTeacher(Labeler):
    """A detector that never changes: the paper's and STAC's teacher.

    Stays in eval mode whatever mode the model around it is put in.

    Args:
        detector: Config of the teacher; :class:`PseudoLabelDetector` gives the student's where none is written.
        checkpoint: File with the teacher's weights; of a run with teacher and student, the student's. Empty: the
            teacher takes part in the run's ``load_from``, as the student does.
    """

    def __init__(self, detector: ConfigType, checkpoint: str = '') -> None:
        super().__init__()
        self.teacher: nn.Module = build_detector(detector)
        self.teacher.requires_grad_(False)
        self.checkpoint = checkpoint
        self.train(False)

    @classmethod
    def start_problems(cls, node: Mapping[str, Any], cfg: Mapping[str, Any]) -> Iterator[Problem]:
        """No weights for a teacher that does not follow the student."""
        if not (
            hasattr(cls, 'update')
            or node.get('checkpoint')
            or cfg.get('load_from')
            or cfg.get('resume')
        ):
            what, expected = 'a frozen teacher without weights', 'load_from, or its checkpoint'
            fix = 'name the checkpoint of a trained teacher with --load-from'
            yield Problem(what, expected, 'neither', fix)

    def init_weights(self) -> None:
        """Load the teacher's own checkpoint, if it has one."""
        super().init_weights()
        if self.checkpoint:
            weights = teacher_weights(self.checkpoint)
            if not weights.keys() & self.teacher.state_dict().keys():
                raise InputError(
                    f'{self.checkpoint} has no weight of the teacher: its keys begin with '
                    f"{sorted({name.split('.')[0] for name in weights})}, the teacher's with "
                    f'{sorted({name.split(".")[0] for name in self.teacher.state_dict()})}'
                )
            misfits = load_and_compare(self.teacher, weights)
            if misfits.missing or misfits.other_shape:
                raise InputError(
                    f'{self.checkpoint} does not fit the teacher: {len(misfits.missing)} of {len(misfits.names)} '
                    f'parameters are missing {misfits.missing[:3]}, {len(misfits.other_shape)} have another shape '
                    f'{misfits.other_shape[:3]}. Give labeler.detector the architecture, classes and number of '
                    'buckets that the teacher was trained with'
                )
            print_log(f'teacher loaded from {self.checkpoint}', logger='current')

    def train(self, mode: bool = True) -> 'FrozenTeacher':
        """Does nothing but stay in eval mode."""
        return super().train(False)

    def forward(
        self, inputs: Tensor, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """The teacher's predictions; the student is not used."""
        return predict_candidates(self.teacher, inputs, samples)


@MODELS.register_module()
class EMATeacher(FrozenTeacher):
    """A teacher that follows the student (Mean Teacher): the ``EMATeacherHook`` says when."""

    @torch.no_grad()
    def update(self, student: nn.Module, decay: float) -> None:
        """``teacher = decay * teacher + (1 - decay) * student``.

        Floating buffers (batch norm statistics) move too; integer ones are copied.

        Args:
            student: The model to follow, of the teacher's structure.
            decay: Share that the teacher keeps, in [0, 1]; 0 copies the student.
        """
        # Not state_dict, which costs more than a small model's update; these name a tensor that modules share once.
        ours, theirs = ([*m.parameters(), *m.buffers()] for m in (self.teacher, student))
        pairs = list(zip(ours, theirs, strict=True))
        moving = [pair for pair in pairs if pair[0].is_floating_point()]
        if moving:
            tensors, sources = map(list, zip(*moving, strict=True))
            torch._foreach_lerp_(tensors, sources, 1.0 - decay)
        for tensor, source in pairs:
            if not tensor.is_floating_point():
                tensor.copy_(source)


@MODELS.register_module()
class SelfLabeler(Labeler):
    """The student makes its own pseudo labels, in eval mode (Instant-Teaching)."""

    def forward(
        self, inputs: Tensor, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """The student's own predictions on the weak view."""
        with in_eval_mode(student):
            return predict_candidates(student, inputs, samples)


@contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """A module in eval mode, and as it was afterwards."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)


@torch.no_grad()
def predict_candidates(detector: Any, inputs: Tensor, samples: SampleList) -> list[PseudoLabels]:
    """Predictions of a detector in pixels of its input; the given samples stay as they are."""
    blank = [DetDataSample(metainfo=sample.metainfo) for sample in samples]
    results = detector.predict(inputs, blank, rescale=False)
    return [PseudoLabels.from_predictions(result.pred_instances) for result in results]


def build_labeler(config: ConfigType, detector: ConfigType) -> Labeler:
    """Build a labeler; teachers without a ``detector`` of their own get the student's config."""
    config = dict(config)
    cls: type | str | None = config['type']
    cls = MODELS.get(cls) if isinstance(cls, str) else cls
    if isinstance(cls, type) and issubclass(cls, FrozenTeacher):
        config.setdefault('detector', detector)
    return MODELS.build(config)
