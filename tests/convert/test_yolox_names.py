"""The authors' names and mmdet's: one to one, of equal shapes, for each size, and of the same meaning."""

from pathlib import Path

import mmdet
import pytest
import torch
from builders.authors_yolox import YOLOX, noise, trained
from mmdet.registry import MODELS
from mmengine.config import Config

from mmssod.convert import from_yolox_pth, is_yolox_pth, yolox_size
from mmssod.convert.yolox_export import raw_outputs
from mmssod.start.yolox import SIZES, YOLOXSize, build_yolox, require_whole, yolox_config

ROOT = Path(__file__).parents[2]
MMDET_CONFIGS = Path(mmdet.__file__).parent / '.mim/configs/yolox'
TINY = [dict(depth=1, width=8, depthwise=True), dict(depth=2, width=8, depthwise=False)]


def shapes(weights):
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def authors(size, num_classes=80):
    depth, width, depthwise = SIZES[size]
    with torch.device('meta'):
        return YOLOX(depth, width, depthwise, num_classes).state_dict()


def loaded(weights):
    model = build_yolox(yolox_size(weights))
    model.load_state_dict(weights)  # strict
    return model.eval()


@pytest.mark.parametrize('size', SIZES)
def test_names_are_a_bijection_with_equal_shapes(size):
    """Against the configs that mmdet ships, not against ours."""
    given = authors(size)
    converted = from_yolox_pth(given)
    cfg = Config.fromfile(next(MMDET_CONFIGS.glob(f'yolox_{size}_8xb8-300e_coco.py')))
    with torch.device('meta'):
        expected = MODELS.build(cfg.model).state_dict()
    assert len(converted) == len(given) == len(expected) > 300
    assert shapes(converted) == shapes(expected)
    backbone = cfg.model.backbone
    found = require_whole(converted)
    assert (found.name, found.num_classes) == (size, 80)
    assert found.deepen_factor == backbone.deepen_factor
    assert found.widen_factor == backbone.widen_factor
    assert found.depthwise == backbone.get('use_depthwise', False)


@pytest.mark.parametrize('size', TINY, ids=['depthwise', 'plain'])
def test_a_converted_detector_computes_the_same(size):
    model = trained(**size)
    images = noise(2)
    with torch.no_grad():
        expected = model(images)
    assert expected.std() > 0.1
    weights = from_yolox_pth(model.state_dict())
    torch.testing.assert_close(raw_outputs(loaded(weights), images), expected)

    # Two layers of equal shape, exchanged: the comparison would see it.
    main, short = (f'neck.top_down_blocks.0.{name}_conv.conv.weight' for name in ('main', 'short'))
    weights[main], weights[short] = weights[short], weights[main]
    assert (raw_outputs(loaded(weights), images) - expected).abs().max() > 0.01


@pytest.mark.parametrize(
    ('theirs', 'ours'),
    [
        ('backbone.backbone.stem.conv.bn.bias', 'backbone.stem.conv.bn.bias'),
        ('backbone.backbone.dark3.1.conv1.conv.weight', 'backbone.stage2.1.main_conv.conv.weight'),
        ('backbone.backbone.dark3.1.conv2.bn.weight', 'backbone.stage2.1.short_conv.bn.weight'),
        ('backbone.backbone.dark5.1.conv1.bn.bias', 'backbone.stage4.1.conv1.bn.bias'),
        ('backbone.backbone.dark5.2.conv3.bn.bias', 'backbone.stage4.2.final_conv.bn.bias'),
        (
            'backbone.backbone.dark4.1.m.2.conv2.dconv.conv.weight',
            'backbone.stage3.1.blocks.2.conv2.depthwise_conv.conv.weight',
        ),
        ('backbone.C3_p3.conv1.bn.running_var', 'neck.top_down_blocks.1.main_conv.bn.running_var'),
        ('backbone.bu_conv1.pconv.bn.bias', 'neck.downsamples.1.pointwise_conv.bn.bias'),
        ('head.stems.2.conv.weight', 'neck.out_convs.2.conv.weight'),
        ('head.cls_preds.0.weight', 'bbox_head.multi_level_conv_cls.0.weight'),
        ('head.reg_convs.1.0.conv.weight', 'bbox_head.multi_level_reg_convs.1.0.conv.weight'),
    ],
)
def test_names_by_hand(theirs, ours):
    tensor = torch.zeros(1)
    assert from_yolox_pth({theirs: tensor}) == {ours: tensor}


def test_no_weights_are_no_weights():
    assert from_yolox_pth({}) == {}
    assert not is_yolox_pth([])


def test_whose_names_they_are():
    given = authors('nano')
    assert is_yolox_pth(given)
    assert not is_yolox_pth(from_yolox_pth(given))
    assert not is_yolox_pth(f'student.{name}' for name in given)


@pytest.mark.parametrize(
    'name', ['backbone.out1.0.conv.weight', 'head.masks.0.weight', 'optimizer', 'backbone.stem.x']
)
def test_other_names_are_told(name):
    given = {**authors('nano'), name: torch.zeros(1)}
    if name == 'backbone.stem.x':  # mmdet's: it would be taken for a converted one
        with pytest.raises(ValueError, match='expected none, got'):
            require_whole(from_yolox_pth(given))
        return
    with pytest.raises(ValueError, match=f'1 others: {name}; fix'):
        from_yolox_pth(given)


def test_weights_that_are_not_whole():
    weights = from_yolox_pth(authors('nano', num_classes=3))
    require_whole(weights)
    name = 'neck.out_convs.1.conv.weight'
    missing = {n: t for n, t in weights.items() if n != name}
    with pytest.raises(
        ValueError, match=rf'1 differ: {name}: expected \(64, 128, 1, 1\), got none'
    ):
        require_whole(missing)
    with pytest.raises(ValueError, match=rf'{name}: expected \(64, 128, 1, 1\), got \(2,\)'):
        require_whole({**weights, name: torch.zeros(2)})
    with pytest.raises(ValueError, match="without 'backbone.stem.conv.conv.weight'; fix"):
        yolox_size({})


def test_other_sizes_than_the_published_ones():
    size = YOLOXSize(depth=2, width=8, depthwise=True, num_classes=5)
    weights = build_yolox(size, 'meta').state_dict()
    assert yolox_size(weights) == size
    assert 'of no published size' in size.text()


def test_nano_is_the_one_of_the_configs():
    base = Config.fromfile(ROOT / 'configs/_base_/models/yolox_nano.py').model
    ours = Config(yolox_config(YOLOXSize(*SIZES['nano'], num_classes=80)))
    for part in ('data_preprocessor', 'backbone', 'neck', 'bbox_head', 'train_cfg'):
        for key, value in ours[part].items():
            assert base[part][key] == value, (part, key)
