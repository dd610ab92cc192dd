import json
import os
import os.path as osp
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from builders.fakes import CLASSES, FakeDataset, FakeModel, FakePair, fake_runner
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from PIL import Image

from mmssod.datasets import UnlabeledDataset
from mmssod.datasets.annotation_files import read_json
from mmssod.engine import EMATeacherHook, PreflightHook, WholeCheckpointHook
from mmssod.engine.preflight import (
    config_problems,
    evaluator_problems,
    runtime_problems,
    runtime_warnings,
    start_problems,
)
from mmssod.engine.preflight.config_checks import class_problems
from mmssod.engine.preflight.data_checks import category_names, name_problems
from mmssod.engine.preflight.key_checks import key_problems
from mmssod.engine.preflight.parts import part_problems
from mmssod.engine.preflight.start_checks import teacher_config
from mmssod.models.pseudo import FrozenTeacher, ThresholdSelector
from mmssod.tiny_detectors import tiny_semi

CONFIGS = Path(__file__).parents[2] / 'configs'


def coco(file, names, **more):
    categories = [{'id': i + 1, 'name': name} for i, name in enumerate(names)]
    image = {'id': 1, 'file_name': 'one.png', 'width': 4, 'height': 3}
    Image.new('RGB', (4, 3)).save(file.with_name('one.png'))
    content = {'images': [image], 'annotations': [], 'categories': categories, **more}
    file.write_text(json.dumps(content))
    return str(file)


def config(ann_file, classes=CLASSES, **more):
    folder = dict(img=osp.dirname(ann_file))
    labeled = dict(
        type='CocoDataset', ann_file=ann_file, data_prefix=folder, metainfo=dict(classes=classes)
    )
    dataset = dict(type='SemiDataset', labeled=labeled)
    return Config(dict(train_dataloader=dict(dataset=dataset), **more))


def messages(cfg):
    return [str(problem) for problem in config_problems(cfg)]


# ------------------------------------------------------------------ annotation files


def names_in(file):
    return category_names(read_json(file), file)


def of_classes(file):
    return '\n'.join(map(str, name_problems('labeled', CLASSES, read_json(file), file)))


@pytest.mark.parametrize('names', [[], ['ant'], ['ant', 'bee', 'c]a"t']])
def test_category_names(tmp_path, names):
    assert names_in(coco(tmp_path / 'a.json', names)) == names


def test_categories_are_found_where_more_follows_or_lists_nest(tmp_path):
    file = tmp_path / 'a.json'
    file.write_text('{"categories": [{"name": "ant", "keypoints": ["l", "r"]}], "images": []}')
    assert names_in(str(file)) == ['ant']


def test_a_file_that_changed_is_read_again(tmp_path):
    file = tmp_path / 'a.json'
    cfg = dict(val_evaluator=dict(ann_file=coco(file, ['bee'])))
    assert 'missing' in str(*evaluator_problems(cfg, 'val', ['ant']))
    coco(file, ['ant'])
    os.utime(file, (1, 1))
    assert not list(evaluator_problems(cfg, 'val', ['ant']))


@pytest.mark.parametrize(
    'text', ['', '{"categories": [{"id": 1}]}', '{"categories": 3}', 'no json']
)
def test_broken_files_are_value_errors(tmp_path, text):
    file = tmp_path / 'a.json'
    file.write_text(text)
    with pytest.raises(ValueError):
        names_in(str(file))


# ------------------------------------------------------------------ class names


def test_equal_names_are_no_problem_nor_are_unused_categories(tmp_path):
    file = coco(tmp_path / 'a.json', ['ant', 'dog', 'bee', 'cat'])
    assert not of_classes(file)


def test_missing_names_show_both_lists(tmp_path):
    problem = of_classes(coco(tmp_path / 'a.json', ['ant', 'Bee', 'cat']))
    assert "missing from its annotation file: ['bee']" in problem
    assert "['ant', 'Bee', 'cat']" in problem and "['ant', 'bee', 'cat']" in problem


def test_another_order_would_misname_labels(tmp_path):
    assert 'order' in of_classes(coco(tmp_path / 'a.json', ['bee', 'ant', 'cat']))


# ------------------------------------------------------------------ config


def test_config_without_a_fault_and_config_without_data(tmp_path):
    assert config_problems(Config()) == []
    assert config_problems(config(coco(tmp_path / 'a.json', CLASSES))) == []


def test_all_parts_are_checked_and_reported_together(tmp_path):
    good, bad = coco(tmp_path / 'a.json', CLASSES), coco(tmp_path / 'b.json', ['x', 'y', 'z'])
    val = dict(
        type='CocoDataset',
        ann_file=good,
        data_prefix=dict(img=str(tmp_path)),
        metainfo=dict(classes=('bee', 'ant', 'cat')),
    )
    found = messages(
        config(
            bad,
            val_dataloader=dict(dataset=val),
            val_evaluator=dict(type='CocoMetric', ann_file=str(tmp_path / 'none.json')),
            test_evaluator=[dict(type='CocoMetric', ann_file=bad)],
        )
    )
    heads = [message.splitlines()[0] for message in found]
    assert len(found) == 5
    assert [head.split(':')[0] for head in heads] == [
        'labeled',
        'val_dataloader',
        'val_dataloader',
        'val_evaluator',
        'test_evaluator',
    ]
    assert 'no annotation file' in heads[3]


def test_data_root_wrappers_and_default_classes(tmp_path):
    coco(tmp_path / 'a.json', ['person'])
    leaf = dict(type='CocoDataset', data_root=str(tmp_path), ann_file='a.json')
    both = dict(type='ConcatDataset', datasets=[leaf, leaf])
    cfg = Config(dict(train_dataloader=dict(dataset=dict(type='RepeatDataset', dataset=both))))
    (problem,) = messages(cfg)
    assert 'bicycle' in problem  # CocoDataset's own 80 classes


@pytest.mark.parametrize(
    ('name', 'changed', 'said'),
    [
        ('certainty/student_voc', {}, None),
        ('supervised/voc', {}, None),
        (
            'certainty/student_voc',
            {'model.detector.train_cfg.rpn.assigner.ignore_iof_thr': -1},
            'model.detector.train_cfg.rpn.assigner: BestBoxAssigner',
        ),
        ('demo/teacher', {}, 'model.train_cfg.rpn.assigner: MaxIoUAssigner'),
        ('yolox_nano/teacher_bccd', {}, 'SimOTAAssigner'),
        ('instant_teaching/voc', {}, 'MixUp'),
    ],
)
def test_ignored_boxes_need_a_detector_that_ignores_them(name, changed, said):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    cfg.merge_from_dict(changed)
    place = 'train_dataloader.dataset.labeled.iscrowd'
    for other in ('object', 'background'):
        cfg.merge_from_dict({place: other})
        assert [*part_problems(cfg), *class_problems(cfg, ())] == [] == key_problems(cfg)
    cfg.merge_from_dict({place: 'ignored'})
    problems = [str(problem) for problem in [*part_problems(cfg), *class_problems(cfg, ())]]
    if said is None:
        assert problems == []
    else:
        assert len(problems) == 1 and said in problems[0] and f'set {place}' in problems[0]
    cfg.merge_from_dict({place: 'difficult'})
    (problem,) = key_problems(cfg)
    assert "got 'difficult'" in str(problem)


def test_unreadable_json_is_a_problem_not_a_crash(tmp_path):
    (tmp_path / 'a.json').write_text('{')
    (problem,) = messages(config(str(tmp_path / 'a.json')))
    assert 'unreadable' in problem


# ------------------------------------------------------------------ runner


def pair(labeled=(('/l/0.jpg', [0, 1, 2]),), unlabeled=(('/u/0.jpg', []),)):
    return FakePair(FakeDataset(labeled), FakeDataset(unlabeled))


def with_classes(dataset, classes):
    dataset.metainfo = {'classes': classes}
    return dataset


def test_a_good_run_logs_its_batch(tmp_path):
    counts = {'labeled': 1, 'unlabeled': 3}
    labeled = [(f'/l/{n}.jpg', [0, 1, 2]) for n in range(6)]
    unlabeled = [(f'/u/{n}.jpg', []) for n in range(6)]
    images = pair(labeled, unlabeled)
    runner = fake_runner(tmp_path, dataset=images, counts=counts, batch_size=4, world_size=2)
    PreflightHook().before_train(runner)
    assert runner.messages == ['batch: 1 labeled + 3 unlabeled per process x 2 = 8 images']


def test_all_errors_come_as_one_numbered_list(tmp_path):
    runner = fake_runner(
        tmp_path, dataset=with_classes(pair(labeled=[], unlabeled=[]), ('ant', 'bee'))
    )
    runner.model.student.num_classes = 80
    with pytest.raises(ValueError) as error:
        PreflightHook().before_train(runner)
    text = str(error.value)
    assert text.startswith('3 problems found before training')
    for part in (
        '1. the source labeled is empty',
        '2. the source unlabeled is empty',
        '3. num_classes of the model does not match',
        'student: 80',
        'balancer: 3',
    ):
        assert part in text
    assert text.count('expected:') == text.count('actual:') == text.count('fix:') == 3


def test_a_checkpoint_that_does_not_fit_does_not_hide_what_else_is_wrong(tmp_path):
    runner = fake_runner(tmp_path, dataset=pair(unlabeled=[]), _resume=True)
    runner._train_loop = BaseLoop.__new__(IterBasedTrainLoop)
    runner._train_loop.dataloader = runner.train_dataloader
    with pytest.raises(ValueError, match='(?s)2 problems.*unlabeled is empty.*not in the checkpo'):
        PreflightHook().after_load_checkpoint(runner, dict(state_dict={'a': torch.zeros(1)}))


def test_a_burn_in_beyond_the_end_is_told(tmp_path):
    runner = fake_runner(tmp_path, hooks=[EMATeacherHook(burn_in=100)])
    assert 'no pseudo label is ever trained' in runtime_warnings(runner)[-1]


def test_rpn_and_backbone_may_count_what_they_like(tmp_path):
    model = FakeModel()
    model.rpn_head = SimpleNamespace  # plain attribute, no module
    model.student.rpn_head = FakeModel()
    model.student.rpn_head.num_classes = 1
    model.student.backbone = FakeModel()
    model.student.backbone.num_classes = 1000
    PreflightHook().before_train(fake_runner(tmp_path, model, dataset=pair()))


def test_warnings_do_not_stop_a_run(tmp_path):
    runner = fake_runner(
        tmp_path,
        dataset=pair([('/l/0.jpg', [0])], [('/u/0.jpg', []), ('/l/../l/0.jpg', [])]),
        auto_scale_lr={'base_batch_size': 32, 'enable': False},
        optim_wrapper=SimpleNamespace(_accumulative_counts=4),
        hooks=[WholeCheckpointHook(interval=12, by_epoch=False)],
    )
    PreflightHook().before_train(runner)
    line, *warnings = runner.messages
    assert 'gradients of 4 iterations accumulated' in line
    assert "2 of 3 classes have no labeled box and cannot be learned: ['bee', 'cat']" in warnings[0]
    assert '1 of 2 images of the source unlabeled are labeled images too' in warnings[1]
    assert 'pass --auto-scale-lr to multiply it by 0.25' in warnings[2]
    assert len(warnings) == 3


@pytest.mark.parametrize(
    ('checkpoint', 'said'),
    [
        (dict(interval=12), ''),
        (dict(interval=12, save_begin=8), ''),
        (dict(interval=10), 'interval=10, save_begin=0'),
        (dict(interval=12, save_begin=6), 'interval=12, save_begin=6'),
        (dict(interval=-1), ''),
        (dict(interval=3, by_epoch=True), ''),
    ],
)
def test_checkpoints_hold_no_half_gathered_gradients(tmp_path, checkpoint, said):
    runner = fake_runner(
        tmp_path,
        dataset=pair(),
        optim_wrapper=SimpleNamespace(_accumulative_counts=4),
        hooks=[WholeCheckpointHook(**{'by_epoch': False, **checkpoint})],
    )
    problems = '\n'.join(map(str, runtime_problems(runner)))
    assert said in problems and bool(problems) == bool(said)


def test_classes_without_a_box_may_stop_a_run(tmp_path):
    runner = fake_runner(tmp_path, dataset=pair([('/l/0.jpg', [0])]))
    with pytest.raises(ValueError, match='(?s)2 of 3 classes have no labeled box.*fix'):
        PreflightHook(empty_classes='stop').before_train(runner)
    with pytest.raises(ValueError, match="empty_classes to be 'warn' or 'stop', got 'skip'"):
        PreflightHook(empty_classes='skip')


# ------------------------------------------------------------------ the start


def test_a_missing_teacher_is_named_with_its_command(tmp_path):
    (tmp_path / 'teacher_pets.py').write_text('')
    file = tmp_path / 'student_pets.py'
    file.write_text("load_from = 'work_dirs/teacher_pets/iter_9.pth'\n")
    (problem,) = map(str, start_problems(Config.fromfile(str(file))))
    assert 'work_dirs/teacher_pets/iter_9.pth' in problem
    assert f'(mmssod train {tmp_path}/teacher_pets.py)' in problem
    assert f'mmssod train {file} --teacher {tmp_path}/teacher_pets.py' in problem


@pytest.mark.parametrize(
    ('start', 'teacher'),
    [
        ('work_dirs/teacher_a/iter_1.pth', 'teacher_a.py'),
        ('work_dirs/teacher_a_1@2/iter_1.pth', 'teacher_a.py'),
        ('work_dirs/teacher_a_long_1@2/iter_1.pth', 'teacher_a_long.py'),
        ('work_dirs/other/iter_1.pth', None),
    ],
)
def test_the_teachers_config_is_known_by_the_folder(tmp_path, start, teacher):
    for name in ('teacher_a', 'teacher_a_long', 'student_a'):
        (tmp_path / f'{name}.py').touch()
    found = teacher_config(str(tmp_path / 'student_a.py'), start)
    assert found == (tmp_path / teacher if teacher else None)


def test_a_start_that_exists_or_is_elsewhere_is_no_problem(tmp_path):
    torch.save({}, tmp_path / 'iter_9.pth')
    for start in (None, str(tmp_path / 'iter_9.pth'), 'https://example.com/a.pth'):
        assert not start_problems(Config(dict(load_from=start)))
    assert start_problems(Config(dict(load_from=str(tmp_path / 'iter_8.pth'))))


def test_a_frozen_teacher_without_weights_is_found():
    student = dict(labeler=dict(type='FrozenTeacher', checkpoint=''))
    assert 'without weights' in str(start_problems(Config(dict(model=student)))[0])
    student['labeler']['checkpoint'] = 'a.pth'
    assert not start_problems(Config(dict(model=student)))
    assert not start_problems(Config(dict(model=dict(labeler=dict(type='EMATeacher')))))


FORMS = {
    'name': lambda kind: kind.__name__,
    'name with scope': lambda kind: f'mmdet.{kind.__name__}',
    'class': lambda kind: kind,
    'own subclass': lambda kind: type('Own', (kind,), {}),
}


@pytest.mark.parametrize('form', FORMS)
def test_parts_are_checked_however_their_type_is_written(form, tmp_path):
    kind = FORMS[form]
    model = dict(
        labeler=dict(type=kind(FrozenTeacher)),
        selector=dict(type=kind(ThresholdSelector), certainty='q'),
        other=dict(type=kind(ThresholdSelector), certainti='p'),
    )
    source = dict(type=kind(UnlabeledDataset), images=str(tmp_path))
    loader = dict(dataset=dict(type='SemiDataset', unlabeled=source))
    cfg = dict(model=model, train_dataloader=loader)
    refused, unknown, missing = [problem.what for problem in config_problems(cfg)]
    assert 'model.selector: ' in refused and 'got an invalid value' in refused
    assert unknown == "model.other: unknown key 'certainti'"
    assert missing == 'train_dataloader.dataset.unlabeled: no images to train on'
    assert 'without weights' in start_problems(cfg)[0].what


def test_one_class_without_its_comma(tmp_path):
    file = coco(tmp_path / 'a.json', ['cat'])
    assert 'one string' in messages(config(file, classes='cat'))[0]
    assert not messages(config(file, classes=('cat',)))


def test_weights_by_class_need_the_certainty_head(tmp_path):
    config = tiny_semi('plain', balancer=dict(type='ClassBalancer', weight_power=0.6))
    runner = fake_runner(tmp_path, MODELS.build(config))
    PreflightHook().before_train(runner)  # a plain head in the right RoI head
    config.detector.roi_head.type = 'StandardRoIHead'
    runner = fake_runner(tmp_path, MODELS.build(config))
    with pytest.raises(
        ValueError, match="(?s)CertaintyRoIHead.*StandardRoIHead.*'weight_power': 0.6"
    ):
        PreflightHook().before_train(runner)
    runner.model.balancer.weight_power = 0.0
    PreflightHook().before_train(runner)


@pytest.mark.parametrize(
    ('joint', 'frozen', 'refused'),
    [(False, False, False), (True, True, False), (True, False, True)],
)
def test_joint_features_need_frozen_norms(tmp_path, joint, frozen, refused):
    config = tiny_semi(joint_features=joint)
    config.detector.backbone.norm_eval = frozen
    runner = fake_runner(tmp_path, MODELS.build(config))
    runner.model.eval()
    if not refused:
        PreflightHook().before_train(runner)
        return
    with pytest.raises(
        ValueError, match=r'(?s)expected:.*frozen.*actual: .*student\.backbone\.bn1.*fix:'
    ):
        PreflightHook().before_train(runner)
    assert not any(part.training for part in runner.model.modules())


@pytest.mark.parametrize(
    ('slots', 'named'),
    [
        (dict(mixer=dict(type='MixUp')), 'MixUp'),
        (dict(mixer=dict(type='RandomMixer', mixers=dict(a=dict(type='MixUp')))), 'RandomMixer'),
        (dict(mixer=dict(type='TwoImageMosaic')), None),
        ({}, None),
    ],
)
def test_weights_by_box_need_the_certainty_head(tmp_path, slots, named):
    config = tiny_semi('plain', **slots)
    PreflightHook().before_train(fake_runner(tmp_path, MODELS.build(config)))
    config.detector.roi_head.type = 'StandardRoIHead'
    runner = fake_runner(tmp_path, MODELS.build(config))
    if named is None:
        PreflightHook().before_train(runner)
        return
    with pytest.raises(ValueError, match=f'(?s)CertaintyRoIHead.*StandardRoIHead with .*{named}'):
        PreflightHook().before_train(runner)


@pytest.mark.parametrize(('end', 'told'), [(50, []), (51, ['rises until iteration 51 of 100'])])
def test_a_run_that_ends_in_its_warm_up(tmp_path, end, told):
    rise = dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=end)
    runner = fake_runner(tmp_path, cfg=Config(dict(param_scheduler=[rise])))
    said = [w for w in map(str, runtime_warnings(runner)) if 'learning rate rises' in w]
    assert len(said) == len(told) and all(words in w for words, w in zip(told, said, strict=True))
