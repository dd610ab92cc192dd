"""A model used as runs use it: steps, the teacher's update, statistics, predictions, evaluation, a label bank.

The same on the host and on the fake device, from raw images on, so that the two can be compared.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders.banks import bank
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.optim import OptimWrapper
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmssod.engine.both_loops import BothEvaluator
from mmssod.evaluation import CocoBoxMetric, DetectionWriter, VOCBoxMetric
from mmssod.label_bank.labeler import LabelBank
from mmssod.label_bank.views import ViewLabeler
from mmssod.models import ClassBalancer, FrozenTeacher
from mmssod.models.detectors import EnsembleDetector
from mmssod.models.detectors.student_detector import StudentDetector
from mmssod.tiny_detectors import CLASSES, tiny_sample

SIZE = 64  # px
LABELED, UNLABELED = (0, 1), (2, 3)  # ids of images


def raw_image(number: int) -> Tensor:
    """An image as loaders give it, uint8, shape (3, SIZE, SIZE)."""
    generator = torch.Generator().manual_seed(number)
    return torch.randint(0, 256, (3, SIZE, SIZE), dtype=torch.uint8, generator=generator)


def whole_sample(number: int, **options: Any) -> DetDataSample:
    """A sample as loaders give it: with a box to ignore."""
    sample = tiny_sample(number, **options)
    box = torch.tensor([[50.0, 50.0, 62.0, 62.0]])
    sample.ignored_instances = InstanceData(bboxes=box, labels=torch.zeros(1, dtype=torch.long))
    return sample


def training_batch(model: nn.Module) -> dict[str, Any]:
    """A batch on the host, before the data preprocessor."""
    images = {
        'labeled': [raw_image(number) for number in LABELED],
        'labeled_strong': [raw_image(number) // 2 for number in LABELED],
        'weak': [raw_image(number) for number in UNLABELED],
        'strong': [raw_image(number).flip(-1) for number in UNLABELED],
    }
    samples = {
        'labeled': [whole_sample(number) for number in LABELED],
        'labeled_strong': [whole_sample(number) for number in LABELED],
        'weak': [tiny_sample(number, boxes=0) for number in UNLABELED],
        'strong': [tiny_sample(number, boxes=0, flip=True) for number in UNLABELED],
    }
    batch = dict(inputs=images, data_samples=samples)
    if isinstance(model, StudentDetector):
        return batch
    return {key: part['labeled'] for key, part in batch.items()}


def test_batch() -> dict[str, Any]:
    """Images to predict on, as a test loader gives them."""
    return dict(
        inputs=[raw_image(number) for number in LABELED],
        data_samples=[whole_sample(number) for number in LABELED],
    )


# ------------------------------------------------------------------ uses


def use(model: nn.Module, device: torch.device, folder: Path) -> dict[str, Any]:
    """Everything that a run does with a model which is on a device, and the figures that come of it.

    Args:
        model: In training mode; it is changed.
        device: Where it is.
        folder: For files.

    Returns:
        Numbers, lists of numbers and lists of records by name: equal on all devices.
    """
    found: dict[str, Any] = {}
    if teacher := teacher_of(model):
        found['bank'] = make_bank(model, teacher, device, folder / 'bank')
    if not isinstance(model, EnsembleDetector):
        found['steps'] = train(model)
        found['counts'] = summaries(model)
    found['evaluation'] = evaluate(model, folder)
    found['weights'] = [float(value.double().sum()) for value in model.state_dict().values()]
    return found


def train(model: Any) -> list[dict[str, float]]:
    """All logged values of two steps, with the teacher's update behind each."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, foreach=True)  # as on a GPU
    wrapper = OptimWrapper(optimizer, clip_grad=dict(max_norm=35.0))
    for part in model.modules():
        if isinstance(part, ClassBalancer):
            part.initialize(torch.tensor([30, 20, 10]))
    torch.manual_seed(1)
    steps = []
    for _ in range(2):
        values = model.train_step(training_batch(model), wrapper)
        steps.append({name: float(value.detach()) for name, value in values.items()})
        labeler = getattr(model, 'labeler', None)
        if hasattr(labeler, 'update'):
            labeler.update(model.student, 0.9)
    return steps


def summaries(model: nn.Module) -> list[Any]:
    """What the hooks log of candidates, pseudo labels and the class balance."""
    found = [part.summary() for part in model.modules() if hasattr(part, 'summary')]
    for part in model.modules():
        if isinstance(part, ClassBalancer):
            found.append([part.thresholds().tolist(), part.weights().tolist()])
    return found


def evaluate(model: Any, folder: Path) -> dict[str, Any]:
    """The figures of all shipped metrics on two images; of a teacher beside its student, too."""
    model.eval()
    folder.mkdir(parents=True, exist_ok=True)
    truth, written = folder / 'truth.json', folder / 'found.json'
    truth.write_text(json.dumps(true_boxes()))
    metrics = [
        CocoBoxMetric(ann_file=str(truth), train_ann_file=str(truth), num_rare=1),
        DetectionWriter(ann_file=str(truth), out_file=str(written)),
    ]
    evaluator: Any = Evaluator(metrics)
    evaluator.dataset_meta = dict(classes=CLASSES)
    if isinstance(getattr(model, 'labeler', None), FrozenTeacher):
        model.predict_with = 'both'
        evaluator = BothEvaluator(evaluator)
    with torch.no_grad():
        results = model.test_step(test_batch())
    evaluator.process(data_samples=results, data_batch=test_batch())
    voc = VOCBoxMetric(eval_mode='area')  # whose figures take processes of their own
    voc.dataset_meta = dict(classes=CLASSES)
    voc.process(test_batch(), [result.to_dict() for result in results])
    figures = evaluator.evaluate(len(results))
    return dict(figures=figures, boxes=json.loads(written.read_text()), voc=numbers(voc.results))


def numbers(nested: Any) -> Any:
    """Nested arrays as nested lists."""
    if isinstance(nested, dict):
        return {key: numbers(value) for key, value in nested.items()}
    if isinstance(nested, (list, tuple)):
        return [numbers(value) for value in nested]
    return nested.tolist() if isinstance(nested, np.ndarray) else nested


def true_boxes() -> dict[str, Any]:
    """The true boxes of the labeled images as COCO json."""
    boxes = []
    for number in LABELED:
        objects = tiny_sample(number).gt_instances
        for (x1, y1, x2, y2), label in zip(
            objects.bboxes.tolist(), objects.labels.tolist(), strict=True
        ):
            box = dict(bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1), iscrowd=0)
            boxes.append(dict(id=len(boxes) + 1, image_id=number, category_id=label, **box))
    return dict(
        images=[dict(id=n, width=SIZE, height=SIZE, file_name=f'{n}.jpg') for n in LABELED],
        categories=[dict(id=n, name=name) for n, name in enumerate(CLASSES)],
        annotations=boxes,
    )


def differences(found: Any, expected: Any, rel: float = 1e-5, abs: float = 1e-6) -> list[str]:
    """Where two results of :func:`use` differ, the first five places."""
    ours, theirs = dict(flat(found)), dict(flat(expected))
    keys = [*ours, *(key for key in theirs if key not in ours)]
    wrong = [key for key in keys if not alike(ours.get(key), theirs.get(key), rel, abs)]
    return [f'{key}: {ours.get(key)!r} instead of {theirs.get(key)!r}' for key in wrong[:5]]


def flat(nested: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Values of nested dicts and lists by their path."""
    if not isinstance(nested, (dict, list, tuple)):
        yield path, nested
        return
    pairs = nested.items() if isinstance(nested, dict) else enumerate(nested)
    for key, value in pairs:
        yield from flat(value, f'{path}/{key}')


def alike(one: Any, other: Any, rel: float, abs: float) -> bool:
    """Whether two values are the same but for rounding; NaN equals NaN."""
    if not isinstance(other, (int, float)):
        return one == other
    return bool(one == pytest.approx(other, rel=rel, abs=abs, nan_ok=True))


# ------------------------------------------------------------------ the label bank


def teacher_of(model: Any) -> nn.Module | None:
    """Who would label a bank for a model: its teacher, or the start of a student that reads one."""
    labeler = getattr(model, 'labeler', None)
    if isinstance(labeler, LabelBank):
        return copy.deepcopy(model.student).eval()
    return labeler.teacher if isinstance(labeler, FrozenTeacher) else None


def make_bank(model: Any, teacher: nn.Module, device: torch.device, folder: Path) -> list[Any]:
    """Write a bank of the unlabeled images, read it, and give it to a model that learns from one.

    Returns:
        The labels that were read, of each image.
    """
    preprocessor = copy.deepcopy(model.data_preprocessor.data_preprocessor)
    labeler = ViewLabeler(teacher, preprocessor, True, 0.0, device)
    samples = [tiny_sample(number, boxes=0) for number in UNLABELED]
    batch = dict(inputs=[raw_image(number) for number in UNLABELED], data_samples=samples)
    bank(folder, labeler(batch), floor=0.0, classes=CLASSES)
    reader = LabelBank(path=str(folder))
    if isinstance(model.labeler, LabelBank):
        model.labeler.path = str(folder)
    blank = [DetDataSample(metainfo=sample.metainfo) for sample in samples]
    found = reader(None, blank, model.student)
    return [
        [value.tolist() for value in (labels.boxes, labels.labels, labels.certainty)]
        for labels in found
    ]
