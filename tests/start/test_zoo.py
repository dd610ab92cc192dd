"""Names of MMDetection's zoo and where they lead."""

import shutil
from pathlib import Path

import pytest

from mmssod.start import StartError, find_model, zoo, zoo_models


def test_all_models_are_found_by_name_and_stem():
    """Each leads to its own weights, or says that it has none."""
    models = zoo_models()
    assert len(models) >= 590
    without = [model for model in models if not model.address]
    assert 0 < len(without) < 10
    for model in models:
        names = [model.name, model.name.upper(), model.name.replace('_', '-')]
        names += [Path(model.config).stem, Path(model.config).name] if model.config else []
        for name in names:
            if model.address:
                assert find_model(name).address == model.address, name
            else:
                with pytest.raises(StartError, match='no weights of'):
                    find_model(name)


def test_names_that_differ_from_their_configs_stem_are_many():
    """A rule made of the config's stem alone would lose them."""
    models = [model for model in zoo_models() if model.config]
    assert sum(Path(model.config).stem != model.name for model in models) > 50


def test_addresses_are_files_of_weights():
    addresses = [model.address for model in zoo_models() if model.address]
    assert all(a.startswith('https://') and a.endswith('.pth') for a in addresses)
    names = {}
    for address in addresses:  # so a file's name stands for its address
        assert names.setdefault(address.rpartition('/')[2], address) == address


@pytest.mark.parametrize('name', ['rtmdet-t', 'RTMDet-T', 'rtmdet_t'])
def test_an_alias(name):
    assert find_model(name).name == 'rtmdet_tiny_8xb32-300e_coco'


@pytest.mark.parametrize('name', ['yolox_nano', 'yolox-nano', 'YOLOX-Nano', 'YOLOX_nano'])
def test_yolox_nano_is_its_authors(name):
    model = find_model(name)
    assert model.address == (
        'https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.pth'
    )
    assert model.datasets == ('COCO',)


def test_as_mmengine_writes_a_config_of_mmdet():
    name = 'mmdet::yolox/yolox_s_8xb8-300e_coco.py'
    assert find_model(name) == find_model('yolox_s_8x8_300e_coco')


@pytest.mark.parametrize(
    ('name', 'close'),
    [
        ('dino', 'dino-4scale_r50_8xb2-12e_coco'),
        ('yolox_s', 'yolox_s_8x8_300e_coco'),
        ('faster-rcnn_r50_fpn_1x_cooc', 'faster-rcnn_r50_fpn_1x_coco'),
        ('retinanet_r50_fpn', 'retinanet_r50_fpn_1x_coco'),
    ],
)
def test_an_unknown_name_is_told_those_that_are_close(name, close):
    with pytest.raises(StartError) as raised:
        find_model(name)
    text = str(raised.value)
    assert 'no such start' in text and repr(name) in text and close in text
    suggested = text.partition('did you mean ')[2].partition('?')[0].split(', ')
    assert all(find_model(other) for other in suggested)


@pytest.mark.parametrize('name', ['', 'zzzzzzzz'])
def test_an_unknown_name_without_close_ones(name):
    with pytest.raises(StartError, match='no such start') as raised:
        find_model(name)
    assert 'did you mean' not in str(raised.value)


@pytest.fixture
def no_cache():
    yield
    for cached in (zoo.zoo_models, zoo._by_key):
        cached.cache_clear()


def test_an_editable_install_has_its_metafiles_beside_it(tmp_path, monkeypatch, no_cache):
    """``mmdet/`` and ``configs/`` of a repository, without ``.mim``."""
    (tmp_path / 'mmdet').mkdir()
    shutil.copytree(zoo.zoo_folder() / 'configs/dino', tmp_path / 'configs/dino')
    monkeypatch.setattr(zoo.mmdet, '__file__', str(tmp_path / 'mmdet/__init__.py'))
    for cached in (zoo.zoo_models, zoo._by_key):
        cached.cache_clear()
    assert zoo.zoo_folder() == tmp_path
    assert find_model('dino-4scale_r50_8xb2-12e_coco').address.endswith('.pth')
    assert len(zoo_models()) < 20
