"""A project of `mmssod new` on drawn images, and its student as if it had been trained."""

import json
import shutil

import pytest
import torch
from builders.trainings import small_data
from mmdet.registry import MODELS
from mmengine.registry import DefaultScope

from mmssod.apis import load_config
from mmssod.datasets.formats import Source
from mmssod.own_data.new import new_project


@pytest.fixture(scope='session')
def written(tmp_path_factory):
    """``data`` and the project ``own`` side by side: 8 labeled, 6 unlabeled images, 2 to evaluate on."""
    root = tmp_path_factory.mktemp('drawn')
    data = small_data(root / 'data')
    new_project(
        Source(f'{data}/train.json', f'{data}/labeled'),
        f'{data}/unlabeled',
        str(root / 'own'),
        val=Source(f'{data}/val.json', f'{data}/val'),
        detector='yolox_nano',
        start='none',
        iterations=4,
    )
    return root


@pytest.fixture(scope='session')
def random_student(written):
    """A checkpoint whose student and teacher find boxes everywhere, with weights of their own."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        cfg = load_config(written / 'own/student.py')
        model = MODELS.build(cfg.model)
        model.init_weights()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if 'multi_level_conv' in name and name.endswith('bias'):
                weight.normal_()
    file = written / 'iter_1.pth'
    meta = dict(dataset_meta=dict(classes=cfg.classes), iter=1)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), file)
    return file


@pytest.fixture
def project(written, tmp_path):
    """A copy of both: the project moved, and nothing of the original is looked at."""
    shutil.copytree(written, tmp_path / 'moved')
    return tmp_path / 'moved/own'


@pytest.fixture
def trained(project, random_student):
    runs = project / 'work_dirs/student'
    runs.mkdir(parents=True)
    shutil.copy(random_student, runs)
    return project


@pytest.fixture
def withheld(project):
    """The true boxes of the unlabeled images."""
    coco = json.loads((project.parent / 'data/unlabeled-withheld.json').read_text())
    return {**coco, 'images': sorted(coco['images'], key=lambda image: image['file_name'])}
