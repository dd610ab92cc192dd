"""Teacher and student evaluated in one pass have the figures that each has alone."""

from copy import deepcopy

import pytest
import torch
from builders.trainings import small_config, small_data
from mmdet.registry import METRICS, MODELS
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.registry import DefaultScope

from mmssod import apis
from mmssod.apis.config import use_both_loops
from mmssod.apis.plain import part_of, plain_config
from mmssod.apis.testing import use_tta
from mmssod.tiny_detectors import tiny_sample, tiny_semi


@METRICS.register_module()
class SumOfScores(BaseMetric):
    """A figure that tells two models apart, however little they have learned."""

    default_prefix = 'sum'

    def process(self, data_batch, data_samples):
        self.results += [float(s['pred_instances']['scores'].sum()) for s in data_samples]

    def compute_metrics(self, results):
        return dict(scores=sum(results), images=len(results))


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A config with a data set to test on, and a checkpoint whose teacher answers otherwise than its student."""
    folder = tmp_path_factory.mktemp('both')
    data = small_data(folder / 'data')
    cfg = small_config(data, folder, max_iters=1, val_interval=1)
    cfg.val_evaluator = [cfg.val_evaluator, dict(type='SumOfScores')]
    cfg.test_dataloader, cfg.test_evaluator = map(deepcopy, (cfg.val_dataloader, cfg.val_evaluator))
    cfg.val_cfg, cfg.test_cfg = dict(type='ValLoop'), dict(type='TestLoop')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    for detector, bias in ((model.student, 0.0), (model.labeler.teacher, 3.0)):
        detector.roi_head.bbox_head.fc_cls.bias.data[0] = bias
    torch.save(dict(state_dict=model.state_dict()), folder / 'run.pth')
    return cfg, folder


def metrics_of(run, who, **options):
    cfg, folder = run
    cfg = deepcopy(cfg)
    cfg.model.predict_with = who
    return apis.test(cfg, str(folder / 'run.pth'), work_dir=str(folder / who), **options)


def test_each_has_the_figures_that_it_has_alone(run):
    both = metrics_of(run, 'both', out=str(run[1] / 'both.pkl'))
    alone = {who: metrics_of(run, who) for who in ('teacher', 'student')}
    assert both == {f'{who}/{k}': v for who, metrics in alone.items() for k, v in metrics.items()}
    assert 'teacher/coco/bbox_mAP' in both and (run[1] / 'both.pkl').exists()
    scores = [alone[who]['sum/scores'] for who in ('teacher', 'student')]
    assert abs(scores[0] - scores[1]) > 0.1 and both['teacher/sum/images'] == 2


def test_training_evaluates_both(run):
    cfg, folder = run
    cfg = deepcopy(cfg)
    cfg.model.predict_with = 'both'
    cfg.load_from = str(folder / 'run.pth')
    metrics = apis.train(cfg, work_dir=str(folder / 'train'), seed=0)
    assert {'teacher/coco/bbox_mAP', 'student/coco/bbox_mAP'} <= metrics.keys()


def test_predictions_are_those_of_each():
    """The student's in the usual place, whatever the samples held before."""
    images, answers = torch.randn(1, 3, 64, 64), {}
    torch.manual_seed(0)
    model = MODELS.build(tiny_semi()).eval()
    for who in ('student', 'teacher', 'both'):
        model.predict_with = who
        (answers[who],) = model.predict(images, [tiny_sample()])
    assert torch.equal(
        answers['both'].pred_instances.bboxes, answers['student'].pred_instances.bboxes
    )
    theirs = answers['both'].teacher_instances.bboxes
    assert torch.equal(theirs, answers['teacher'].pred_instances.bboxes)
    assert not torch.equal(theirs[:1], answers['student'].pred_instances.bboxes[:1])
    assert 'teacher_instances' not in answers['student']


def test_only_where_there_is_a_teacher():
    with pytest.raises(ValueError, match="'teacher' or 'both'; got 'both' with SelfLabeler"):
        MODELS.build(tiny_semi(labeler='SelfLabeler', predict_with='both'))


def test_loops_of_others_and_augmentation_are_refused():
    model = dict(predict_with='both')
    cfg = Config(dict(model=model, val_cfg=dict(type='ValLoop'), test_cfg=dict(type='MyLoop')))
    with pytest.raises(
        ValueError, match=r"expected test_cfg=dict\(type='TestLoop'\), got 'MyLoop'"
    ):
        use_both_loops(cfg)
    for loops in (dict(val_cfg=None, test_cfg=None), dict(val_cfg=dict(type='BothValLoop'))):
        same = Config(dict(model=model, **loops))
        use_both_loops(same)
        assert same.to_dict() == dict(model=model, **loops)
    cfg = Config(dict(model=model, test_dataloader=dict(dataset=dict())))
    with pytest.raises(ValueError, match='predictions of one model'):
        use_tta(cfg)


def test_an_export_asks_which(run):
    cfg = deepcopy(run[0])
    cfg.model.predict_with = 'both'
    with pytest.raises(ValueError, match='expected part to be teacher or student, got auto'):
        part_of(cfg.model, 'auto')
    model, part = part_of(cfg.model, 'teacher')
    assert part == 'teacher'
    cfg.test_cfg.type = 'BothTestLoop'
    assert plain_config(cfg, model).test_cfg.type == 'TestLoop'
