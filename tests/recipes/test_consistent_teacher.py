"""Consistent-Teacher: thresholds by mixtures, adaptive assignment, boxes asked of other places and levels."""

import copy
import math

import pytest
import torch
from builders.tiny_recipes import build_recipe, tiny_recipe, two_steps
from mmdet.models.dense_heads import RTMDetHead
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData
from torch.distributed import destroy_process_group, init_process_group

from mmssod.methods.consistent_teacher import AdaptiveAssigner, FAM3DHead, MixtureBalancer
from mmssod.methods.consistent_teacher.fam3d_head import mix_levels, sample_at
from mmssod.methods.consistent_teacher.keep_expected import expected
from mmssod.models.pseudo.mixture import Mixture, fit_two
from mmssod.structures import PseudoLabels
from mmssod.tiny_detectors import tiny_batch, tiny_semi

CONFIG = 'configs/consistent_teacher/demo.py'
LOW, HIGH = [0.1, 0.12, 0.14], [0.9, 0.92]
FEW = dict(test_cfg=dict(max_per_img=5))


def build(**changes):
    """The recipe, whose student and teacher are sure of class 0 everywhere."""
    model = build_recipe(tiny_recipe(CONFIG, **changes))
    for name, parameter in model.named_parameters():
        if name.endswith('rtm_cls.bias'):
            parameter.data[0] = 1.0
    return model


def fit(*rows, **settings):
    """Mixtures of samples of several lengths."""
    width = max(map(len, rows))
    values = torch.tensor([[*row, *[0.0] * (width - len(row))] for row in rows])
    lengths = torch.tensor([[len(row)] for row in rows])
    return fit_two(values, torch.arange(width) < lengths, **settings)


def see(balancer, *images):
    """Candidates of each image as (class, certainty)."""
    columns = [list(zip(*image, strict=True)) or [(), ()] for image in images]
    balancer.observe(
        [torch.tensor(labels, dtype=torch.long) for labels, _ in columns],
        [torch.tensor(values, dtype=torch.float32) for _, values in columns],
    )


# ---------------------------------------------------------------- two steps


def test_losses_are_those_on_file(golden):
    steps = two_steps(build(detector=FEW))
    assert all(step['pseudo_boxes'] > 0 and step['unsup_loss_bbox'] > 0 for step in steps)
    golden('consistent_teacher', steps)


def test_the_recipe_is_consistent_teachers():
    cfg = Config.fromfile('configs/consistent_teacher/coco_partial.py')
    model, head = cfg.model, cfg.model.detector.bbox_head
    assert (model.balancer.recent, model.balancer.threshold, model.balancer.least) == (100, 0, 4)
    assert (model.unsup_weight, model.merger.type) == (2.0, 'KeepExpected')
    assigner = model.detector.train_cfg.assigner
    assert (assigner.topk, assigner.iou_weight, head.stacked_convs) == (13, 2.0, 4)
    hook = cfg.default_hooks.ema_teacher
    assert (hook.ema_decay, hook.burn_in) == (0.9995, 10000)
    assert cfg.train_dataloader.sampler.counts == dict(labeled=1, unlabeled=4)
    assert (cfg.train_cfg.max_iters, cfg.optim_wrapper.clip_grad.max_norm) == (180000, 20)
    full = Config.fromfile('configs/consistent_teacher/coco_full.py')
    head = full.model.detector.bbox_head
    assert (head.stacked_convs, head.regression) == (6, 'distance')
    assert full.model.detector.train_cfg.assigner.iou_weight == 3.0
    voc = Config.fromfile('configs/consistent_teacher/voc.py')
    assert (voc.train_cfg.max_iters, voc.default_hooks.ema_teacher.burn_in) == (72000, 1000)
    assert voc.train_dataloader.dataset.unlabeled.pipeline.views.weak.resize.scale[0] == (1000, 480)


# ---------------------------------------------------------------- mixtures


def test_kinds_that_lie_apart_are_found_exactly():
    """Means, shares and variances of the two kinds by themselves: no value is of both."""
    found = fit(LOW + HIGH, tolerance=0, max_steps=300)
    assert found.means[0].tolist() == pytest.approx([0.12, 0.91])
    assert found.weights[0].tolist() == pytest.approx([0.6, 0.4])
    assert found.variances[0].tolist() == pytest.approx([0.0008 / 3 + 1e-6, 1e-4 + 1e-6], rel=1e-4)


def test_one_step_by_hand():
    """Of 0 and 1 each belongs to the nearer component by 1 / (1 + exp(-1/2))."""
    share = 1 / (1 + math.exp(-0.5))
    found = fit([0.0, 1.0], max_steps=1)
    assert found.means[0].tolist() == pytest.approx([1 - share, share])
    assert found.weights[0].tolist() == pytest.approx([0.5, 0.5])
    assert found.variances[0].tolist() == pytest.approx([share * (1 - share) + 1e-6] * 2)


def test_density_by_hand():
    mixture = Mixture(*map(torch.tensor, ([[0.25, 0.75]], [[0.0, 1.0]], [[1.0, 4.0]])))
    found = mixture.log_joint(torch.tensor([[1.0]])).exp()[0, 0].tolist()
    normal = 1 / math.sqrt(2 * math.pi)
    assert found == pytest.approx([0.25 * normal * math.exp(-0.5), 0.75 * normal / 2])


def test_samples_are_fitted_each_by_itself():
    rows = (LOW + HIGH, [0.3, 0.31, 0.5, 0.9, 0.2], [0.4, 0.6])
    together = fit(*rows)
    for place, row in enumerate(rows):
        alone = fit(row)
        for ours, theirs in zip(vars(together).values(), vars(alone).values(), strict=True):
            torch.testing.assert_close(ours[place], theirs[0])


@pytest.mark.parametrize('row', [[], [0.5], [0.5] * 5])
def test_no_or_equal_values_stay_finite(row):
    found = fit(row, LOW + HIGH)
    assert all(torch.isfinite(part).all() for part in vars(found).values())


def test_it_is_scikit_learns():
    mixture = pytest.importorskip('sklearn.mixture')
    generator = torch.Generator().manual_seed(0)
    for size, tolerance in ((4, 1e-3), (60, 1e-3), (100, 1e-6)):
        values = torch.rand(size, generator=generator).double()
        values[: size // 3] = 0.8 + values[: size // 3] / 5
        theirs = mixture.GaussianMixture(
            2,
            tol=tolerance,
            weights_init=[0.5, 0.5],
            means_init=[[values.min()], [values.max()]],
            precisions_init=[[[1.0]], [[1.0]]],
        ).fit(values[:, None].numpy())
        ours = fit_two(values[None], torch.ones(1, size, dtype=torch.bool), tolerance=tolerance)
        pairs = zip(
            vars(ours).values(), (theirs.weights_, theirs.means_, theirs.covariances_), strict=True
        )
        for found, known in pairs:
            assert found[0].tolist() == pytest.approx(known.ravel().tolist(), abs=1e-6)


# ---------------------------------------------------------------- thresholds


def test_the_densest_certainty_of_the_upper_kind_is_the_threshold():
    balancer = MixtureBalancer(2, threshold=0.0, tolerance=1e-9)
    upper = [0.8, 0.85, 0.9]
    see(balancer, [(0, value) for value in LOW + LOW + upper])
    # The middle of the three; the other class has no certainty, and keeps the fixed threshold.
    assert balancer.thresholds().tolist() == pytest.approx([0.85, 0.0])


def test_it_moves_with_the_level_of_a_teacher():
    for level in (1.0, 0.5, 0.25):
        balancer = MixtureBalancer(1, tolerance=1e-9)
        see(balancer, [(0, level * value) for value in LOW + LOW + [0.8, 0.85, 0.9]])
        assert balancer.thresholds().item() == pytest.approx(0.85 * level)


def test_few_certainties_keep_the_fixed_threshold():
    balancer = MixtureBalancer(1, threshold=0.6, least=4)
    see(balancer, [], [(0, 0.1), (0, 0.2)])
    see(balancer, [(0, 0.9)])
    assert balancer.thresholds().item() == pytest.approx(0.6)
    see(balancer, [(0, 0.91)])
    assert balancer.thresholds().item() != pytest.approx(0.6)


def test_the_newest_certainties_stay():
    balancer = MixtureBalancer(2, recent=4)
    see(balancer, [(0, 0.1), (1, 0.5), (0, 0.2)], [(0, 0.3)])
    see(balancer, [(0, 0.4), (0, 0.6)])
    assert balancer.queue.tolist() == [
        pytest.approx([0.4, 0.6, 0.1, 0.2]),
        pytest.approx([0.5, 0, 0, 0]),
    ]
    see(balancer, [(1, float('nan'))], [])
    assert balancer.queue[1].tolist() == pytest.approx([0.5, 0, 0, 0])


def test_it_resumes_and_copies():
    first = MixtureBalancer(3)
    generator = torch.Generator().manual_seed(0)

    def step(balancer, values):
        see(balancer, [(i % 3, float(value)) for i, value in enumerate(values)])

    for _ in range(3):
        step(first, torch.rand(30, generator=generator))
    second = MixtureBalancer(3)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert torch.equal(first.thresholds(), second.thresholds())
    values = torch.rand(30, generator=generator)
    step(first, values)
    step(second, values)
    assert torch.equal(first.thresholds(), second.thresholds())
    assert torch.equal(first.queue, second.queue)


def of_rank(rank, folder):
    init_process_group('gloo', init_method=f'file://{folder}/group', rank=rank, world_size=2)
    balancer = MixtureBalancer(2, tolerance=1e-9)
    for step in range(3):
        see(balancer, [(0, (value + step + rank) / 4) for value in LOW + HIGH] if rank else [])
    torch.save(balancer.state_dict(), f'{folder}/{rank}.pth')
    destroy_process_group()


def test_two_processes_hold_the_same(tmp_path):
    """Also where one of them sees nothing; and it is what one process holds that sees all."""
    torch.multiprocessing.start_processes(of_rank, (str(tmp_path),), nprocs=2, start_method='fork')
    states = [torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in range(2)]
    alone = MixtureBalancer(2, tolerance=1e-9)
    for step in range(3):
        see(alone, [], [(0, (value + step + 1) / 4) for value in LOW + HIGH])
    for name, value in alone.state_dict().items():
        assert torch.equal(states[0][name], states[1][name])
        assert torch.equal(states[0][name], value)


def test_dynamic_thresholds_and_weights_combine():
    plain, both = MixtureBalancer(2), MixtureBalancer(2, threshold_power=0.05, weight_power=0.6)
    for balancer in (plain, both):
        see(balancer, [(label, value) for label in (0, 1) for value in LOW + HIGH])
        balancer.update(torch.tensor([9.0, 0.5]), torch.tensor([10.0, 1.0]))
    fitted = plain.thresholds()
    factors = (torch.tensor([9.0, 0.5]).double() / 5.5) ** 0.05
    expected_thresholds = (fitted * factors).clamp(0.4, 0.9)
    torch.testing.assert_close(both.thresholds().double(), expected_thresholds.double())
    assert plain.weights().tolist() == [1, 1] and both.weights()[1] > both.weights()[0]


def test_refusals():
    for wrong in (dict(least=1), dict(recent=3), dict(tolerance=-1)):
        with pytest.raises(ValueError, match='expected 2 <= least <= recent'):
            MixtureBalancer(2, **wrong)


def test_any_detector_takes_it_with_the_papers_certainty():
    """CA, DT and RE are a line each, in a two-stage detector with buckets, too."""
    balancer = dict(type='MixtureBalancer', threshold=0.0, threshold_power=0.05, weight_power=0.6)
    config = tiny_semi(
        merger=dict(type='KeepExpected'), balancer={**balancer, 'bounds': (0.0, 0.9)}
    )
    model = build_recipe(ConfigDict(config, selector=dict(type='ThresholdSelector')))
    steps = two_steps(model)
    assert steps[1]['pseudo_boxes'] > 0 and model.balancer.count.sum() > 0
    model = build(selector=dict(certainty='p*v'), balancer=dict(weight_power=0.6), detector=FEW)
    assert two_steps(model)[1]['pseudo_boxes'] > 0 and model.balancer.count.sum() > 0


# ---------------------------------------------------------------- expected candidates


@pytest.mark.parametrize(
    ('certainties', 'kept'),
    [
        ([], []),
        ([0.3], [0.3]),
        ([0.2, 0.9, 0.3, 0.8], [0.9, 0.3, 0.8]),  # 2.2 objects, and one more
        ([0.2] * 10, [0.2] * 3),
    ],
)
def test_as_many_candidates_stay_as_are_expected(certainties, kept):
    p = torch.tensor(certainties)
    boxes = torch.arange(4.0).repeat(len(p), 1)
    labels = PseudoLabels(
        boxes, torch.zeros(len(p)).long(), p, torch.ones_like(p), torch.ones_like(p)
    )
    assert expected(labels).cls_certainty.tolist() == pytest.approx(kept)
    assert labels.cls_certainty.tolist() == pytest.approx(certainties)


# ---------------------------------------------------------------- assignment


def places(boxes, logits=None, stride=8.0):
    """Predictions at points 4, 12, 20, ... of a row."""
    boxes = torch.tensor(boxes)
    points = torch.arange(len(boxes)) * stride + stride / 2
    priors = torch.stack(
        [points, torch.full_like(points, 8), *[torch.full_like(points, stride)] * 2]
    )
    scores = torch.zeros(len(boxes), 3) if logits is None else torch.tensor(logits)
    return InstanceData(bboxes=boxes, scores=scores, priors=priors.t())


def truth(*boxes):
    return InstanceData(bboxes=torch.tensor(boxes).view(-1, 4), labels=torch.arange(len(boxes)) % 3)


def test_class_cost_by_hand():
    """At scores of 1/2 each of the two other classes costs .75 ln 2 / 4, the box's own .25 ln 2 / 4."""
    cost = AdaptiveAssigner().class_cost(torch.zeros(2, 3), torch.tensor([0, 2, 1]))
    assert cost.shape == (2, 3)
    assert cost.flatten().tolist() == pytest.approx([(2 * 0.75 + 0.25) * math.log(2) / 4] * 6)


def test_a_box_takes_as_many_places_as_its_ious_sum_to():
    box, far = [0.0, 0.0, 24.0, 16.0], [0.0, 0.0, 1.0, 1.0]
    for predicted, expected_places in (
        ([box, far, box, box], [0, 2]),  # the fourth lies outside of it
        ([far, far, far, box], [1]),  # one at least: the nearest to the center
        ([box] * 4, [0, 1, 2]),
    ):
        found = AdaptiveAssigner().assign(places(predicted), truth(box))
        chosen = (found.gt_inds > 0).nonzero().squeeze(1).tolist()
        assert chosen == expected_places
        assert (found.labels[chosen] == 0).all()
        ious = [1.0 if predicted[place] == box else 1 / 384 for place in chosen]
        assert found.max_overlaps[chosen].tolist() == pytest.approx(ious)


def test_a_place_belongs_to_one_box_and_a_class_decides():
    box = [0.0, 0.0, 32.0, 16.0]
    logits = [[3.0, -3.0, -3.0]] * 2 + [[-3.0, 3.0, -3.0]] * 2
    found = AdaptiveAssigner().assign(places([box] * 4, logits), truth(box, box))
    assert found.gt_inds.tolist() == [1, 1, 2, 2]


def test_without_boxes_or_places_in_them_all_is_background():
    for boxes in ([], [[100.0, 100.0, 110.0, 110.0]]):
        given = truth(*boxes)
        found = AdaptiveAssigner().assign(places([[0.0, 0.0, 8.0, 8.0]] * 3), given)
        assert found.gt_inds.tolist() == [0, 0, 0]


# ---------------------------------------------------------------- alignment


def head(**changes):
    settings = dict(num_classes=3, in_channels=16, feat_channels=16, stacked_convs=1)
    settings |= dict(norm_cfg=dict(type='GN', num_groups=4), **changes)
    settings |= dict(
        anchor_generator=dict(type='MlvlPointGenerator', offset=0, strides=[8, 16, 32]),
        bbox_coder=dict(type='DistancePointBBoxCoder'),
    )
    return settings


def unaligned(made):
    for layer in (made.level_offset, made.place_offset):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return made


def levels():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(2, 16, size, size, generator=generator) for size in (8, 4, 2))


def test_without_offsets_it_is_the_head_of_the_towers():
    made = unaligned(FAM3DHead(**head(regression='distance')))
    made.scales[1].scale.data.fill_(1.5)
    plain = RTMDetHead(**head(), with_objectness=False)
    plain.load_state_dict(made.state_dict(), strict=False)
    with torch.no_grad():
        pairs = zip(made(levels()), plain(levels()), strict=True)
    for ours, theirs in pairs:
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_anchors_are_squares_about_the_points():
    made = unaligned(FAM3DHead(**head(anchor_scale=8.0)))
    for part in made.rtm_reg.parameters():
        torch.nn.init.zeros_(part)
    for distances, stride in zip(made(levels())[1], (8, 16, 32), strict=True):
        torch.testing.assert_close(distances, torch.full_like(distances, 4.0 * stride))


def test_a_level_offset_of_one_asks_the_next_level():
    made = unaligned(FAM3DHead(**head()))
    for part in made.rtm_reg.parameters():
        torch.nn.init.zeros_(part)
    boxes = [
        made.decode(torch.zeros(2, 4, size, size), level) for level, size in enumerate((8, 4, 2))
    ]
    torch.nn.init.ones_(made.level_offset.bias)
    found = made(levels())[1]
    for level in range(2):
        coarser = torch.nn.functional.interpolate(
            boxes[level + 1], scale_factor=2, mode='bilinear', align_corners=False
        )
        points = made._points(level, coarser)
        torch.testing.assert_close(
            found[level], (coarser - points) * torch.tensor([-1.0, -1, 1, 1]).view(4, 1, 1)
        )
    torch.testing.assert_close(found[2], torch.full_like(found[2], 4.0 * 32))  # there is none


def test_levels_mix_by_hand():
    own, finer, coarser = (torch.full((1, 4, 1, 1), value) for value in (10.0, 20.0, 40.0))
    share = torch.tensor([0.0, 0.25, -0.5, 3.0]).view(1, 4, 1, 1)
    assert mix_levels(own, finer, coarser, share).flatten().tolist() == [10, 17.5, 15, 40]
    assert mix_levels(own, None, coarser, share).flatten().tolist() == [10, 17.5, 10, 40]
    assert mix_levels(own, finer, None, share).flatten().tolist() == [10, 10, 15, 10]


def test_samples_by_hand():
    """Each channel by its own offset, in places; beyond the border the border's value."""
    values = torch.arange(6.0).view(1, 1, 2, 3).repeat(1, 2, 1, 1)
    offsets = torch.zeros(1, 4, 2, 3)
    offsets[:, 0] = 1.0  # the first channel, x
    offsets[:, 3] = 0.5  # the second, y
    first, second = sample_at(values, offsets)[0]
    torch.testing.assert_close(first, torch.tensor([[1.0, 2, 2], [4, 5, 5]]))
    torch.testing.assert_close(second, torch.tensor([[1.5, 2.5, 3.5], [3, 4, 5]]))
    torch.testing.assert_close(sample_at(values, torch.zeros_like(offsets)), values)


def test_every_layer_learns_and_nothing_given_is_changed():
    model = build(detector=FEW)
    batch = tiny_batch()
    before = copy.deepcopy(batch[1])
    model.parse_losses(model.loss(*batch))[0].backward()
    assert all(p.grad is not None for p in model.student.parameters() if p.requires_grad)
    offsets = model.student.bbox_head.place_offset.weight.grad
    assert torch.isfinite(offsets).all() and offsets.abs().sum() > 0
    assert all(p.grad is None for p in model.labeler.parameters())
    for branch, samples in before.items():
        for now, then in zip(batch[1][branch], samples, strict=True):
            assert set(now.gt_instances.keys()) == set(then.gt_instances.keys())


def test_the_head_weighs_boxes():
    model = build(balancer=dict(weight_power=0.6))
    model.unsupervised = False
    assert model.student.bbox_head.takes_box_weights

    def supervised(counts):
        model.balancer.initialize(torch.tensor(counts))
        return sum(model.loss(*tiny_batch())['sup_loss_bbox'])

    assert supervised([1, 1, 1000]) > 2 * supervised([1, 1, 1])


def test_mixed_precision_stays_finite():
    model = build(detector=FEW)
    with torch.autocast('cpu', torch.bfloat16):
        total, _ = model.parse_losses(model.loss(*tiny_batch()))
    assert torch.isfinite(total)


def test_another_regression_is_refused():
    with pytest.raises(ValueError, match="'delta' or 'distance', got 'log'"):
        FAM3DHead(**head(regression='log'))
