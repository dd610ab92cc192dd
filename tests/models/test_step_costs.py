"""What a step must not cost: waits for the device beyond mmdet's own, precision of places, another memory layout."""

import copy
import itertools
import pickle

import pytest
import torch
from builders.tiny_recipes import build_recipe, total
from mmdet.registry import MODELS
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.utils import apply_to

from mmssod.apis.config import build_runner
from mmssod.models.float32_heads import float32_heads
from mmssod.tiny_detectors import tiny_batch, tiny_detector, tiny_semi
from speed_ratios.detectors import base_detector
from speed_ratios.resume import tiny_run
from speed_ratios.steps import Images
from speed_ratios.syncs import WAITING, host_waits, run_waits, step_waits


def build(head='bucket', **slots):
    """A tiny certainty detector with an EMA teacher that is sure of something."""
    balance = dict(type='ClassBalancer', threshold=0.3, threshold_power=0.05, weight_power=0.6)
    return build_recipe(tiny_semi(head, 'EMATeacher', balancer=balance, **slots))


def test_no_more_waits_for_the_device_than_mmdet():
    """Values read on the host, masks whose entries must be counted, whatever is copied to the host."""
    counts = step_waits(Images(1, 64))
    theirs = counts.pop('mmdet')
    assert theirs['aten::nonzero'] > 0 and len(counts) == 3
    for which, ours in counts.items():
        assert ours.keys() == set(WAITING)
        more = {name: (n, theirs[name]) for name, n in ours.items() if n > theirs[name]}
        assert not more, which


VALUES = torch.arange(6.0)
ITEM = ['aten::item', 'aten::_local_scalar_dense']


@pytest.mark.parametrize(
    ('work', 'seen'),
    [
        (lambda: VALUES.sum() + VALUES.clamp(min=2).argmax(), []),
        (lambda: VALUES.to(VALUES.device), []),
        (lambda: VALUES[0].item(), ITEM),
        (lambda: float(VALUES[0]), ITEM),
        (lambda: bool((VALUES > 2).any()), ITEM),
        (lambda: VALUES[VALUES > 2], ['aten::nonzero']),
        (lambda: torch.where(VALUES > 2), ['aten::nonzero']),
        (lambda: VALUES.masked_select(VALUES > 2), [*ITEM, 'aten::masked_select']),
        (lambda: torch.equal(VALUES, VALUES + 1), ['aten::equal']),
        (lambda: VALUES.unique(), ['aten::_unique2']),
        (lambda: VALUES.tolist(), ['Tensor.tolist']),
        (lambda: VALUES.cpu(), ['Tensor.cpu']),
        (lambda: VALUES.to('cpu'), ['Tensor.cpu']),
        (lambda: VALUES.numpy(), ['Tensor.numpy']),
    ],
)
def test_what_counts_as_waiting(work, seen):
    counts = host_waits(work)
    assert counts == dict.fromkeys(WAITING, 0) | dict.fromkeys(seen, 1)


@pytest.mark.slow
def test_our_hooks_read_two_values_an_iteration():
    """In a run: the guard all losses at once, the hook of pseudo labels their number. The step is the same."""
    with_ours, plain = run_waits().values()
    assert plain['aten::item'] > 0
    more = {
        name: with_ours[name] - plain[name] for name in WAITING if with_ours[name] != plain[name]
    }
    assert more == {'aten::item': 1, 'aten::_local_scalar_dense': 1, 'Tensor.tolist': 1}


def losses_of(model, autocast=None):
    torch.manual_seed(1)
    if autocast is None:
        return model.loss(*tiny_batch())
    with torch.autocast('cpu', autocast):
        return model.loss(*tiny_batch())


@pytest.mark.parametrize('head', ['bucket', 'side'])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_mixed_precision_has_the_losses_of_float32(head, dtype):
    full, half = (losses_of(build(head), autocast) for autocast in (None, dtype))
    assert full.keys() == half.keys() and full['pseudo_boxes'] > 0
    assert total(half).item() == pytest.approx(total(full).item(), rel=0.05)
    for name in ('sup_loss_bbox_cls', 'unsup_loss_bbox_cls', 'sup_loss_bbox_reg'):
        assert half[name].dtype == torch.float32  # sums over K buckets
        assert torch.isfinite(half[name])


def places_of(head):
    """Boxes that a head will decode, and what float32 makes of the same answers: pairs, filled as it is asked."""
    decode, pairs = head.predict_by_feat, []

    def both(*args, **kwargs):
        found = decode(*args, **kwargs)
        args, kwargs = apply_to((args, kwargs), torch.is_tensor, lambda value: value.float())
        with torch.autocast('cpu', enabled=False):
            full = decode(*args, **kwargs)
        pairs.extend((f.bboxes, w.bboxes) for f, w in zip(found, full, strict=True))
        return found

    head.predict_by_feat = both
    return pairs


def wide_batch(width=1344, height=64):
    """One labeled and one unlabeled image of the width of COCO's, and low, so that they cost little."""
    inputs, samples = tiny_batch(1, 1, size=width)
    shape = (height, width)
    for sample in itertools.chain(*samples.values()):
        sample.set_metainfo(dict(img_shape=shape, pad_shape=shape, batch_input_shape=shape))
        sample.gt_instances.bboxes[:, 1::2] *= height / width
    return {name: images[..., :height, :] for name, images in inputs.items()}, samples


@pytest.mark.parametrize('head', ['bucket', 'plain'])
def test_a_step_in_bfloat16_learns_and_rounds_no_place(monkeypatch, head):
    """mmengine's wrapper, which asks for a GPU, on a CPU; what is decoded, RoIs and RoIAlign stay in float32.

    At 1000 pixels bfloat16 has every fourth or eighth pixel.
    """
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    model = build(head)
    before = copy.deepcopy(model.student.state_dict())
    teacher, student = model.labeler.teacher, model.student
    decoded = [
        places_of(part) for part in (student.rpn_head, teacher.rpn_head, teacher.roi_head.bbox_head)
    ]
    rois = []
    for layer in student.roi_head.bbox_roi_extractor.roi_layers:
        layer.register_forward_pre_hook(lambda _, args: rois.append(args))
    features = []
    student.neck.register_forward_hook(lambda _, args, out: features.extend(out))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01)
    wrapper = AmpOptimWrapper(optimizer=optimizer, dtype='bfloat16', loss_scale=1.0)
    with wrapper.optim_context(model):
        losses = model.loss(*wide_batch())
    loss, _ = model.parse_losses(losses)
    wrapper.update_params(loss)
    assert torch.isfinite(loss)
    weights = student.state_dict()
    assert all(torch.isfinite(value).all() for value in weights.values())
    moved = sum(not torch.equal(value, before[name]) for name, value in weights.items())
    assert moved > 50
    # convolutions are not in float32
    assert {value.dtype for value in features} == {torch.bfloat16}
    assert rois and all(value.dtype == torch.float32 for args in rois for value in args)
    places = [torch.cat([args[1][:, 1:] for args in rois])]
    for pairs in decoded:
        assert pairs
        assert all(torch.equal(found, full) for found, full in pairs)
        places.append(torch.cat([found for found, _ in pairs]))
    for boxes in places:
        far = boxes[(boxes > 1000) & (boxes < 1344)]
        assert len(far) > 2 and (far != far.bfloat16().float()).float().mean() > 0.9


def test_heads_answer_in_float32_wherever_they_are_built_or_copied(tmp_path):
    """Of students and teachers, of copies, and of a plain detector in a run; the hook is there once."""
    model = build('plain')
    config = base_detector('retinanet_lite').bbox_head
    dense = float32_heads(float32_heads(MODELS.build({**config, 'in_channels': 16})))
    plain = tiny_run(tmp_path)
    plain.model = tiny_detector('plain')
    heads = [
        dense,
        copy.deepcopy(dense),
        pickle.loads(pickle.dumps(dense)),
        model.student.rpn_head,
        model.labeler.teacher.rpn_head,
        copy.deepcopy(model).student.rpn_head,
        build_runner(plain).model.rpn_head,
    ]
    features = tuple(torch.rand(1, 16, size, size) for size in (32, 16, 8, 4, 2))
    with torch.autocast('cpu', torch.bfloat16):
        for head in heads:
            assert len(head._forward_hooks) == 1
            assert {level.dtype for part in head(features) for level in part} == {torch.float32}
        pooled = torch.rand(3, 16, 7, 7)
        for head in (model.student.roi_head.bbox_head, model.labeler.teacher.roi_head.bbox_head):
            assert {part.dtype for part in head(pooled)} == {torch.float32}


def test_channels_last_changes_no_loss():
    plain, other = build(), build()
    other.to(memory_format=torch.channels_last)
    weight = other.student.backbone.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    expected, found = losses_of(plain), losses_of(other)
    for name, value in expected.items():
        if 'loss' in name and not isinstance(value, list):
            torch.testing.assert_close(value, found[name], rtol=1e-3, atol=1e-5, msg=name)
    wrapper = OptimWrapper(torch.optim.SGD(other.student.parameters(), lr=0.01))
    wrapper.update_params(other.parse_losses(found)[0])
    other.labeler.update(other.student, 0.5)  # of two tensors in this layout
    assert torch.isfinite(total(losses_of(other)))


# ---------------------------------------------------------------- one pass for both branches


def frozen(joint, **slots):
    """The same with batch norm frozen, which one pass for both branches needs."""
    config = tiny_semi(labeler='EMATeacher', joint_features=joint, **slots)
    config.detector.backbone.norm_eval = True
    return build_recipe(config)


def passes_and_losses(model, batch, empty=()):
    """How often the student's backbone ran, the losses, and the gradients of one step."""
    passes = []
    handle = model.student.backbone.register_forward_hook(lambda *_: passes.append(1))
    label = model.pseudo_labels
    nothing = torch.zeros(0, dtype=torch.long)
    model.pseudo_labels = lambda *args: [
        labels.select(nothing) if index in empty else labels
        for index, labels in enumerate(label(*args))
    ]
    torch.manual_seed(1)
    losses = model.loss(*batch)
    total(losses).backward()
    handle.remove()
    gradients = {n: p.grad for n, p in model.student.named_parameters() if p.grad is not None}
    return len(passes), losses, gradients


@pytest.mark.parametrize('empty', [(), (0,), (0, 1)])
def test_one_pass_for_both_branches_has_the_losses_of_two(empty):
    """Also where images without pseudo labels are left out."""
    separate = passes_and_losses(frozen(False), tiny_batch(), empty)
    joint = passes_and_losses(frozen(True), tiny_batch(), empty)
    assert (separate[0], joint[0]) == (2, 1)
    assert separate[1].keys() == joint[1].keys()
    for name, value in separate[1].items():
        torch.testing.assert_close(value, joint[1][name], rtol=1e-4, atol=1e-6, msg=name)
    for name, value in separate[2].items():
        torch.testing.assert_close(value, joint[2][name], rtol=1e-3, atol=1e-5, msg=name)


def test_branches_of_different_sizes_take_a_pass_each():
    inputs, samples = tiny_batch()
    larger_inputs, larger = tiny_batch(size=96)
    inputs['labeled'], samples['labeled'] = larger_inputs['labeled'], larger['labeled']
    separate = passes_and_losses(frozen(False), (inputs, samples))
    joint = passes_and_losses(frozen(True), (inputs, samples))
    assert separate[0] == joint[0] == 2
    assert total(separate[1]).item() == total(joint[1]).item()


def test_burn_in_and_a_failed_step_leave_nothing_behind():
    model = frozen(True)
    model.unsupervised = False
    assert passes_and_losses(model, tiny_batch())[0] == 1
    model.unsupervised = True
    model.pseudo_labels = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        model.loss(*tiny_batch())
    assert 'extract_feat' not in vars(model.student) and not model.features.known
