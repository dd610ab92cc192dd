"""Boxes with ``iscrowd`` are what a labeled set says: an object, ignored or background; evaluation leaves them out."""

import json
from pathlib import Path

import pytest
import torch
from builders.miniature import make_voc, voc_xml
from mmdet.registry import DATASETS, METRICS, TASK_UTILS
from mmdet.structures.bbox import get_box_tensor
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmssod.apis.offline_labels import labeled_annotations
from mmssod.datasets import LabeledDataset
from mmssod.datasets.annotation_files import ISCROWD, as_trained
from mmssod.datasets.split import read_coco, split_coco, write_split
from mmssod.datasets.transforms.steps import as_list
from mmssod.engine.runner_access import count_boxes
from mmssod.methods.multi_phase.labels import boxes_per_image
from voc_to_coco import convert_voc

CONFIGS = Path(__file__).parents[2] / 'configs'
PERSON, SHEEP = 14, 16  # places in VOC's list of classes
# Of 4 images with a person and a sheep each, the sheep of the second and of the fourth are difficult.
TRAINED = dict(object=(4, 4), ignored=(4, 2), background=(4, 2))


@pytest.fixture(scope='module')
def devkit(tmp_path_factory):
    made = make_voc(tmp_path_factory.mktemp('voc'))
    assert not convert_voc(made).problems
    return made


def config(devkit, name='certainty/teacher_voc', **changed):
    """A VOC config with the small devkit in place of the real one."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    for loader in ('train_dataloader', 'val_dataloader'):
        node = cfg[loader].dataset
        node.get('labeled', node).data_root = str(devkit) + '/'
    for metric in cfg.val_evaluator:
        if 'ann_file' in metric:
            metric.ann_file = str(devkit / 'annotations/voc07_test.json')
    cfg.train_dataloader.dataset.labeled.update(changed)
    return cfg


def labeled(cfg):
    node = dict(cfg.train_dataloader.dataset.labeled)
    return DATASETS.build({**node, 'pipeline': as_list(node['pipeline'])})


def tensors(sample):
    """The sample with tensors for boxes, as the data preprocessor gives them to losses and metrics."""
    for part in (sample.gt_instances, sample.ignored_instances):
        part.bboxes = get_box_tensor(part.bboxes)
    return sample


def flags(dataset):
    return [
        [(box['bbox_label'], box['ignore_flag']) for box in dataset.get_data_info(n)['instances']]
        for n in range(len(dataset))
    ]


def test_none_one_and_many_boxes():
    one, crowd = dict(id=1, iscrowd=0), dict(id=2, iscrowd=1)
    for iscrowd in ISCROWD:
        assert as_trained([], iscrowd) == []
        assert as_trained([one, dict(id=3)], iscrowd)[0] == one
    assert as_trained([one, crowd], 'object') == [one, dict(id=2, iscrowd=0)]
    assert as_trained([one, crowd], 'ignored') == [one, crowd]
    assert as_trained([one, crowd], 'background') == [one]
    assert crowd == dict(id=2, iscrowd=1)  # not changed


def test_another_word_is_an_error():
    with pytest.raises(ValueError, match="'object', 'ignored', 'background'.*got 'difficult'"):
        LabeledDataset(iscrowd='difficult', lazy_init=True)


@pytest.mark.parametrize('name', ['certainty/teacher_voc', 'certainty/student_voc_multiscale'])
def test_the_papers_configs_train_difficult_objects_as_objects(devkit, name):
    """As Detectron2, which does not read the flag in training; its evaluation leaves them out, ours, too."""
    cfg = config(devkit, name)
    person, sheep = (PERSON, 0), (SHEEP, 0)
    assert flags(labeled(cfg)) == [[person, sheep]] * 4
    evaluated = DATASETS.build(cfg.val_dataloader.dataset)
    assert flags(evaluated) == [[person, sheep], [person, (SHEEP, 1)]]


@pytest.mark.parametrize('iscrowd', ISCROWD)
def test_one_switch_for_training_and_for_all_counts(devkit, iscrowd):
    """Eq. 6 starts from the boxes that are trained, and so do the thresholds of Multi-Phase."""
    cfg = config(devkit, iscrowd=iscrowd)
    dataset = labeled(cfg)
    persons, sheep = TRAINED[iscrowd]
    counts = count_boxes(dataset, 20)
    assert (counts[PERSON], counts[SHEEP], counts.sum()) == (persons, sheep, persons + sheep)
    ignored = {'object': 0, 'ignored': 2, 'background': 0}[iscrowd]
    assert sum(flag for image in flags(dataset) for _, flag in image) == ignored
    per_image = boxes_per_image(labeled_annotations(cfg))
    assert per_image[SHEEP + 1] == sheep / 4 and sum(per_image.values()) == counts.sum() / 4


@pytest.mark.parametrize(
    ('iscrowd', 'sizes'), [('object', (2, 0)), ('ignored', (1, 1)), ('background', (1, 0))]
)
def test_what_the_losses_get(devkit, iscrowd, sizes):
    sample = labeled(config(devkit, iscrowd=iscrowd))[1]['data_samples']
    assert (len(sample.gt_instances), len(sample.ignored_instances)) == sizes


def test_ignored_boxes_are_in_no_loss_of_the_papers_detector(devkit):
    """The labels of all anchors and RoIs that lie on the difficult sheep, by the config's own assigners."""
    cfg = config(devkit, iscrowd='ignored')
    sample = tensors(labeled(cfg)[1]['data_samples'])
    true, difficult = sample.gt_instances, sample.ignored_instances
    inside = difficult.bboxes + torch.tensor([5.0, 5.0, -5.0, -5.0])
    priors = InstanceData(priors=torch.cat([difficult.bboxes, inside, true.bboxes]))
    for stage in ('rpn', 'rcnn'):
        assigner = TASK_UTILS.build(cfg.model.train_cfg[stage].assigner)
        assert assigner.assign(priors, true, difficult).gt_inds.tolist() == [-1, -1, 1]


def test_a_split_carries_the_flag(devkit, tmp_path):
    whole = read_coco(devkit / 'annotations/voc07_trainval.json')
    made = split_coco(whole, size=3, fold=1, protocol='count')
    write_split(made, tmp_path, 'part', keep_boxes=True)
    parts = [read_coco(tmp_path / f'part{kind}.json') for kind in ('', '-unlabeled-boxes')]
    found = {box['id']: box['iscrowd'] for part in parts for box in part['annotations']}
    assert found == {box['id']: box['iscrowd'] for box in whole['annotations']}
    assert sum(found.values()) == 2


@pytest.mark.parametrize('found_too', [False, True])
def test_neither_metric_counts_difficult_objects(tmp_path, found_too):
    """The person found: both AP are 1, without the difficult sheep and with it as the more certain find."""
    # of several images, mmdet's figures come from processes of their own
    devkit = make_voc(tmp_path, test=1)
    objects = [('person', (3, 4, 31, 41), 0), ('sheep', (37, 5, 61, 31), 1)]
    (devkit / 'VOC2007/Annotations/000006.xml').write_text(voc_xml('VOC2007', '000006', objects))
    convert_voc(devkit)
    cfg = config(devkit)
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    sample = tensors(dataset[0]['data_samples'])
    true, difficult = sample.gt_instances, sample.ignored_instances
    assert len(true) == len(difficult) == len(dataset) == 1
    found = [InstanceData(**dict(true.items()), scores=torch.tensor([0.8]))]
    if found_too:
        found.append(InstanceData(**dict(difficult.items()), scores=torch.tensor([0.9])))
    sample.pred_instances = InstanceData.cat(found)
    for node, key in zip(cfg.val_evaluator, ('coco/bbox_mAP', 'pascal_voc/mAP'), strict=True):
        metric = METRICS.build(node)
        metric.dataset_meta = dataset.metainfo
        metric.process({}, [sample.to_dict()])
        assert metric.evaluate(1)[key] == pytest.approx(1.0)


def test_crowds_of_coco_are_background_as_in_detectron2():
    for name in ('certainty/student_coco_partial', 'certainty/student_coco_full_1x'):
        node = Config.fromfile(CONFIGS / f'{name}.py').train_dataloader.dataset.labeled
        assert (node.type, node.iscrowd) == ('LabeledDataset', 'background')


def test_the_flag_is_in_the_file(devkit):
    content = json.loads((devkit / 'annotations/voc07_trainval.json').read_text())
    assert [box['iscrowd'] for box in content['annotations']] == [0, 0, 0, 1, 0, 0, 0, 1]
