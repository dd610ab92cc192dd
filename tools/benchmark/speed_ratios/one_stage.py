"""Steps of YOLOX-Nano, the detector for small machines: images per second, and the cost of a teacher."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from mmdet.models.task_modules.assigners.sim_ota_assigner import (
    SimOTAAssigner as MMDetSimOTAAssigner,
)
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper

from mmssod.engine.hooks.speed_hook import keep_memory
from mmssod.models.frozen_batch_norm import fold_batch_norm, freeze_batch_norm
from speed_ratios.detectors import base_detector
from speed_ratios.rows import Measured, Row, Setting, in_turns
from speed_ratios.steps import (
    CLASSES,
    DECAY,
    Images,
    confident,
    our_model,
    step_of,
    steps_of_both,
)

SIZE = 320
WANTED = 18  # images per second in supervised steps of one core


def yolox_nano() -> ConfigDict:
    """YOLOX-Nano, weights at random; as a trained one, it has a score in few places, not in all 2100."""
    detector = base_detector('yolox_nano')
    detector.bbox_head.num_classes = CLASSES
    detector.test_cfg.score_thr = 0.3
    return detector


def images_of(setting: Setting) -> Images:
    """Four labeled and four unlabeled images, one of each where it shall be quick."""
    return Images(1 if setting.quick else 4, SIZE)


def ready(model: Any, setting: Setting) -> Any:
    """As the shipped configs train it: batch norm fixed and folded, channels last, memory kept (all rows have that)."""
    keep_memory()
    freeze_batch_norm(model)
    fold_batch_norm(model)
    return model.to(setting.device, memory_format=torch.channels_last).train()


def supervised_step(model: Any, images: Images, **kwargs: Any) -> Any:
    """What prepares a step on labeled images alone, and the step."""

    def batch() -> dict[str, Any]:
        both = images.batch()
        return dict(inputs=both['inputs']['labeled'], data_samples=both['data_samples']['labeled'])

    return step_of(model, batch, **kwargs)


def image_rate(setting: Setting) -> Measured:
    """Measures a supervised step against the time that it may take."""
    images = images_of(setting)
    torch.manual_seed(0)
    prepare, step = supervised_step(ready(MODELS.build(yolox_nano()), setting), images)
    times, _ = in_turns(setting, step, lambda: None, prepare=(prepare, lambda: None))
    images_a_second = images.labeled / sorted(times)[len(times) // 2]
    note = f'{images.labeled} images of {SIZE} px a step, {images_a_second:.1f} images per second'
    return Measured(times, [images.labeled / WANTED] * len(times), note=note, rate=True)


def mmdets_own(setting: Setting) -> Any:
    """The same detector as mmdet has it: Swish, its assigner, and batch norm that is fixed but a layer of its own."""
    detector = yolox_nano()
    for part in (detector.backbone, detector.neck, detector.bbox_head):
        part.act_cfg = dict(type='Swish')
    model = MODELS.build(detector)
    model.bbox_head.assigner = MMDetSimOTAAssigner(
        center_radius=detector.train_cfg.assigner.center_radius
    )
    freeze_batch_norm(model)
    return model.to(setting.device).train()


def against_mmdet(setting: Setting) -> Measured:
    """Measures our supervised step against mmdet's: AdamW, clipped gradients, first stage fixed, as in the configs."""
    images = images_of(setting)
    torch.manual_seed(0)
    both = ready(MODELS.build(yolox_nano()), setting), mmdets_own(setting)
    both[1].load_state_dict(both[0].state_dict())
    steps = []
    for model, fused in zip(both, (True, False), strict=True):
        for part in (model.backbone.stem, model.backbone.stage1):  # frozen_stages=1
            part.requires_grad_(False)
        wrapper = partial(OptimWrapper, clip_grad=dict(max_norm=10.0))
        optimizer = partial(torch.optim.AdamW, fused=fused)
        steps.append(supervised_step(model, images, wrapper=wrapper, optimizer=optimizer))
    prepare, work = zip(*steps, strict=True)
    times = in_turns(setting, *work, prepare=prepare)
    return Measured(*times, rate=True, note=f'{images.labeled} images of {SIZE} px a step')


def teacher_share(setting: Setting) -> Measured:
    """Measures a step of student and EMA teacher against a supervised one of as many labeled images."""
    images = images_of(setting)
    torch.manual_seed(0)
    model = our_model(yolox_nano(), joint_features=True)  # as the shipped students
    model.balancer.threshold = confident(model, images)
    ready(model, setting)
    follow = partial(model.labeler.update, model.student, DECAY)
    alone = ready(MODELS.build(yolox_nano()), setting)
    prepare, steps = zip(
        step_of(model, images.batch, follow), supervised_step(alone, images), strict=True
    )
    times = in_turns(setting, *steps, prepare=prepare)
    boxes = model.statistics.summary()['boxes_per_image']
    return Measured(*times, note=f'{images}, {boxes:.0f} pseudo boxes per image')


def against_semi_base(setting: Setting) -> Measured:
    """Measures our step against that of mmdet's ``SemiBaseDetector`` with the same student."""
    images = images_of(setting)
    both = yolox_nano(), yolox_nano()
    times, boxes = steps_of_both('SemiBaseDetector', images, setting, *both, ready=ready)
    return Measured(*times, note=f'{images}, {boxes:.0f} pseudo boxes per image')


ROWS = (
    Row(
        'yolox-rate',
        f'YOLOX-Nano at {SIZE} px, supervised: images per second / {WANTED}',
        1.0,
        image_rate,
        at_least=True,
        quick=False,
    ),
    Row(
        'yolox-mmdet',
        "YOLOX-Nano, supervised: our steps per second / those of mmdet's YOLOX",
        1.7,
        against_mmdet,
        at_least=True,
        quick=False,
    ),
    Row(
        'yolox-ema',
        'YOLOX-Nano: step of student and EMA teacher / supervised step of as many labeled images',
        2.4,
        teacher_share,
        quick=False,
    ),
    Row(
        'yolox-semi-base',
        "YOLOX-Nano: our EMA-teacher step / mmdet's SemiBaseDetector step",
        1.02,
        against_semi_base,
        quick=False,
    ),
)
