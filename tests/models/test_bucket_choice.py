"""Can each of K buckets be chosen? The rank of the logits, and heads that are taught synthetic sides."""

import pytest
import torch
from mmdet.registry import MODELS

from mmssod.equations import segment_loss
from mmssod.models.buckets.side_aware_bucket_head import features_per_side, least_up_ratio
from mmssod.tiny_detectors import tiny_detector

BUCKETS = [4, 8, 20, 30, 40]
CELLS = 7


def build(head, num_buckets, **kwargs):
    torch.manual_seed(0)
    config = tiny_detector(head, 3, num_buckets)['roi_head']['bbox_head']
    module = MODELS.build({**config, **kwargs})
    module.init_weights()
    return module


def drawn(places, channels=16):
    """RoI features of boxes that are drawn on them: the share of each cell that a box covers, and its complement.

    Args:
        places: Of the four sides, from the border of their segment at 0 to the center at 1; shape (N, 4).
    """
    edges = torch.linspace(-1, 1, CELLS + 1)
    near, far = places[:, :2] - 1, 1 - places[:, 2:]  # left, top; right, bottom; the center is 0
    covered = (far[..., None].minimum(edges[1:]) - near[..., None].maximum(edges[:-1])).clamp(min=0)
    across, down = (covered / (2 / CELLS)).unbind(dim=1)
    image = down[:, :, None] * across[:, None, :]
    return torch.stack([image, 1 - image], dim=1).repeat(1, channels // 2, 1, 1)


def synthetic_sides(count, num_buckets, generator):
    """Buckets of four sides, (N, 4), and features of boxes whose sides lie in the middle halves of these buckets.

    One side of each box lies anywhere on its segment, the other three in the outer half: no box is too thin to see.
    """
    buckets = torch.randint(num_buckets // 2, (count, 4), generator=generator)
    free = torch.randint(4, (count, 1), generator=generator)
    buckets.scatter_(1, free, torch.randint(num_buckets, (count, 1), generator=generator))
    inside = 0.25 + 0.5 * torch.rand(count, 4, generator=generator)
    return buckets, drawn((buckets + inside) / num_buckets)


@pytest.mark.parametrize('num_buckets', BUCKETS)
@pytest.mark.parametrize('head', ['bucket', 'side'])
def test_logits_have_rank_k(head, num_buckets):
    module = build(head, num_buckets, fc_out_channels=64)
    with torch.no_grad():
        logits = module(torch.randn(3000, 16, CELLS, CELLS))[1][:, 0]
    for side in logits.unbind(dim=1):
        values = torch.linalg.svdvals((side - side.mean(dim=0)).double())
        assert int((values > 1e-3 * values[0]).sum()) == num_buckets


@pytest.mark.slow
@pytest.mark.parametrize('num_buckets', BUCKETS)
def test_every_bucket_is_chosen_where_the_side_is(num_buckets):
    module = build('side', num_buckets, in_channels=16)
    generator = torch.Generator().manual_seed(1)
    steps = 800
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for _ in range(steps):
        buckets, features = synthetic_sides(256, num_buckets, generator)
        logits = module(features)[1][:, 0]
        one_hot = torch.nn.functional.one_hot(buckets, num_buckets).float()
        loss = segment_loss(logits, one_hot, torch.ones_like(one_hot)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    buckets, features = synthetic_sides(2000, num_buckets, generator)
    with torch.no_grad():
        chosen = module(features)[1][:, 0].argmax(dim=-1)
    for bucket in range(num_buckets):
        assert (chosen[buckets == bucket] == bucket).float().mean() >= 0.9


@pytest.mark.parametrize(
    ('num_buckets', 'ratio'), [(4, 1), (7, 2), (8, 3), (20, 6), (30, 9), (40, 12)]
)
def test_each_side_has_as_many_features_as_buckets(num_buckets, ratio):
    assert least_up_ratio(num_buckets, CELLS) == ratio
    assert features_per_side(ratio * CELLS) >= num_buckets > features_per_side((ratio - 1) * CELLS)


def test_fewer_features_than_buckets_are_refused():
    with pytest.raises(ValueError, match='expected at least 9'):
        build('side', 30, up_ratio=2)


def test_checkpoints_of_another_upsampling_are_refused():
    old = build('side', 4, up_ratio=2).state_dict()
    with pytest.raises(ValueError, match='another up_ratio or number of buckets than 30'):
        build('side', 30).load_state_dict(old)
    build('side', 4, up_ratio=2).load_state_dict(old)
