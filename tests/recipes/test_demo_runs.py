"""Demo configs as they are, with their own pipelines, hooks and optimizer: two iterations of a tiny detector."""

import copy
from pathlib import Path

import pytest
import torch
from builders.tiny_recipes import shrink
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict

from demo_drawings import make_demo_data
from mmssod.apis import train

CLASSES = ('blob', 'leaf', 'arrow')
# They read labels that were made before; test_offline_labels.py, test_make_label_bank.py and test_foundation.py go the
# whole way.
AFTER_OTHERS = {
    'configs/foundation/demo.py',
    'configs/foundation/fused_demo.py',
    'configs/label_bank/demo.py',
    'configs/label_bank/demo_plain.py',
    'configs/ismt/demo_final.py',
    *(f'configs/multi_phase/demo{end}.py' for end in ('', '_phase_0', '_phase_1', '_phase_2')),
}
ROOT = Path(__file__).parents[2]
CONFIGS = sorted(
    {
        str(path.relative_to(ROOT))
        for path in (ROOT / 'configs').rglob('*demo*.py')
        if '_base_' not in path.parts
    }
    - AFTER_OTHERS
)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images: 4 labeled, 4 unlabeled, 2 to evaluate on, three classes."""
    root = tmp_path_factory.mktemp('data')
    sizes = dict(num_labeled=4, num_unlabeled=4, num_val=2, size=64)
    make_demo_data(root, num_classes=3, min_boxes_per_class=1, **sizes)
    return root


def small(file, data, tmp_path):
    """The config with a tiny detector on tiny data, two iterations and one test after them."""
    cfg = Config.fromfile(file)
    cfg.model = ConfigDict(shrink(cfg.model.to_dict()))
    metainfo = dict(classes=CLASSES)
    sources = cfg.train_dataloader.dataset
    sources.labeled.update(data_root=f'{data}/', metainfo=metainfo)
    if 'unlabeled' in sources:
        sources.unlabeled.images = f'{data}/unlabeled'
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=f'{data}/', metainfo=metainfo)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluator.update(
            ann_file=f'{data}/val.json', train_ann_file=f'{data}/train.json', num_rare=1
        )
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    start = str(tmp_path / 'teacher.pth')
    detector = cfg.model.detector if 'detector' in cfg.model else cfg.model
    built = MODELS.build(copy.deepcopy(detector))  # of a copy: DINO writes into its config
    torch.save(dict(state_dict=built.state_dict()), start)
    if cfg.load_from:
        cfg.load_from = start
    if cfg.model.get('labeler', {}).get('checkpoint'):
        cfg.model.labeler.checkpoint = start
    if 'ema_teacher' in cfg.default_hooks:  # the second iteration is after the burn-in
        hook = cfg.default_hooks.ema_teacher
        hook.burn_in = min(1, hook.burn_in)
    return cfg


DINO = 'configs/semi_detr/'  # whose width is no smaller
SLOW = [pytest.param(file, marks=pytest.mark.slow) for file in CONFIGS if file.startswith(DINO)]


@pytest.mark.parametrize('file', [f for f in CONFIGS if not f.startswith(DINO)] + SLOW)
def test_a_demo_config_runs(file, data, tmp_path):
    cfg = small(file, data, tmp_path)
    metrics = train(cfg, work_dir=str(tmp_path / 'run'), seed=0)
    assert metrics
    state = torch.load(tmp_path / 'run/iter_2.pth', weights_only=False)['state_dict']
    assert all(torch.isfinite(value).all() for value in state.values())


def test_demo_configs_are_seen():
    """Each folder of a method has one; the paper's own are `configs/demo/`, which the tools' tests run."""
    files = [ROOT / file for file in (*CONFIGS, *AFTER_OTHERS)]
    assert all(file.is_file() for file in files)
    methods = {file.parent for file in (ROOT / 'configs').rglob('metafile.yml')}
    assert len(methods) >= 10
    assert methods - {file.parent for file in files} == {ROOT / 'configs/certainty'}
