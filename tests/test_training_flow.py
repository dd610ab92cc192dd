"""The real detector in real runs.

What was interrupted and resumed ends bit by bit where the other run ends; two processes end where one on both their
batches ends.
"""

import os
from contextlib import ExitStack
from datetime import timedelta

import pytest
import torch
from builders.trainings import small_config as config
from builders.trainings import small_data
from mmdet.registry import MODELS
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import DefaultScope
from torch import distributed, multiprocessing

from mmssod.apis import train
from mmssod.apis.config import build_runner, load_config
from mmssod.apis.distributed import process_group
from mmssod.apis.training import close
from mmssod.engine.runner_access import bare_model
from mmssod.tiny_detectors import assigner, sampler, tiny_batch, tiny_semi


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images of 64 px: 8 labeled, 6 unlabeled, 2 to evaluate on, three classes."""
    return small_data(tmp_path_factory.mktemp('data'))


@pytest.mark.parametrize('workers', [0, 2])
def test_two_and_two_steps_are_four(data, tmp_path, workers):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    train(config(data, tmp_path, 4, workers), work_dir=str(whole), seed=0)
    train(config(data, tmp_path, 2, workers), work_dir=str(parts), seed=0)
    train(config(data, tmp_path, 4, workers), work_dir=str(parts), seed=0, resume='auto')
    expected, found = (
        torch.load(folder / 'iter_4.pth', weights_only=False) for folder in (whole, parts)
    )
    assert expected['state_dict'].keys() == found['state_dict'].keys()
    for name, value in expected['state_dict'].items():
        assert torch.equal(value, found['state_dict'][name]), name
    ours, theirs = (state['optimizer']['state'] for state in (expected, found))
    for key, moments in ours.items():
        assert moments.keys() == theirs[key].keys() and len(moments) > 0
        assert all(torch.equal(value, theirs[key][name]) for name, value in moments.items())
    # What this is worth: the run did count classes, and the teacher did follow the student.
    state = expected['state_dict']
    assert state['balancer.count'].sum() > 0
    name = 'rpn_head.rpn_cls.weight'
    assert not torch.equal(state[f'student.{name}'], state[f'labeler.teacher.{name}'])


def two_networks(data, tmp_path, max_iters):
    """Co-rectify and mixing under the shipped hooks, every candidate a label."""
    cfg = config(data, tmp_path, max_iters)
    cfg.default_hooks.pop('ema')
    cfg.model.update(type='CoRectifyDetector', labeler=dict(type='GivenLabels'))
    ways = dict(mixup=dict(type='MixUp'), mosaic=dict(type='TwoImageMosaic'))
    cfg.model.mixer = dict(type='RandomMixer', mixers=ways, prob=0.9)
    cfg.model.balancer.threshold = 0.0
    cfg.model.balancer.bounds = (0.0, 1.0)
    return cfg


def test_two_networks_that_mix_resume_and_are_tested(data, tmp_path):
    """Both networks, both counts and all draws go on as they were."""
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    train(two_networks(data, tmp_path, 4), work_dir=str(whole), seed=0)
    train(two_networks(data, tmp_path, 2), work_dir=str(parts), seed=0)
    train(two_networks(data, tmp_path, 4), work_dir=str(parts), seed=0, resume='auto')
    expected, found = (
        torch.load(folder / 'iter_4.pth', weights_only=False)['state_dict']
        for folder in (whole, parts)
    )
    assert expected.keys() == found.keys()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    counts = [expected[f'{part}balancer.count'] for part in ('', 'second.')]
    assert all(count.sum() > 0 for count in counts) and not torch.equal(*counts)
    name = 'student.rpn_head.rpn_cls.weight'
    assert not torch.equal(expected[name], expected[f'second.{name}'])
    assert (whole / 'class_balance.jsonl').exists()


def test_seeds_differ(data, tmp_path):
    ends = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        train(config(data, tmp_path, 2), work_dir=str(folder), seed=seed)
        ends.append(torch.load(folder / 'iter_2.pth', weights_only=False)['state_dict'])
    name = 'student.rpn_head.rpn_cls.weight'
    assert not torch.equal(ends[0][name], ends[1][name])


# ---------------------------------------------------------------- two processes

EVERYTHING = 10**6
# On which processes no pseudo box is kept.
CASES = {'boxes on both': (), 'none on one': (1,), 'none on both': (0, 1)}


RUNS = {'mean teacher': config, 'two networks': two_networks}


def additive_detector():
    """A detector whose loss on two images is the mean of its losses on each, so that processes can be compared.

    mmdet divides a process's losses by the anchors and RoIs sampled there, so each image must give equally many: all
    anchors (no gap between foreground and background), all of them proposals, true boxes not among these. All taken,
    nothing is drawn at random. Batch norm uses its running statistics; those of a batch differ by process.
    """
    torch.manual_seed(0)
    semi = tiny_semi(
        balancer=dict(type='ClassBalancer', threshold=0.3, threshold_power=0.05, weight_power=0.6)
    )
    detector = semi.detector
    detector.backbone.norm_eval = True
    settings = detector.train_cfg
    for part in (settings.rpn, settings.rcnn):
        part.update(assigner=assigner(0.5, 0.5, 0.5), sampler=sampler(EVERYTHING, 0.5, False))
    settings.rpn_proposal = dict(
        nms_pre=EVERYTHING,
        max_per_img=EVERYTHING,
        nms=dict(type='nms', iou_threshold=1.0),
        min_bbox_size=-1,
    )
    model = MODELS.build(semi)
    model.init_weights()
    for part in (model.student, model.labeler.teacher):  # sure of something: pseudo labels
        part.roi_head.bbox_head.fc_cls.bias.data.copy_(torch.tensor([2.0, 1.0, 0.0, 0.0]))
    model.balancer.initialize(torch.tensor([9, 3, 1]))
    return model.train()


def learn(model, inputs, samples, wrapper=lambda model: model):
    """Two steps, so that what the first one counted weights the second; what is left of them."""
    wrapped = wrapper(model)
    optimizer = torch.optim.SGD(model.student.parameters(), lr=0.01)
    for _ in range(2):
        losses = wrapped(inputs, samples, mode='loss')
        total, logged = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    return dict(
        weights=model.student.state_dict(),
        balancer=model.balancer.state_dict(),
        total=total.item(),
        boxes=logged['pseudo_boxes'].item(),
    )


def wrap(model):
    return MMDistributedDataParallel(model, broadcast_buffers=False)


def run(cfg):
    runner = build_runner(cfg)
    runner.train()
    close(runner)
    return bare_model(runner).state_dict()


def count_all_reduces():
    """The sizes of all tensors that are summed over processes from now on; gradients go another way."""
    sizes, original = [], distributed.all_reduce

    def counted(tensor, *args, **kwargs):
        sizes.append(tensor.numel())
        return original(tensor, *args, **kwargs)

    distributed.all_reduce = counted
    return sizes


def process(rank, cfgs, folder):
    """One of two: each takes the image of its rank from both branches, then whole runs."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=30),  # a hang is an error
    )
    sizes = count_all_reduces()
    inputs, samples = tiny_batch()
    mine = slice(rank, rank + 1)
    batch = [{name: part[mine] for name, part in branch.items()} for branch in (inputs, samples)]
    ends = {}
    with DefaultScope.overwrite_default_scope('mmdet'):
        for name, without in CASES.items():
            model = additive_detector()
            if rank in without:
                model.selector.min_size = 1e9
            ends[name] = learn(model, *batch, wrapper=wrap)
    ends['all_reduces'] = list(sizes)
    os.environ['LOCAL_RANK'] = str(rank)  # mmengine reads it
    with ExitStack() as groups:  # one group: the first to leave closes it
        for cfg in cfgs.values():
            groups.enter_context(process_group(cfg))
        for name, cfg in cfgs.items():
            ends[name] = run(cfg)
    torch.save(ends, f'{folder}/{rank}.pth')


@pytest.fixture(scope='module')
def two_processes(data, tmp_path_factory):
    """What each of two gloo processes ends with, by case."""
    folder = tmp_path_factory.mktemp('processes')
    cfgs = {}
    for name, make in RUNS.items():
        cfg = make(data, folder, 2)
        # It copies the first process's buffers to the others, and so would hide counts that differ.
        cfg.default_hooks.pop('buffers')
        cfgs[name] = load_config(cfg, work_dir=str(folder / name), launcher='pytorch', seed=0)
    multiprocessing.spawn(process, (cfgs, str(folder)), nprocs=2)
    return [torch.load(folder / f'{rank}.pth', weights_only=False) for rank in (0, 1)]


def test_two_processes_learn_as_one_on_both_batches(two_processes):
    start = additive_detector()
    joined = learn(additive_detector(), *tiny_batch())
    first, second = (ends['boxes on both'] for ends in two_processes)
    assert first['boxes'] > 0 and second['boxes'] > 0
    assert (first['boxes'] + second['boxes']) / 2 == joined['boxes']
    assert (first['total'] + second['total']) / 2 == pytest.approx(joined['total'], rel=1e-5)
    assert torch.equal(first['balancer']['count'], joined['balancer']['count'])
    assert (joined['balancer']['count'] > start.balancer.count).any()
    sums = [end['balancer']['certainty_sum'] for end in (first, joined)]
    torch.testing.assert_close(*sums, rtol=1e-5, atol=0)
    moved = 0
    for name, value in joined['weights'].items():
        torch.testing.assert_close(first['weights'][name], value, rtol=0, atol=1e-5, msg=name)
        moved += not torch.allclose(value, start.student.state_dict()[name], atol=1e-4)
    assert moved > 20  # the steps are large against the tolerance


@pytest.mark.parametrize('case', CASES)
def test_processes_agree_whoever_has_no_pseudo_box(two_processes, case):
    first, second = (ends[case] for ends in two_processes)
    assert [end['boxes'] > 0 for end in (first, second)] == [r not in CASES[case] for r in (0, 1)]
    for part in ('weights', 'balancer'):
        for name, value in first[part].items():
            assert torch.equal(value, second[part][name]), name


@pytest.mark.parametrize('name', RUNS)
def test_processes_of_a_run_agree(two_processes, name):
    first, second = (ends[name] for ends in two_processes)
    assert first.keys() == second.keys()
    counts = [key for key in first if key.endswith('balancer.count')]
    assert len(counts) == (2 if name == 'two networks' else 1)
    assert all(first[key].sum() > 0 for key in counts)
    for key in first:
        if 'running_' not in key:
            assert torch.equal(first[key], second[key]), key


def test_class_statistics_are_one_sum_over_processes_a_step(two_processes):
    """Two numbers a class, and nothing else beside the gradients, whether a process has boxes or not."""
    steps = 2 * len(CASES)
    assert [ends['all_reduces'] for ends in two_processes] == [[2 * 3] * steps] * 2
