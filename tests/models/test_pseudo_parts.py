"""What fills the slots, and the value that travels between them; empty, one, many."""

import copy

import pytest
import torch
from builders.labels import pseudo
from torch.utils._python_dispatch import TorchDispatchMode

from mmssod import equations
from mmssod.models.pseudo import ClassBalancer, PseudoLabelStatistics, ThresholdSelector
from mmssod.structures import PseudoLabels

VIEW = (64, 64)


# ---------------------------------------------------------------- selector


@pytest.mark.parametrize(
    ('certainty', 'kept'), [('p', [0.9, 0.8]), ('p*v', [0.9]), ('p_and_v', [0.9, 0.8])]
)
def test_what_is_compared_with_the_threshold(certainty, kept):
    # p*v is 0.81, 0.48 and 0.5.
    candidates = pseudo(p=[0.9, 0.8, 0.5], v=[0.9, 0.6, 1.0])
    found = ThresholdSelector(certainty)(candidates, torch.tensor([0.55]))
    assert found.cls_certainty.tolist() == pytest.approx(kept)


def test_low_localization_certainty_fails_both_of_p_and_v():
    selector = ThresholdSelector('p_and_v')
    assert len(selector(pseudo(p=[0.9], v=[0.5]), torch.tensor([0.55]))) == 0


def test_each_class_has_its_threshold_and_equal_is_not_above():
    candidates = pseudo(p=[0.5, 0.5, 0.75], labels=[0, 1, 2])
    thresholds = torch.tensor([0.4, 0.6, 0.75], dtype=torch.float64)
    assert ThresholdSelector('p')(candidates, thresholds).labels.tolist() == [0]


def test_small_boxes_are_dropped_by_their_shorter_side():
    candidates = pseudo(p=[0.9] * 3, boxes=[[0, 0, 4, 40], [0, 0, 40, 4], [0, 0, 5, 5]])
    found = ThresholdSelector('p', min_size=5.0)(candidates, torch.tensor([0.5]))
    assert found.boxes.tolist() == [[0, 0, 5, 5]]


@pytest.mark.parametrize('number', [0, 1, 7])
@pytest.mark.parametrize('certainty', ['p', 'p*v', 'p_and_v'])
def test_any_number_of_candidates(number, certainty):
    candidates = pseudo(p=[0.9] * number)
    assert len(ThresholdSelector(certainty)(candidates, torch.tensor([0.5]))) == number
    assert len(ThresholdSelector(certainty)(candidates, torch.tensor([1.0]))) == 0


def test_unknown_certainty():
    with pytest.raises(ValueError, match=r"'p', 'p\*v', 'p_and_v'.*got 'v'"):
        ThresholdSelector('v')


# ---------------------------------------------------------------- class balancer


def test_every_class_starts_with_a_box_at_least():
    balancer = ClassBalancer(3, weight_power=0.6)
    assert not balancer.initialized
    balancer.initialize(torch.tensor([0, 1, 50]))
    assert balancer.initialized
    assert balancer.count.tolist() == balancer.certainty_sum.tolist() == [1, 1, 50]
    assert torch.isfinite(balancer.weights()).all()


@pytest.mark.parametrize('number', [0, 1, 5])
def test_updates_add_up(number):
    balancer = ClassBalancer(2)
    balancer.initialize(torch.tensor([4, 2]))
    for _ in range(number):
        balancer.update(torch.tensor([0.5, 0.0]), torch.tensor([1.0, 0.0]))
    assert balancer.count.tolist() == [4 + number, 2]
    assert balancer.certainty_sum.tolist() == [4 + 0.5 * number, 2]


def test_counting_does_not_stop_at_float32():
    balancer = ClassBalancer(1)
    balancer.initialize(torch.tensor([2**24]))
    balancer.update(torch.ones(1), torch.ones(1))
    assert balancer.count.item() == 2**24 + 1


def test_memory_forgets():
    balancer = ClassBalancer(1, memory=0.5)
    balancer.initialize(torch.tensor([8]))
    for _ in range(2):
        balancer.update(torch.tensor([1.0]), torch.tensor([2.0]))
    # ((8 / 2 + x) / 2 + x): 5 of 2, 3.5 of 1.
    assert (balancer.count.item(), balancer.certainty_sum.item()) == (5, 3.5)


def test_thresholds_and_weights_are_equation_6():
    balancer = ClassBalancer(
        3, threshold=0.6, threshold_power=0.5, weight_power=0.5, bounds=(0.5, 0.8)
    )
    balancer.initialize(torch.tensor([1, 1, 1]))
    balancer.update(torch.tensor([15.0, 3.0, 0.0]), torch.tensor([15.0, 15.0, 0.0]))
    # Sums 16, 4, 1; the mean count is 33 / 3 = 11; 0.6 * sqrt(16 / 11) = 0.72, the others are clipped.
    expected = [0.6 * (16 / 11) ** 0.5, 0.5, 0.5]
    assert balancer.thresholds().tolist() == pytest.approx(expected)
    assert balancer.weights().tolist() == pytest.approx([(11 / s) ** 0.5 for s in (16, 4, 1)])
    sums = balancer.certainty_sum, balancer.count
    assert torch.equal(
        balancer.thresholds(), equations.class_thresholds(*sums, 0.6, 0.5, (0.5, 0.8))
    )
    assert torch.equal(balancer.weights(), equations.class_weights(*sums, 0.5))


def test_powers_of_zero_switch_off_exactly():
    balancer = ClassBalancer(3, threshold=0.95)
    balancer.initialize(torch.tensor([1, 10, 100]))
    assert balancer.thresholds().tolist() == [0.95] * 3
    assert balancer.weights().tolist() == [1.0] * 3


def test_greatest_weight():
    balancer = ClassBalancer(2, weight_power=1.0, max_weight=3.0)
    balancer.initialize(torch.tensor([1, 99]))
    assert balancer.weights().tolist() == pytest.approx([3, 50 / 99])


def test_unit_mean_weight_shifts_between_classes_and_keeps_the_sum():
    balancer = ClassBalancer(2, weight_power=0.5, unit_mean_weight=True)
    assert balancer.weights().tolist() == [1.0, 1.0]  # nothing counted yet
    balancer.initialize(torch.tensor([90, 10]))
    balancer.certainty_sum.copy_(torch.tensor([9.0, 1.0]))
    weights = balancer.weights()
    assert (weights * balancer.count).sum().item() == pytest.approx(100)
    assert (weights[1] / weights[0]).item() == pytest.approx(3)  # (9 / 1) ** 0.5, as without


def test_state_resumes():
    balancer = ClassBalancer(2, threshold_power=0.05, weight_power=0.6)
    balancer.initialize(torch.tensor([3, 7]))
    balancer.update(torch.tensor([0.3, 0.6]), torch.tensor([1.0, 2.0]))
    other = ClassBalancer(2, threshold_power=0.05, weight_power=0.6)
    other.load_state_dict(copy.deepcopy(balancer.state_dict()))
    assert other.initialized
    for model in (balancer, other):
        model.update(torch.tensor([0.9, 0.1]), torch.tensor([1.0, 1.0]))
    assert torch.equal(other.thresholds(), balancer.thresholds())
    assert torch.equal(other.weights(), balancer.weights())


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(threshold=1.5), r'threshold must be in \[0, 1\], got 1.5'),
        (dict(memory=-0.1), 'memory must be .* got -0.1'),
        (dict(bounds=(0.9, 0.4)), r'bounds\[0\] must be in \[0, 0.4\], got 0.9'),
        (dict(bounds=(0.4, 1.1)), r'bounds\[1\] must be'),
        (dict(max_weight=-1.0), 'max_weight must be'),
        (dict(num_classes=0), 'num_classes must be'),
    ],
)
def test_values_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassBalancer(**{'num_classes': 2, **arguments})


def test_box_counts_of_another_number_of_classes():
    with pytest.raises(ValueError, match=r'shape \(3,\), got \(2,\); compare num_classes'):
        ClassBalancer(3).initialize(torch.ones(2))


# ---------------------------------------------------------------- statistics


def test_statistics_count_and_reset():
    statistics = PseudoLabelStatistics(3)
    empty = dict(
        images=0, boxes_per_image=0.0, boxes_per_class=[0, 0, 0], p_quantiles=[], v_quantiles=[]
    )
    assert statistics.summary() == empty
    statistics.update([])
    assert statistics.summary() == empty
    statistics.update([pseudo()])  # an image without a box is an image
    assert statistics.summary() == {**empty, 'images': 1}
    statistics.update(
        [pseudo(p=[0.255, 1.0], v=[0.0, 0.5], labels=[0, 2]), pseudo(p=[0.9], labels=[2])]
    )
    found = statistics.summary()
    assert (found['images'], found['boxes_per_image']) == (3, 1.0)
    assert found['boxes_per_class'] == [1, 0, 2]
    assert found['p_quantiles'][0] == pytest.approx(0.255)
    assert found['v_quantiles'] == pytest.approx([0.005, 0.505, 0.995])
    statistics.reset()
    assert statistics.summary() == empty


class Operations(TorchDispatchMode):
    """Counts what torch is asked to do."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.number += 1
        return function(*args, **(kwargs or {}))


def test_statistics_of_many_images_take_as_many_operations_as_of_one():
    images = [pseudo(p=[0.1 * n, 0.5], v=[0.3, 0.04 * n], labels=[n % 3, 2]) for n in range(10)]
    together, each = PseudoLabelStatistics(3), PseudoLabelStatistics(3)
    counts = []
    for batch in (images[:1], images[1:]):
        with Operations() as operations:
            together.update(batch)
        counts.append(operations.number)
    assert 0 < counts[0] == counts[1]
    for labels in images:
        each.update([labels])
    assert together.summary() == each.summary()
    assert torch.equal(together.histograms, each.histograms) and together.histograms.sum() == 40


def test_quantiles_are_exact_to_a_bin():
    statistics = PseudoLabelStatistics(1)
    values = torch.rand(1000, generator=torch.Generator().manual_seed(0)).tolist()
    statistics.update([pseudo(p=values)])
    expected = torch.tensor(values).quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    assert statistics.summary()['p_quantiles'] == pytest.approx(expected, abs=0.011)


# ---------------------------------------------------------------- the value


def test_select_and_weighted_give_new_values():
    labels = pseudo(p=[0.9, 0.5], v=[0.5, 0.5], labels=[1, 0])
    doubled = labels.weighted(torch.tensor([3.0, 2.0], dtype=torch.float64)).weighted(
        torch.tensor([1.0, 2.0])
    )
    assert doubled.weights.tolist() == [4, 3]
    assert doubled.weights.dtype == torch.float32
    assert labels.weights.tolist() == [1, 1]
    assert labels.select(torch.tensor([False, True])).labels.tolist() == [0]
    assert labels.certainty.tolist() == pytest.approx([0.45, 0.25])


@pytest.mark.parametrize('numbers', [(0,), (0, 0), (1, 0, 2), (3,)])
def test_values_are_joined_in_order(numbers):
    parts = [pseudo(p=[0.1 * n] * n, labels=[n] * n) for n in numbers]
    joined = PseudoLabels.cat(parts)
    assert joined.labels.tolist() == [n for n in numbers for _ in range(n)]
    assert joined.boxes.shape == (sum(numbers), 4)


@pytest.mark.parametrize('number', [0, 1, 3])
def test_there_and_back_as_predictions_and_as_ground_truth(number):
    labels = pseudo(p=[0.5] * number, v=[0.25] * number, labels=[2] * number)
    back = PseudoLabels.from_predictions(labels.to_predictions())
    certain = PseudoLabels.from_ground_truth(labels.scaled(3.0).to_ground_truth())
    for name, value in vars(labels).items():
        assert torch.equal(getattr(back, name), value)
    assert torch.equal(labels.to_predictions().scores, labels.certainty)
    assert torch.equal(certain.boxes, labels.boxes) and torch.equal(certain.labels, labels.labels)
    assert certain.weights.tolist() == [3.0] * number
    assert certain.cls_certainty.tolist() == certain.loc_certainty.tolist() == [1.0] * number


def test_scaled_by_one_factor_or_one_a_box():
    labels = pseudo(p=[0.9, 0.5]).weighted(torch.tensor([2.0]))
    assert labels.scaled(0.5).weights.tolist() == [1, 1]
    assert labels.scaled(torch.tensor([1.0, 0.0])).weights.tolist() == [2, 0]
    assert labels.weights.tolist() == [2, 2]


FLIP = torch.tensor([[-1.0, 0, 64], [0, 1, 0], [0, 0, 1]])
HALF = torch.diag(torch.tensor([0.5, 0.5, 1.0]))


@pytest.mark.parametrize(
    ('matrix', 'shape', 'box'),
    [
        (torch.eye(3), VIEW, [4, 8, 20, 40]),
        (FLIP, VIEW, [44, 8, 60, 40]),
        (HALF, (32, 32), [2, 4, 10, 20]),
        (HALF @ FLIP, (32, 32), [22, 4, 30, 20]),
        (HALF.double(), (16, 32), [2, 4, 10, 16]),  # clipped at the lower border
    ],
)
def test_project_by_hand(matrix, shape, box):
    labels = pseudo(p=[0.9], boxes=[[4, 8, 20, 40]])
    found = labels.project(matrix, shape)
    assert found.boxes.tolist() == [box]
    assert labels.boxes.tolist() == [[4, 8, 20, 40]]


def test_boxes_out_of_view_are_dropped_with_all_they_carry():
    labels = pseudo(p=[0.9, 0.8, 0.7], boxes=[[0, 0, 8, 8], [30, 0, 40, 8], [50, 0, 60, 8]])
    shift = torch.eye(3)
    shift[0, 2] = -35
    found = labels.project(shift, VIEW)
    assert found.boxes.tolist() == [[0, 0, 5, 8], [15, 0, 25, 8]]
    assert found.cls_certainty.tolist() == pytest.approx([0.8, 0.7])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="'boxes': 2.*'weights': 1"):
        pseudo(p=[0.5, 0.5], weights=[1.0])


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_a_step_with_a_nan_counts_nothing(bad):
    balancer = ClassBalancer(2)
    balancer.update(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    before = balancer.count.clone(), balancer.certainty_sum.clone()
    balancer.update(torch.tensor([bad, 1.0]), torch.tensor([1.0, 1.0]))
    assert torch.equal(balancer.count, before[0]) and torch.equal(balancer.certainty_sum, before[1])
