"""The switch for frozen batch norm in real runs: student, resume, wrong parts."""

import pytest
import torch
from builders.trainings import small_config, small_data
from mmengine.runner import CheckpointLoader

from mmssod import apis
from mmssod.engine import FreezeBatchNormHook


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp('data'))


def weights(data, tmp_path, name, iterations, parts, resume=False):
    cfg = small_config(data, tmp_path, max_iters=iterations)
    cfg.default_hooks.freeze_bn = dict(type='FreezeBatchNormHook', parts=parts)
    apis.train(cfg, work_dir=str(tmp_path / name), resume=resume)
    file = tmp_path / name / f'iter_{iterations}.pth'
    return CheckpointLoader.load_checkpoint(str(file))['state_dict']


def of_norms(state, part):
    return {n: v for n, v in state.items() if n.startswith(part) and '.bn' in n}


def test_student_and_teacher_keep_their_statistics_also_after_a_resume(data, tmp_path):
    whole = weights(data, tmp_path, 'whole', 4, [''])
    first = weights(data, tmp_path, 'parts', 2, [''])
    second = weights(data, tmp_path, 'parts', 4, [''], resume=True)
    assert all(torch.equal(whole[name], second[name]) for name in whole)
    norms = of_norms(first, 'student.backbone')
    assert norms
    for name, value in norms.items():
        for later in (second[name], second[name.replace('student', 'labeler.teacher', 1)]):
            assert torch.equal(value, later), name
    assert not torch.equal(
        first['student.backbone.conv1.weight'], second['student.backbone.conv1.weight']
    )


def test_without_it_they_move(data, tmp_path):
    first = weights(data, tmp_path, 'run', 2, [])
    second = weights(data, tmp_path, 'run', 4, [], resume=True)
    name = 'student.backbone.bn1.running_mean'
    assert not torch.equal(first[name], second[name])


def test_an_unknown_part_stops_the_run(data, tmp_path):
    with pytest.raises(ValueError, match="FasterRCNN has no part 'body'.*'backbone'"):
        weights(data, tmp_path, 'run', 2, ['body'])
    with pytest.raises(ValueError, match=r"write \['backbone'\]"):
        FreezeBatchNormHook('backbone')
