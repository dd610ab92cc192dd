"""Training steps: ours with an EMA teacher, and mmdet's semi-supervised detectors, on the same images."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from mmdet.engine.hooks import MeanTeacherHook
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper
from torch import Tensor

from mmssod.tiny_detectors import tiny_sample
from speed_ratios.detectors import base_detector, shipped
from speed_ratios.rows import Measured, Row, Setting, in_turns, nothing

DECAY = 0.999
PSEUDO_BOXES = 10  # pseudo boxes per image; random weights would give none, or a hundred
CLASSES = 20
SGD = partial(torch.optim.SGD, momentum=0.9)
MORE_ROIS = 512  # an image, as detectors for large images have them
OUR_BRANCHES = ('labeled', 'weak', 'strong')
THEIR_BRANCHES = ('sup', 'unsup_teacher', 'unsup_student')


@dataclass(frozen=True)
class Images:
    """The same uint8 images for both: labeled ones, and both views of unlabeled ones.

    Args:
        labeled: Labeled images.
        size: Height and width of all, a multiple of 32.
        unlabeled: Unlabeled images; 0 for as many as labeled ones.
    """

    labeled: int
    size: int
    unlabeled: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, 'unlabeled', self.unlabeled or self.labeled)

    def __str__(self) -> str:
        return f'{self.labeled} + {self.unlabeled} images of {self.size} px'

    def batch(self, branches: tuple[str, str, str] = OUR_BRANCHES) -> dict[str, Any]:
        """A batch as a loader gives it; a new one each time, since mmdet's detectors write into theirs."""
        generator = torch.Generator().manual_seed(0)
        coarse = torch.rand(self.labeled + self.unlabeled, 3, 16, 16, generator=generator) * 255
        images = torch.nn.functional.interpolate(coarse, size=(self.size,) * 2, mode='bilinear')
        images = images.to(torch.uint8)
        weak = images[self.labeled :]
        first, rest = range(self.labeled), range(self.labeled, len(images))
        views: tuple[tuple[Tensor, list[DetDataSample]], ...] = (
            (images[: self.labeled], [tiny_sample(i, 4, self.size) for i in first]),
            (weak, [tiny_sample(i, 0, self.size) for i in rest]),
            (weak.flip(-1), [tiny_sample(i, 0, self.size, True) for i in rest]),
        )
        named = dict(zip(branches, views, strict=True))
        return dict(
            inputs={name: list(view) for name, (view, _) in named.items()},
            data_samples={name: samples for name, (_, samples) in named.items()},
        )


def usual_images(setting: Setting) -> Images:
    """Images of a step, few and small ones where it shall be quick."""
    return Images(1, 128) if setting.quick else Images(2, 256)


def plain_detector(roi_head: str = 'CertaintyRoIHead', rois: int = 0) -> ConfigDict:
    """The lite Faster R-CNN with plain box regression, which mmdet's ``SoftTeacher`` needs.

    Args:
        roi_head: Type of the RoI head.
        rois: RoIs an image that it learns from; 0 for as many as the config says.
    """
    detector = base_detector('faster_rcnn_lite')
    detector.roi_head.type = roi_head
    detector.roi_head.bbox_head.num_classes = CLASSES
    if rois:
        detector.train_cfg.rcnn.sampler.num = rois
        detector.train_cfg.rpn_proposal.update(nms_pre=2 * rois, max_per_img=2 * rois)
    return detector


def our_model(detector: ConfigDict, **changes: Any) -> Any:
    """A :class:`PseudoLabelDetector` with an EMA teacher, all other slots neutral."""
    config = dict(shipped('semi').semi)
    config.update(detector=detector, labeler=dict(type='EMATeacher'), empty_images='background')
    config['selector'] = dict(config['selector'], min_size=1e-2)  # mmdet's
    return MODELS.build(ConfigDict(config, **changes))


def their_model(name: str, threshold: float, detector: ConfigDict) -> Any:
    """A ``SemiBaseDetector`` or ``SoftTeacher`` whose thresholds give it the same pseudo boxes as ours."""
    training = dict(freeze_teacher=True, sup_weight=1.0, unsup_weight=1.0, cls_pseudo_thr=threshold)
    if name == 'SoftTeacher':  # mmdet's numbers, but for the thresholds
        training.update(
            pseudo_label_initial_score_thr=threshold,
            rpn_pseudo_thr=threshold,
            reg_pseudo_thr=0.02,
            jitter_times=10,
            jitter_scale=0.06,
        )
    return MODELS.build(
        ConfigDict(
            type=name,
            detector=detector,
            data_preprocessor=dict(
                type='MultiBranchDataPreprocessor', data_preprocessor=detector.data_preprocessor
            ),
            semi_train_cfg=dict(training, min_pseudo_bbox_wh=(1e-2, 1e-2)),
            semi_test_cfg=dict(predict_on='teacher'),
        )
    )


@torch.no_grad()
def confident(model: Any, images: Images) -> float:
    """Make a random detector sure of something, and find the score that ten boxes per image exceed.

    Args:
        model: Ours; its student's class scores are spread, and the teacher follows.
        images: What is looked at.

    Returns:
        A score in (0, 1).
    """
    model.labeler.update(model.student, 0.0)
    teacher, layers = model.labeler.teacher, class_layers(model.student)
    batch = images.batch()
    view = dict(inputs=batch['inputs']['weak'], data_samples=batch['data_samples']['weak'])
    for _ in range(20):
        for layer in layers:
            layer.weight.mul_(2)
        model.labeler.update(model.student, 0.0)
        found = teacher.val_step(deepcopy(view))
        scores = torch.cat([sample.pred_instances.scores for sample in found])
        wanted = PSEUDO_BOXES * images.unlabeled
        if len(scores) > 2 * wanted:
            return float(scores.sort(descending=True).values[wanted])
    raise RuntimeError(f'a random detector gave {len(scores)} boxes, {2 * wanted} are needed')


def class_layers(detector: Any) -> list[Any]:
    """The last layers before the scores, of a two-stage detector, of RTMDet or of YOLOX."""
    if hasattr(detector, 'roi_head'):
        return [detector.roi_head.bbox_head.fc_cls]
    head = detector.bbox_head
    if hasattr(head, 'rtm_cls'):
        return [*head.rtm_cls]
    return [*head.multi_level_conv_cls, *head.multi_level_conv_obj]


def step_of(
    model: Any,
    batch: Callable[[], dict[str, Any]],
    follow: Callable[[], None] = nothing,
    wrapper: Callable[..., OptimWrapper] = OptimWrapper,
    optimizer: Callable[..., torch.optim.Optimizer] = SGD,
) -> tuple[Callable[[], None], Callable[[], None]]:
    """What prepares a step, and the step: a runner's whole iteration of preprocessing, losses, backward, optimizer.

    The learning rate is 0, so that every step is the same work.

    Args:
        model: What is trained, in training mode.
        batch: Makes a batch as a loader gives it.
        follow: What comes after it, such as the teacher's update.
        wrapper: Takes ``optimizer``.
        optimizer: Takes what is trained, and ``lr``.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    update = wrapper(optimizer=optimizer(trained, lr=0.0))
    waiting: list[dict] = []

    def prepare() -> None:
        torch.manual_seed(0)
        waiting.append(batch())

    def step() -> None:
        model.train_step(waiting.pop(), update)
        follow()

    return prepare, step


def ema_step_against(name: str, more_rois: int = 0) -> Callable[[Setting], Measured]:
    """Measures our step with an EMA teacher against one of mmdet's semi-supervised detectors.

    Args:
        name: Name of mmdet's detector.
        more_rois: An image, with which the ratio is told beside that of the config's; not in the quick form.
    """

    def measure(setting: Setting) -> Measured:
        images = usual_images(setting)
        times, boxes = ema_steps(name, images, setting)
        note = f'{images}, lite detector, {boxes:.0f} pseudo boxes per image'
        if more_rois and not setting.quick:
            more = Measured(*ema_steps(name, images, setting, more_rois)[0])
            note += f'; with {more_rois} RoIs an image: {more.ratio:.2f}'
        return Measured(*times, note=note)

    return measure


def ema_steps(
    name: str, images: Images, setting: Setting, rois: int = 0
) -> tuple[tuple[list[float], list[float]], float]:
    """Seconds of our steps and of mmdet's in turns, and the pseudo boxes that an image had in ours."""
    pair = plain_detector(rois=rois), plain_detector('StandardRoIHead', rois)
    return steps_of_both(name, images, setting, *pair)


def steps_of_both(
    name: str,
    images: Images,
    setting: Setting,
    detector: ConfigDict,
    their_detector: ConfigDict,
    ready: Callable[[Any, Setting], Any] = lambda model, setting: model.to(setting.device).train(),
) -> tuple[tuple[list[float], list[float]], float]:
    """The same for any detector, as ours is configured and as theirs is; both are made ready alike."""
    torch.manual_seed(0)
    ours = our_model(detector).train()
    threshold = confident(ours, images)
    ours.balancer.threshold = threshold
    ready(ours, setting)
    theirs = ready(their_model(name, threshold, their_detector), setting)
    for part in (theirs.student, theirs.teacher):
        part.load_state_dict(ours.student.state_dict())
    hook = MeanTeacherHook()
    prepare, steps = zip(
        step_of(ours, images.batch, lambda: ours.labeler.update(ours.student, DECAY)),
        step_of(
            theirs,
            partial(images.batch, THEIR_BRANCHES),
            lambda: hook.momentum_update(theirs, 1 - DECAY),
        ),
        strict=True,
    )
    times = in_turns(setting, *steps, prepare=prepare)
    return times, ours.statistics.summary()['boxes_per_image']


ROWS = (
    Row(
        'semi-base',
        "our EMA-teacher step / mmdet's SemiBaseDetector step",
        1.02,
        ema_step_against('SemiBaseDetector'),
    ),
    Row(
        'soft-teacher',
        "our EMA-teacher step / mmdet's SoftTeacher step",
        0.80,
        ema_step_against('SoftTeacher', more_rois=MORE_ROIS),
        reason='SoftTeacher trains the same student and runs the same teacher; what it does more is passes of the RoI '
        'head. The row of SemiBaseDetector is the step without them and takes as long as ours, so the ratio is the '
        'share of a step that is not these passes: on this detector, with its small RoI head, most of it.',
    ),
)
