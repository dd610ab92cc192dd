"""Checks run on each detector: one function per claim, which raises if the claim does not hold."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmengine.config import ConfigDict
from torch import Tensor, nn

from mmssod.models.build_detector import complete
from mmssod.models.dense_certainty import MAX_PER_IMAGE, DistributionMixin
from mmssod.models.detectors.losses import Loss
from mmssod.models.frozen_batch_norm import freeze_batch_norm
from mmssod.models.pseudo.labelers import predict_candidates
from mmssod.structures import PseudoLabels
from mmssod.tiny_detectors import tiny_batch

from .trial import SEED, Trial
from .words import NUM_CLASSES


def builds_twice(trial: Trial) -> None:
    """Two detectors of one config are alike, and the config is as it was."""
    before = copy.deepcopy(trial.config)
    first, second = (trial.detector().state_dict() for _ in range(2))
    require(trial.config == before, 'building it changes its config')
    require(first.keys() == second.keys(), 'the second of one config has other weights')
    for name, value in first.items():
        require(torch.equal(value, second[name]), f'{name} of the second differs')


def supervised(trial: Trial) -> None:
    """Losses and gradients on images with none, one and some boxes are finite, and every weight has a gradient."""
    detector = trial.detector()
    inputs, samples = trial.images(boxes=(0, 1, 3))
    torch.manual_seed(SEED)
    losses = detector.loss(inputs, samples)
    require_finite(losses)
    total(losses).backward()
    missing = [n for n, p in detector.named_parameters() if p.requires_grad and p.grad is None]
    require(not missing, f'without a gradient: {missing[:3]}')
    require_gradients(detector)


def student(trial: Trial, labeler: str, folder: Path) -> None:
    """A step has pseudo boxes, and losses and gradients from them; those of a bank are the frozen teacher's.

    Images without a pseudo box are left out of the loss, so without any there would be no gradient at all.

    Args:
        trial: Trial of the detector.
        labeler: One of ``trial.LABELERS``.
        folder: An empty folder, for a bank.
    """
    banked = labeler == 'LabelBank'
    model = trial.student(labeler, folder if banked else None)
    if banked:
        require_labels_of_teacher(model, trial, folder)
    losses = step(model, trial, with_pixels=not banked)
    require(sum_of(losses['pseudo_boxes']).item() > 0, 'no pseudo boxes')
    total({name: loss for name, loss in losses.items() if name.startswith('unsup_')}).backward()
    require_gradients(model.student)
    taught = [name for name, p in model.labeler.named_parameters() if p.grad is not None]
    require(not taught, f'the teacher has gradients: {taught[:3]}')


def require_labels_of_teacher(model: Any, trial: Trial, folder: Path) -> None:
    """Write the bank of a frozen teacher and compare what is looked up there with what that teacher answers."""
    teacher = trial.student('FrozenTeacher')
    trial.write_bank(folder, teacher.labeler.teacher)
    inputs, samples = trial.batch()
    known = teacher.pseudo_labels(inputs['weak'], samples['weak'])
    for labels, wanted in zip(model.pseudo_labels(None, samples['weak']), known, strict=True):
        require(
            len(labels) == len(wanted) > 0, f'{len(labels)} labels, the teacher has {len(wanted)}'
        )
        for name in vars(wanted):
            ours, theirs = getattr(labels, name), getattr(wanted, name)
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4, msg=f'{name} of a bank')


def learns_the_boxes(trial: Trial) -> None:
    """Gradients come from the pseudo boxes: with other boxes the first layer has others."""
    model = trial.student('SelfLabeler')
    inputs, samples = trial.batch()
    labels = model.pseudo_labels(inputs['weak'], samples['weak'])
    others = [PseudoLabels.from_ground_truth(sample.gt_instances) for sample in samples['labeled']]
    gradients = []
    for targets in (labels, others):
        model.zero_grad()
        torch.manual_seed(SEED)
        losses, _ = model.unsupervised_loss(inputs['strong'], samples['strong'], targets)
        total(losses).backward()
        first = next(p for p in model.student.backbone.parameters() if p.grad is not None)
        gradients.append(first.grad.clone())
    ours, theirs = gradients
    same = torch.allclose(ours, theirs, rtol=1e-3, atol=0.0)
    require(not same, 'other boxes change no gradient of the first layer')


def learns_mixtures(trial: Trial) -> None:
    """Mixed images, of other sizes than their batch, are as good as any."""
    model = trial.student('SelfLabeler')
    model.mixer = MODELS.build(dict(type='TwoImageMosaic'))
    losses = step(model, trial)
    require(sum_of(losses['pseudo_boxes']).item() > 0, 'no pseudo boxes')
    total(losses).backward()
    require_gradients(model.student)


def takes_one_pass(trial: Trial) -> None:
    """With frozen batch norm, losses from one pass over labeled images and strong views are those from two passes."""
    model = trial.student('SelfLabeler')
    freeze_batch_norm(model.student)
    two = step(model, trial)
    model.joint_features = True
    for name, loss in step(model, trial).items():
        pair = sum_of(loss), sum_of(two[name])
        torch.testing.assert_close(*pair, rtol=1e-3, atol=1e-4, msg=f'{name} in one pass')


def predicts(trial: Trial) -> None:
    """Boxes are finite, of the classes that there are, no more than asked for, and nothing given is changed."""
    model = trial.student('EMATeacher').eval()
    inputs, samples = trial.images(boxes=(0, 2))
    before = copy.deepcopy(samples)
    with torch.no_grad():
        found = model.predict(inputs, [copy.deepcopy(s) for s in samples], rescale=True)
        pseudo = model.pseudo_labels(inputs, samples)
    for sample, known, one, labels in zip(samples, before, found, pseudo, strict=True):
        boxes = one.pred_instances
        require(0 < len(boxes) <= most_boxes(trial.config), f'{len(boxes)} boxes')
        require(bool(boxes.bboxes.isfinite().all()), 'boxes are not finite')
        require(bool(((boxes.labels >= 0) & (boxes.labels < NUM_CLASSES)).all()), 'other classes')
        require(bool(((boxes.scores >= 0) & (boxes.scores <= 1)).all()), 'scores outside [0, 1]')
        require(sample.metainfo.keys() == known.metainfo.keys(), 'the sample is changed')
        require(
            torch.equal(sample.gt_instances.bboxes, known.gt_instances.bboxes),
            'true boxes are changed',
        )
        height, width = sample.img_shape[:2]
        inside = labels.project(torch.eye(3, dtype=torch.float64), sample.img_shape).boxes
        limits = inside.new_tensor([width, height, width, height])
        require(
            len(inside) > 0 and bool(((inside >= 0) & (inside <= limits)).all()),
            'boxes lie outside',
        )


def follows(trial: Trial) -> None:
    """An EMA teacher's weights and statistics are the share it keeps of its own, and the student's for the rest."""
    model = trial.student('EMATeacher')
    torch.manual_seed(SEED + 1)
    with torch.no_grad():
        for tensor in [*model.student.parameters(), *model.student.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    ours, theirs = (copy.deepcopy(m.state_dict()) for m in (model.labeler.teacher, model.student))
    model.labeler.update(model.student, 0.9)
    moved = model.labeler.teacher.state_dict()
    require(moved.keys() == theirs.keys(), 'the teacher has other weights than the student')
    for name, value in moved.items():
        wanted = ours[name].lerp(theirs[name], 0.1) if value.is_floating_point() else theirs[name]
        torch.testing.assert_close(value, wanted, msg=f'{name} of the teacher')
    now = model.student.state_dict()
    require(all(torch.equal(now[n], v) for n, v in theirs.items()), 'the student has moved')


def round_trip(trial: Trial) -> None:
    """Weights that were saved and loaded into another model answer alike."""
    first, second = (trial.student('EMATeacher') for _ in range(2))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.zero_()
    second.load_state_dict(torch.load(file, weights_only=True))
    inputs, samples = trial.images(boxes=(0, 0))
    with torch.no_grad():
        answers = [m.eval().predict(inputs, copy.deepcopy(samples)) for m in (first, second)]
    for one, other in zip(*answers, strict=True):
        require(len(one.pred_instances) > 0, 'nothing predicted')
        for name in ('bboxes', 'scores', 'labels'):
            ours, theirs = one.pred_instances[name], other.pred_instances[name]
            require(torch.equal(ours, theirs), f'other {name} after loading')


def answers_as_mmdet(trial: Trial) -> None:
    """Boxes and scores are MMDetection's own, and their score is p * v, or p where v is of a distribution."""
    inputs, samples = trial.images(boxes=(0, 0))
    ours = trial.detector()
    plain = complete(MODELS.build(copy.deepcopy(trial.config)))
    plain.load_state_dict(ours.state_dict())
    with torch.no_grad():
        answers = [m.eval().predict(inputs, copy.deepcopy(samples)) for m in (ours, plain)]
    of_distribution = isinstance(getattr(ours, 'bbox_head', None), DistributionMixin)
    for one, other in zip(*answers, strict=True):
        found, known = one.pred_instances, other.pred_instances[: len(one.pred_instances)]
        require(len(found) == min(len(known), most_boxes(trial.config)), f'{len(found)} boxes')
        for name in ('bboxes', 'scores', 'labels'):
            torch.testing.assert_close(found[name], known[name], msg=f'{name} differ')
        labels = PseudoLabels.from_predictions(found)
        ranked = labels.cls_certainty if of_distribution else labels.certainty
        torch.testing.assert_close(ranked, found.scores, msg='the score is not p * v')
        certainties = torch.stack([labels.cls_certainty, labels.loc_certainty])
        require(bool(((certainties >= 0) & (certainties <= 1)).all()), 'p or v outside [0, 1]')


def answers_few(trial: Trial) -> None:
    """No more boxes than ``max_per_img``, and no more than 100 where the config says nothing of it (YOLOX)."""
    said = 'max_per_img' in final_test_cfg(trial.config)
    # Of an image of 64 px YOLOX answers fewer than 100 anyway.
    inputs, samples = tiny_batch(size=trial.size if said else 2 * trial.size)
    weak = [trial.complete(sample) for sample in samples['weak']]
    for limit in (5,) if said else (5, None):
        config = ConfigDict(copy.deepcopy(trial.config))
        if limit:
            final_test_cfg(config).max_per_img = limit
        if limit and 'topk' in final_test_cfg(config):  # what CenterNet looks at instead
            final_test_cfg(config).topk = limit
        with torch.no_grad():
            found = predict_candidates(trial.detector(config).eval(), inputs['weak'], weak)
        most = max(map(len, found))
        require(0 < most <= (limit or MAX_PER_IMAGE), f'{most} boxes, {limit} asked for')
        require(limit is not None or most == MAX_PER_IMAGE, f'{most} boxes are too few for a test')


def weighs_boxes(trial: Trial) -> None:
    """Losses are those without weights at weight 1, and linear in the weight of all boxes; Eq. 6 counts the foreground.

    Of a head that takes no weights nothing is claimed.
    """
    weigher = trial.weigher()
    if weigher is None:
        return
    weigher.load_state_dict(trial.detector().state_dict())
    # RoIs of weight 0 are not counted by mmdet when it divides the loss by their number.
    least = 0.5 if hasattr(weigher, 'roi_head') else 0.0
    given = [(trial.detector(), None), (weigher, least), (weigher, 1.0), (weigher, 2.0)]
    expected, less, once, twice = (weighed_losses(one, trial, weight) for one, weight in given)
    for name, value in expected.items():
        torch.testing.assert_close(once[name], value, rtol=1e-4, atol=1e-5, msg=f'{name} at 1')
        line = once[name] + (once[name] - less[name]) / (1 - least)
        torch.testing.assert_close(twice[name], line, rtol=1e-3, atol=1e-4, msg=f'{name} at 2')
    changed = [name for name in expected if not torch.isclose(less[name], once[name])]
    require(len(changed) > 1, f'weights change {changed} only')
    require(bool((once['fg_count'] > 0).any()), 'Eq. 6 counts no foreground')


def weighed_losses(detector: Any, trial: Trial, weight: float | None) -> dict[str, Tensor]:
    """Of labeled images whose boxes all have this weight, or none."""
    inputs, samples = trial.images(boxes=(0, 3))
    for sample in samples:
        if weight is not None:
            boxes = sample.gt_instances
            boxes.weights = torch.full((len(boxes),), weight)
    torch.manual_seed(SEED)
    with torch.no_grad():
        losses = copy.deepcopy(detector).loss(inputs, samples)  # losses move batch statistics
        return {n: sum_of(v) if 'loss' in n else v for n, v in losses.items()}


# ---------------------------------------------------------------- parts of them


def step(model: Any, trial: Trial, with_pixels: bool = True) -> dict[str, Loss]:
    """The losses of one step, all finite, the inputs and samples as they were."""
    inputs, samples = trial.batch()
    if not with_pixels:
        del inputs['weak']
    before = copy.deepcopy((inputs, samples))
    torch.manual_seed(SEED)
    losses = model.loss(inputs, samples)
    require_finite(losses)
    require_same(inputs, samples, *before)
    return losses


def require_same(
    inputs: Mapping[str, Tensor], samples: Mapping[str, SampleList], *before: Any
) -> None:
    """Raise if images or annotations are not those that they were."""
    for name, images in inputs.items():
        require(torch.equal(images, before[0][name]), f'{name} images are changed')
    for name, part in samples.items():
        for now, then in zip(part, before[1][name], strict=True):
            for key in ('bboxes', 'labels'):
                ours, theirs = now.gt_instances[key], then.gt_instances[key]
                require(torch.equal(ours, theirs), f'{key} of {name} are changed')


def total(losses: Mapping[str, Loss]) -> Tensor:
    """The sum of all that are losses."""
    return sum(sum_of(loss) for name, loss in losses.items() if 'loss' in name)  # type: ignore[return-value]


def sum_of(loss: Loss) -> Tensor:
    """Of one entry, a tensor or one for each level."""
    return sum(part.mean() for part in loss) if isinstance(loss, (list, tuple)) else loss.mean()  # type: ignore


def most_boxes(config: Mapping[str, Any]) -> int:
    """How many boxes of an image a detector may answer; 100 where its config does not say."""
    return final_test_cfg(config).get('max_per_img', MAX_PER_IMAGE)


def final_test_cfg(config: Mapping[str, Any]) -> Any:
    """The settings by which a detector's boxes are chosen; of two stages those of the second."""
    test = config['test_cfg']
    return test.get('rcnn', test)


def require_gradients(model: nn.Module) -> None:
    """Raise if a gradient is not finite, or most are 0: some are, as of levels without a box, or of unused branches."""
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    wrong = [name for name, gradient in gradients.items() if not gradient.isfinite().all()]
    require(not wrong, f'gradients that are not finite: {wrong[:3]}')
    alive = [name for name, gradient in gradients.items() if gradient.any()]
    require(
        len(alive) > len(gradients) / 4, f'{len(alive)} of {len(gradients)} gradients are not 0'
    )


def require_finite(losses: Mapping[str, Loss]) -> None:
    """Raise for losses that are not numbers."""
    wrong = [
        name for name, loss in losses.items() if 'loss' in name and not sum_of(loss).isfinite()
    ]
    require(not wrong, f'losses that are not finite: {wrong}')


def require(holds: bool, otherwise: str) -> None:
    """Raise an AssertionError with this message unless it holds."""
    if not holds:
        raise AssertionError(otherwise)
