"""Every detector of MMDetection as a student with an EMA teacher on the fake device; no operation may mix both sides.

Step, teacher, prediction, evaluation, label bank; every number is that of the host. By default one detector of each
kind of head is tried, all of them with the slow tests.
"""

import copy

import pytest
import torch
from builders.banks import bank
from fake_device import DEVICE, HOST, device_mode, on_device, to_device
from mmdet.models.dense_heads import AnchorFreeHead, AnchorHead, DETRHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.roi_heads import CascadeRoIHead, StandardRoIHead
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from whole_use import differences, numbers

from any_detector.found import tried
from any_detector.trial import Trial
from mmssod.evaluation import VOCBoxMetric
from mmssod.evaluation.detections import to_detections
from mmssod.label_bank.labeler import LabelBank
from mmssod.label_bank.views import ViewLabeler
from mmssod.tiny_detectors import CLASSES

KINDS = (CascadeRoIHead, StandardRoIHead, DETRHead, AnchorFreeHead, AnchorHead, BaseDenseHead)


def kind(found):
    """Which of :data:`KINDS` a detector's heads are."""
    heads = [MODELS.get(name) for name in found.heads]
    return next((base for base in KINDS if any(issubclass(h, base) for h in heads)), None)


def cases():
    """All detectors; the first of each kind by default."""
    seen = set()
    for found in tried():
        is_first = kind(found) not in seen and not found.limits
        seen |= {kind(found)} if is_first else set()
        marks = () if is_first else (pytest.mark.slow,)
        yield pytest.param(found, marks=marks, id=found.name)


class AsTheyAre(torch.nn.Module):
    """Images that are normalized already."""

    def forward(self, data, training):
        return dict(inputs=torch.stack(data['inputs']), data_samples=data['data_samples'])


def use(model, trial, device, folder):
    """Everything that a run does with a student that is on a device, and the figures that come of it."""
    found = dict(bank=banked(model, trial, device, folder), steps=train(model, trial, device))
    found['summary'] = model.statistics.summary()
    found['found'] = evaluate(model, trial, device)
    return found


def train(model, trial, device):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, foreach=True)  # as on a GPU
    torch.manual_seed(1)
    steps = []
    for _ in range(2):
        total, logged = model.parse_losses(model.loss(*moved(trial.batch(), device)))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        model.labeler.update(model.student, 0.9)
        steps.append({name: float(value.detach()) for name, value in logged.items()})
    return steps


def evaluate(model, trial, device):
    inputs, samples = moved(trial.images(boxes=(0, 2)), device)
    with torch.no_grad():
        results = [one.to_dict() for one in model.eval().predict(inputs, samples)]
    voc = VOCBoxMetric(eval_mode='area')
    voc.dataset_meta = dict(classes=CLASSES)
    voc.process({}, results)
    boxes = [to_detections(result, range(len(CLASSES))) for result in results]
    return dict(boxes=boxes, truth=numbers([truth for truth, _ in voc.results]))


def banked(model, trial, device, folder):
    """The labels of a bank as a student reads them."""
    inputs, samples = trial.batch()
    labeler = ViewLabeler(model.labeler.teacher, AsTheyAre(), False, 0.0, device)
    bank(
        folder,
        labeler(dict(inputs=list(inputs['weak']), data_samples=samples['weak'])),
        mirrored=False,
    )
    blank = [DetDataSample(metainfo=sample.metainfo) for sample in samples['weak']]
    return [
        [value.tolist() for value in (labels.boxes, labels.labels, labels.certainty)]
        for labels in LabelBank(path=str(folder))(None, blank, model.student)
    ]


def moved(batch, device):
    return to_device(batch) if device == DEVICE else batch


@pytest.mark.parametrize('found', cases())
def test_a_detector_on_a_device(found, tmp_path):
    trial = Trial(found)
    if trial.limits:
        pytest.skip('; '.join(trial.limits))
    model = trial.student('EMATeacher')
    expected = use(copy.deepcopy(model), trial, HOST, tmp_path / 'host')
    assert all(step['pseudo_boxes'] > 0 for step in expected['steps'])
    with device_mode() as device:
        ours = use(on_device(model), trial, DEVICE, tmp_path / 'device')
    assert device.operations > 1000
    assert not differences(ours, expected, rel=1e-3, abs=1e-3)
