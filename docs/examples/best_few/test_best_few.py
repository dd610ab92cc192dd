"""What makes the method that method, as laws; `python -m pytest docs/examples` runs them."""

import pytest
import torch
from best_few import MirrorLoss, TopSelector

from mmssod.structures import PseudoLabels, Views


def some_labels(certainties: list[float]) -> PseudoLabels:
    p = torch.tensor(certainties)
    number = len(p)
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0]]).expand(number, 4)
    ones = torch.ones(number)
    return PseudoLabels(boxes, torch.zeros(number, dtype=torch.long), p, ones, ones)


@pytest.mark.parametrize('number', [0, 1, 4])
def test_no_more_than_the_number_are_kept(number):
    assert len(TopSelector(number=2)(some_labels([0.5] * number), None)) == min(number, 2)


def test_the_most_certain_are_kept():
    kept = TopSelector(number=2)(some_labels([0.2, 0.9, 0.5]), None)
    assert kept.certainty.tolist() == pytest.approx([0.9, 0.5])


def test_a_number_below_one_is_refused():
    with pytest.raises(ValueError, match='at least 1'):
        TopSelector(number=0)


class Features(torch.nn.Module):
    """One level: the images themselves, times a number that differs along x."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor(slope))

    def extract_feat(self, inputs):
        return [inputs * (1 + self.slope * torch.arange(inputs.shape[-1]))]


def test_the_loss_is_zero_for_features_that_are_mirrored_with_the_image():
    views = Views(torch.ones(2, 3, 4, 2), [], [])
    assert MirrorLoss()(Features(0.0), views)['loss_mirror'] == 0
    # columns 1 and 1 + slope against 1 + slope and 1: a difference of slope everywhere
    student = Features(0.5)
    loss = MirrorLoss(weight=2.0)(student, views)['loss_mirror']
    assert loss.item() == pytest.approx(2 * 0.25)
    loss.backward()
    assert student.slope.grad is not None and student.slope.grad != 0
