"""mmdet's own Soft Teacher on the operator stand-in: a step with pseudo boxes, and predictions."""

import copy
from pathlib import Path

import mmdet
import torch
from mmdet.registry import MODELS
from mmengine.config import Config

from any_detector.found import tried
from any_detector.shrink import shrunk
from mmssod.tiny_detectors import tiny_sample

CONFIG = 'soft_teacher/soft-teacher_faster-rcnn_r50-caffe_fpn_180k_semi-0.1-coco.py'


def test_a_step_and_predictions():
    model = Config.fromfile(Path(mmdet.__file__).parent / '.mim/configs' / CONFIG).model
    model.detector = shrunk(next(found for found in tried() if found.detector == 'FasterRCNN'))
    # Untrained, so that every box counts as a pseudo label.
    model.semi_train_cfg.update(
        pseudo_label_initial_score_thr=0.0, rpn_pseudo_thr=0.0, cls_pseudo_thr=0.0, reg_pseudo_thr=9
    )
    torch.manual_seed(0)
    detector = MODELS.build(model).train()
    image = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    branches = dict(
        sup=tiny_sample(), unsup_teacher=tiny_sample(1, 0), unsup_student=tiny_sample(1, 0)
    )
    batch = dict(
        inputs={name: [image] for name in branches},
        data_samples={name: [sample] for name, sample in branches.items()},
    )
    total, losses = detector.parse_losses(
        detector(**detector.data_preprocessor(batch, training=True), mode='loss')
    )
    assert losses['unsup_loss_cls'] > 0 and losses['unsup_loss_bbox'] > 0
    total.backward()
    gradients = [p.grad for p in detector.student.backbone.parameters() if p.requires_grad]
    assert gradients and all(g is not None and torch.isfinite(g).all() for g in gradients)
    # mmdet's semi-supervised models are tested on one branch.
    detector.data_preprocessor = MODELS.build(
        copy.deepcopy(model.data_preprocessor.data_preprocessor)
    )
    (result,) = detector.eval().test_step(dict(inputs=[image], data_samples=[tiny_sample()]))
    found = result.pred_instances
    assert len(found) > 0 and ((found.bboxes >= 0) & (found.bboxes <= 64)).all()
