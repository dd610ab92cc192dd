"""mmdet's own detectors on the operator stand-in: each builds, trains one step and predicts.

The configs are mmdet's, made small.
"""

from pathlib import Path

import mmdet
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor

import mmssod  # noqa: F401  (puts the stand-in in place)

CONFIGS = Path(mmdet.__file__).parent / '.mim' / 'configs'
FASTER_RCNN = 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
SABL_FASTER_RCNN = 'sabl/sabl-faster-rcnn_r50_fpn_1x_coco.py'
SOFT_TEACHER = 'soft_teacher/soft-teacher_faster-rcnn_r50-caffe_fpn_180k_semi-0.1-coco.py'
NUM_CLASSES = 3
SIZE = 96  # pixels
WIDTH = 16  # channels


def stock_model(path: str) -> ConfigDict:
    """The model of mmdet's config at ``path``, untouched."""
    return Config.fromfile(CONFIGS / path).model


def shrink(model: ConfigDict) -> ConfigDict:
    """A two-stage detector with ResNet-18 of 8 base channels, narrow heads and few samples."""
    model.backbone.update(depth=18, base_channels=8, frozen_stages=-1, norm_eval=False)
    model.backbone.norm_cfg = dict(type='BN', requires_grad=True)
    model.backbone.init_cfg = None
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=WIDTH)
    model.rpn_head.update(in_channels=WIDTH, feat_channels=WIDTH)
    model.roi_head.bbox_roi_extractor.out_channels = WIDTH
    head = model.roi_head.bbox_head
    head.num_classes = NUM_CLASSES
    if head.type == 'SABLHead':
        head.update(cls_in_channels=WIDTH, reg_in_channels=WIDTH, cls_out_channels=32)
        head.update(reg_offset_out_channels=WIDTH, reg_cls_out_channels=WIDTH)
    else:
        head.update(in_channels=WIDTH, fc_out_channels=32)
    model.train_cfg.rpn_proposal.update(nms_pre=100, max_per_img=50)
    model.train_cfg.rcnn.sampler.num = 32
    model.test_cfg.rpn.update(nms_pre=100, max_per_img=50)
    model.test_cfg.rcnn.score_thr = 0.0
    return model


def build(model: ConfigDict) -> torch.nn.Module:
    init_default_scope('mmdet')
    torch.manual_seed(0)
    return MODELS.build(model)


def images(count: int) -> list[Tensor]:
    """``count`` images of (3, SIZE, SIZE), uint8."""
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(0, 256, (3, SIZE, SIZE), dtype=torch.uint8, generator=generator)
        for _ in range(count)
    ]


def sample(boxes: list[list[float]]) -> DetDataSample:
    """A sample with ``boxes`` of classes 0, 1, ... as ground truth."""
    shape = (SIZE, SIZE)
    meta = dict(img_id=0, img_shape=shape, ori_shape=shape, scale_factor=(1.0, 1.0))
    data_sample = DetDataSample(metainfo=dict(meta, homography_matrix=torch.eye(3).numpy()))
    data_sample.gt_instances = InstanceData(
        bboxes=torch.tensor(boxes).reshape(-1, 4), labels=torch.arange(len(boxes))
    )
    return data_sample


def assert_training_step(detector: torch.nn.Module, data: dict) -> dict[str, Tensor]:
    """One SGD step on ``data`` with finite losses and gradients; returns the losses."""
    detector.train()
    inputs = detector.data_preprocessor(data, training=True)
    total, losses = detector.parse_losses(detector(**inputs, mode='loss'))
    assert all(torch.isfinite(value).all() for value in losses.values())
    total.backward()
    student = getattr(detector, 'student', detector)
    gradients = [p.grad for p in student.backbone.parameters() if p.requires_grad]
    assert gradients and all(g is not None and torch.isfinite(g).all() for g in gradients)
    optimizer = torch.optim.SGD((p for p in detector.parameters() if p.requires_grad), lr=1e-3)
    optimizer.step()
    return losses


def assert_predicts(detector: torch.nn.Module, data: dict) -> None:
    """One prediction an image, with boxes inside it."""
    detector.eval()
    with torch.no_grad():
        results = detector.test_step(data)
    assert len(results) == len(data['inputs'])
    for result in results:
        found = result.pred_instances
        assert len(found) > 0
        assert ((found.bboxes >= 0) & (found.bboxes <= SIZE)).all()
        assert ((found.labels >= 0) & (found.labels < NUM_CLASSES)).all()


@pytest.mark.parametrize('path', [FASTER_RCNN, SABL_FASTER_RCNN])
def test_stock_two_stage_detector(path: str) -> None:
    detector = build(shrink(stock_model(path)))
    boxes = [[], [[8.0, 8, 60, 60]], [[4.0, 4, 40, 50], [30.0, 20, 90, 80], [50.0, 50, 70, 95]]]
    data = dict(inputs=images(len(boxes)), data_samples=[sample(b) for b in boxes])
    assert_training_step(detector, data)
    assert_predicts(detector, data)


def test_stock_soft_teacher() -> None:
    model = stock_model(SOFT_TEACHER)
    model.detector = shrink(model.detector)
    # Untrained, so that every box counts as a pseudo label.
    model.semi_train_cfg.update(
        pseudo_label_initial_score_thr=0.0, rpn_pseudo_thr=0.0, cls_pseudo_thr=0.0, reg_pseudo_thr=9
    )
    detector = build(model)
    labeled = [sample([[8.0, 8, 60, 60]])]
    data = dict(
        inputs=dict(sup=images(1), unsup_teacher=images(1), unsup_student=images(1)),
        data_samples=dict(sup=labeled, unsup_teacher=[sample([])], unsup_student=[sample([])]),
    )
    losses = assert_training_step(detector, data)
    assert losses['unsup_loss_cls'] > 0 and losses['unsup_loss_bbox'] > 0  # it had pseudo boxes
    single = build(shrink(stock_model(FASTER_RCNN))).data_preprocessor
    detector.data_preprocessor = single  # mmdet's semi-supervised models are tested on one branch
    assert_predicts(detector, dict(inputs=images(2), data_samples=[sample([]), sample([])]))
