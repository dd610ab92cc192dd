"""Faults that only a GPU would show are found on the fake device, with the line.

A planted fault replaces a piece of a function's source; its lines keep their numbers.
"""

import inspect
import textwrap

import pytest
from builders.tiny_recipes import build_recipe, tiny_recipe
from fake_device import DEVICE, DeviceError, device_mode, on_device
from mmdet.models.dense_heads import AnchorHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from whole_use import use

from mmssod.evaluation import detections
from mmssod.label_bank import labeler as label_bank
from mmssod.methods.ismt import PseudoLabelMemory
from mmssod.models import SideBucketCoder
from mmssod.models.detectors import pseudo_label_detector
from mmssod.structures import pseudo_labels

# an untrained detector is sure of little
LOW = dict(balancer=dict(threshold=0.05, bounds=(0.0, 0.9)))


def build(recipe, **changes):
    return build_recipe(tiny_recipe(f'configs/{recipe}.py', **{**LOW, **changes}))


def plant(monkeypatch, owner, name, old, new):
    """Replace a piece of a function's source."""
    function = inspect.unwrap(getattr(owner, name))
    lines, first = inspect.getsourcelines(function)
    source = textwrap.dedent(''.join(lines))
    assert source.count(old) == 1, source
    code = compile(
        '\n' * (first - 1) + source.replace(old, new), function.__code__.co_filename, 'exec'
    )
    made = {}
    exec(code, function.__globals__, made)
    monkeypatch.setattr(owner, name, made[function.__name__])


def used(model, folder):
    """What is raised when a model is used on the device."""
    with device_mode():
        model = on_device(model)
        with pytest.raises((DeviceError, TypeError)) as caught:
            use(model, DEVICE, folder)
    return str(caught.value)


FAULTS = dict(
    arange_without_a_device=(
        'demo/student', SideBucketCoder, 'encode', ', device=place.device', '',
        'side_bucket_coder.py', 'widths_away = place[..., None] - steps',
    ),
    array_of_the_device=(
        'demo/student', detections, 'as_arrays', "instances['scores'].cpu().numpy()", "np.asarray(instances['scores'])",
        'detections.py', "scores = instances['scores'].cpu().numpy()",
    ),
    homography_of_the_host=(
        'demo/student', pseudo_labels, 'move_boxes', 'matrix.to(corners, non_blocking=True)', 'matrix.float()',
        'transforms.py', 'torch.matmul(homography_matrix, corners.t())',
    ),
    index_on_the_wrong_side=(
        'demo/student', pseudo_label_detector, 'with_weights', 'class_weights.to(', 'class_weights.cpu().to(',
        'pseudo_label_detector.py', 'weights = class_weights.to(boxes.bboxes.dtype)[boxes.labels]',
    ),
    labels_left_on_the_host=(
        'label_bank/demo', label_bank, 'as_labels', 'table = table.to(device, non_blocking=True)', '',
        'statistics.py', 'self.boxes.index_add_(0, classes, ones)',
    ),
    memory_left_on_the_host=(
        'ismt/demo', PseudoLabelMemory, 'recall', 'rows.to(device)', 'rows',
        'statistics.py', 'self.boxes.index_add_(0, classes, ones)',
    ),
    target_of_the_host=(
        'demo/student_plain', BBoxHead, '_get_targets_single',
        'bbox_targets = pos_priors.new_zeros(', 'bbox_targets = torch.zeros(',
        'bbox_head.py', 'bbox_targets[pos_inds.type(torch.bool)]',
    ),
    classes_of_the_host=(
        'demo/student_plain', AnchorHead, '_get_targets_single', 'labels = anchors.new_full(', 'labels = torch.full(',
        'anchor_head.py', 'labels',
    ),
)  # fmt: skip


@pytest.mark.parametrize('fault', FAULTS)
def test_a_planted_fault_is_found(fault, monkeypatch, tmp_path):
    recipe, owner, name, old, new, file, line = FAULTS[fault]
    plant(monkeypatch, owner, name, old, new)
    message = used(build(recipe), tmp_path)
    assert f'{file}:' in message.split('`')[0] and line in message


def test_a_buffer_that_is_left_on_the_host(tmp_path):
    model = build('demo/student')
    with device_mode():
        model = on_device(model)
        model.balancer.certainty_sum = model.balancer.certainty_sum.cpu()
        with pytest.raises(DeviceError, match=r'mmssod/equations.py:\d+ `ratio = '):
            use(model, DEVICE, tmp_path)
