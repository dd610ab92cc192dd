"""Semi-DETR and a mean teacher over DINO in real runs: they learn, and what was interrupted ends like what was not."""

import pytest
from builders.trainings import (
    assert_class_losses_fall,
    cut_and_whole,
    logged,
    small_config,
    small_data,
)
from mmengine.config import Config, ConfigDict

from any_detector.found import tried
from any_detector.shrink import shrunk

ITERATIONS = 50
SWITCH, CUT = 40, 35  # of the stages; a run that is resumed begins in the first


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images of 64 px: 8 labeled, 6 unlabeled, three classes."""
    return small_data(tmp_path_factory.mktemp('data'))


def config(name, data, tmp_path, max_iters):
    """A recipe's method around a tiny DINO, whatever stands out a label."""
    recipe = Config.fromfile(f'configs/semi_detr/{name}.py')
    cfg = small_config(data, tmp_path, max_iters)
    detector = shrunk(next(found for found in tried() if found.detector == 'DINO'))
    theirs = recipe.model.detector
    detector.update(type=theirs.type)
    detector.bbox_head.update(type=theirs.bbox_head.type, loss_cls=theirs.bbox_head.loss_cls)
    detector.train_cfg = theirs.train_cfg
    cfg.model = ConfigDict({**recipe.model, 'detector': detector})
    cfg.model.balancer.update(threshold=0.0, bounds=(0.0, 1.0))
    cfg.train_dataloader.update(batch_size=3)
    cfg.train_dataloader.sampler.update(counts=dict(labeled=1, unlabeled=2))
    cfg.param_scheduler = []
    return cfg


@pytest.mark.slow
def test_a_mean_teacher_over_dino_learns_and_resumes(data, tmp_path):
    cut_and_whole(
        lambda length: config('mean_teacher_coco_partial', data, tmp_path, length),
        tmp_path,
        CUT,
        ITERATIONS,
    )
    seen = logged(tmp_path / 'whole')
    assert len(seen) == ITERATIONS and all(line['pseudo_boxes'] > 0 for line in seen)
    for branch in ('sup_', 'unsup_'):
        assert_class_losses_fall(seen, branch)


@pytest.mark.slow
def test_semi_detr_learns_and_resumes_in_both_stages(data, tmp_path):
    def make(length):
        cfg = config('coco_partial', data, tmp_path, length)
        cfg.model.selector.update(min_size=0.0)  # labels of a DINO that knows nothing shrink
        cfg.default_hooks.matching_stage = dict(type='MatchingStageHook', first=SWITCH / ITERATIONS)
        return cfg

    cut_and_whole(make, tmp_path, CUT, ITERATIONS)
    seen, resumed = logged(tmp_path / 'whole'), logged(tmp_path / 'parts')
    assert (len(seen), len(resumed)) == (ITERATIONS, ITERATIONS - CUT)
    for lines, begun in ((seen, 0), (resumed, CUT)):
        for at, line in enumerate(lines, begun):
            first = at < SWITCH
            assert (
                (line['unsup_loss_consistency'] > 0) == (line['unsup_mined_boxes'] > 0) == first
            ), at
    assert all(line['pseudo_boxes'] > 0 for line in seen)
    denoising = [line['unsup_dn_loss_cls'] for line in seen]
    assert not any(denoising[:SWITCH]) and any(denoising[SWITCH:])
    for branch in ('sup_', 'unsup_'):
        assert_class_losses_fall(seen[:SWITCH], branch)
