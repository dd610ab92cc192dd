"""Thresholds by class that keep as many boxes per image as there are labels."""

import copy

import pytest
import torch

from mmssod.models import MatchingBalancer


def balancer(counts=(2, 1), images=1, **kwargs):
    made = MatchingBalancer(len(counts), **{'first': 1, 'limits': (0, 1), **kwargs})
    made.initialize(torch.tensor(counts), num_images=images)
    return made


def see(balancer, *images):
    """Candidates of each image as (class, certainty)."""
    columns = [list(zip(*image, strict=True)) or [(), ()] for image in images]
    balancer.observe(
        [torch.tensor(labels, dtype=torch.long) for labels, _ in columns],
        [torch.tensor(values, dtype=torch.float32) for _, values in columns],
    )


def test_by_hand():
    made = balancer(counts=(2, 1), images=1)
    see(made, [(0, 0.9025), (0, 0.5025), (0, 0.3025), (1, 0.8025)])
    # Two of class 0 are above .305, the end of the third one's bin; the one of class 1 may stay, whatever its p.
    assert made.thresholds().tolist() == pytest.approx([0.305, 0])


@pytest.mark.parametrize(('share', 'kept'), [(0.25, 5), (1.0, 20), (4.0, 80), (50.0, 100)])
def test_what_is_kept_is_the_share_of_what_is_labeled(share, kept):
    generator = torch.Generator().manual_seed(0)
    made = balancer(counts=(6,), images=3, share=share)  # 2 an image
    values = torch.rand(10, 10, generator=generator)
    see(made, *[[(0, float(v)) for v in image] for image in values])
    assert abs(int((values > made.thresholds()).sum()) - kept) <= 1  # two may share a bin


def test_a_change_of_level_changes_nothing():
    generator = torch.Generator().manual_seed(1)
    values = torch.rand(8, 10, generator=generator)
    kept = []
    for level in (values, values / 2, values**3):
        made = balancer(counts=(3,))
        see(made, *[[(0, float(v)) for v in image] for image in level])
        kept.append(level > made.thresholds())
    assert (kept[0] ^ kept[1]).sum() <= 2 and (kept[0] ^ kept[2]).sum() <= 8  # bins are wider there


def test_a_class_without_labels_keeps_nothing_and_without_candidates_the_least():
    made = balancer(counts=(0, 5), limits=(0.2, 0.9))
    see(made, [(0, 0.7), (0, 0.99)])
    assert made.thresholds().tolist() == pytest.approx([0.9, 0.2])


def test_a_count_of_few_boxes_is_in_doubt():
    """3 + 2 sqrt(4) = 7 and 0 + 2 boxes of 10 images; without doubt 3 and none."""
    candidates = [[(0, 0.9 - 0.05 * n), (1, 0.9 - 0.05 * n)] for n in range(10)]
    for doubt, kept in ((0.0, [3, 0]), (2.0, [7, 2])):
        made = balancer(counts=(3, 0), images=10, doubt=doubt)
        see(made, *candidates)
        least = made.thresholds().tolist()
        assert [sum(image[c][1] > least[c] for image in candidates) for c in (0, 1)] == kept


def test_images_without_candidates_count():
    made = balancer(counts=(1,))
    see(made, [(0, 0.4), (0, 0.8)])
    assert made.thresholds().item() > 0.4
    see(made, [])
    assert made.thresholds().item() == 0  # two boxes on two images


def test_before_enough_images_the_fixed_threshold_holds():
    made = balancer(first=3, threshold=0.6)
    see(made, [(0, 0.3)], [(0, 0.3)])
    assert made.thresholds().tolist() == pytest.approx([0.6, 0.6])
    see(made, [])
    assert made.thresholds().tolist() == [0, 0]


def test_only_recent_images_count():
    made = balancer(counts=(1,), recent=4)
    for _ in range(30):
        see(made, [(0, 0.9), (0, 0.91)])
    assert made.thresholds().item() > 0.9
    for _ in range(30):
        see(made, [(0, 0.3), (0, 0.31)])
    assert made.thresholds().item() < 0.32


def test_a_nan_is_no_candidate_worth_a_box():
    made = balancer(counts=(1,))
    see(made, [(0, float('nan')), (0, 0.5)])
    assert made.thresholds().item() < 0.5


def test_it_resumes_and_copies():
    made = balancer()
    see(made, [(0, 0.9), (0, 0.5), (0, 0.4), (1, 0.2)])
    other = MatchingBalancer(2, first=1, limits=(0, 1))
    other.load_state_dict(copy.deepcopy(made.state_dict()))
    see(made, [(0, 0.6)])
    see(other, [(0, 0.6)])
    assert torch.equal(other.thresholds(), made.thresholds())


def test_weights_by_class_are_those_of_equation_6():
    made = balancer(weight_power=0.6)
    made.update(torch.tensor([5.0, 0.5]), torch.tensor([10.0, 1.0]))
    assert made.weights()[1] > made.weights()[0]


@pytest.mark.parametrize(
    'wrong', [dict(share=0), dict(recent=0), dict(doubt=-1), dict(limits=(0.5, 0.4))]
)
def test_refusals(wrong):
    with pytest.raises(ValueError, match='expected share > 0'):
        MatchingBalancer(2, **wrong)
