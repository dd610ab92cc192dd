"""Checkpoints of all kinds become one: weights in mmdet's names and the classes they were trained on."""

import json
import sys
import types
from pathlib import Path

import pytest
import torch
from builders.authors_yolox import trained
from mmdet.datasets import CocoDataset

from mmssod.apis import exporting
from mmssod.environment.checkpoint_damage import damage
from mmssod.environment.checkpoints import UnsafeCheckpointError
from mmssod.models.checkpoint_parts import teacher_weights
from mmssod.start import StartError, files, read_start, reading, trained_classes, zoo
from mmssod.start.yolox import from_yolox_pth

COCO = tuple(CocoDataset.METAINFO['classes'])
WEIGHTS = dict(a=torch.arange(6.0), b=torch.zeros(2, 2))


def written(folder: Path, content: object, name: str = 'a.pth') -> str:
    torch.save(content, folder / name)
    return str(folder / name)


def assert_weights(checkpoint: dict, weights: dict = WEIGHTS) -> None:
    assert checkpoint['state_dict'].keys() == weights.keys()
    assert all(torch.equal(checkpoint['state_dict'][name], v) for name, v in weights.items())


# ------------------------------------------------------------------ torch's files


@pytest.mark.parametrize(
    'content',
    [
        dict(state_dict=WEIGHTS, meta=dict(epoch=3), optimizer=dict(lr=1)),
        dict(model=WEIGHTS, start_epoch=3),
        WEIGHTS,
        dict(state_dict={**WEIGHTS, 'version': 2}),  # not all are tensors
    ],
    ids=['mmengine', 'model', 'weights', 'numbers'],
)
def test_weights_wherever_they_are(tmp_path, content):
    checkpoint = read_start(written(tmp_path, content))
    assert_weights(checkpoint)
    assert 'model' not in checkpoint and isinstance(checkpoint['meta'], dict)
    assert trained_classes(checkpoint) == ()


@pytest.mark.parametrize('content', [{}, dict(state_dict={}), dict(meta=dict(a=1)), [1, 2], 3.0])
def test_no_weights(tmp_path, content):
    with pytest.raises(StartError, match='a start without weights'):
        read_start(written(tmp_path, content))


@pytest.mark.parametrize(
    ('meta', 'classes'),
    [
        (None, ()),
        ({}, ()),
        (dict(dataset_meta=None), ()),
        (dict(dataset_meta=dict(classes=('a', 'b'))), ('a', 'b')),
        (dict(dataset_meta=dict(CLASSES=['a', 'b'])), ('a', 'b')),  # the first versions of mmdet 3
        (dict(CLASSES=('a', 'b')), ('a', 'b')),  # mmdet 2.x
        (dict(dataset_meta=dict(classes='a')), ('a',)),
    ],
)
def test_classes_wherever_they_are(tmp_path, meta, classes):
    checkpoint = read_start(written(tmp_path, dict(state_dict=WEIGHTS, meta=meta)))
    assert trained_classes(checkpoint) == classes
    assert (checkpoint['meta'].get('dataset_meta') or {}).get('classes', ()) == classes


class Payload:
    def __reduce__(self):
        return print, ('it ran',)


def test_what_is_fetched_is_not_run(tmp_path, server, capsys):
    written(server.folder, dict(state_dict=WEIGHTS, extra=Payload()))
    with pytest.raises(UnsafeCheckpointError, match='Nothing of it was run'):
        read_start(f'{server.address}/a.pth')
    assert 'it ran' not in capsys.readouterr().out


# ------------------------------------------------------------------ the zoo


@pytest.mark.parametrize(
    ('datasets', 'meta', 'classes'),
    [
        (('COCO',), {}, COCO),
        (('COCO', 'COCO'), dict(CLASSES=('a',)), ('a',)),
        (('LVIS v1',), {}, ()),
    ],
)
def test_a_model_of_the_zoo_on_coco_has_its_classes(
    tmp_path, server, monkeypatch, datasets, meta, classes
):
    written(server.folder, dict(state_dict=WEIGHTS, meta=meta))
    entry = zoo.ZooModel('tiny', '', f'{server.address}/a.pth', datasets)
    monkeypatch.setattr(zoo, '_by_key', lambda: {'tiny': entry})
    monkeypatch.setattr(files, 'zoo_models', lambda: (entry,))
    checkpoint = read_start('tiny')
    assert_weights(checkpoint)
    assert trained_classes(checkpoint) == classes


# ------------------------------------------------------------------ YOLOX of its authors


@pytest.mark.parametrize(('count', 'classes'), [(80, COCO), (3, ())])
def test_the_authors_weights_are_converted_wherever_they_come_from(tmp_path, count, classes):
    theirs = trained(depthwise=True, num_classes=count).state_dict()
    checkpoint = read_start(written(tmp_path, dict(model=theirs, start_epoch=300)))
    assert_weights(checkpoint, from_yolox_pth(theirs))
    assert trained_classes(checkpoint) == classes


# ------------------------------------------------------------------ safetensors


def safetensors(folder: Path, metadata: dict | None = None, name: str = 'a.safetensors') -> str:
    save_file = pytest.importorskip('safetensors.torch').save_file
    save_file(WEIGHTS, folder / name, metadata=metadata)
    return str(folder / name)


@pytest.mark.parametrize(
    ('metadata', 'classes'),
    [
        (None, ()),
        (dict(format='pt'), ()),
        (dict(classes=json.dumps(['a', 'b'])), ('a', 'b')),
        (dict(classes='no json'), ()),
        (dict(classes='3'), ()),
    ],
)
def test_safetensors(tmp_path, metadata, classes):
    checkpoint = read_start(safetensors(tmp_path, metadata))
    assert_weights(checkpoint)
    assert trained_classes(checkpoint) == classes


def test_what_export_writes_is_read(tmp_path, monkeypatch):
    """The metadata that ``mmssod export --safetensors`` writes."""
    pytest.importorskip('safetensors')
    plain = types.SimpleNamespace(
        config=types.SimpleNamespace(pretty_text='model = dict()'),
        weights=WEIGHTS,
        classes=['a', 'b c'],
        part='student',
        needs=[],
    )
    monkeypatch.setattr(exporting, 'plain_detector', lambda *args: plain)
    exporting.export('', '', str(tmp_path / 'out'), safetensors=True)
    for suffix in ('pth', 'safetensors'):
        checkpoint = read_start(str(tmp_path / f'out.{suffix}'))
        assert_weights(checkpoint)
        assert trained_classes(checkpoint) == ('a', 'b c')


def test_the_labelers_own_checkpoint_may_be_safetensors(tmp_path):
    weights = teacher_weights(safetensors(tmp_path))
    assert_weights(dict(state_dict=weights))


def test_safetensors_that_are_not_whole(tmp_path):
    whole = Path(safetensors(tmp_path))
    assert damage(str(whole)) is None
    content = whole.read_bytes()
    file = tmp_path / 'b.safetensors'
    for broken in (b'', content[:4], content[:40], content[:-1], content + b'0', b'<html></html>'):
        file.write_bytes(broken)
        assert damage(str(file)), broken[:20]
        with pytest.raises(
            ValueError, match='b.safetensors: expected a checkpoint, got a damaged file'
        ):
            read_start(str(file))


def test_safetensors_without_the_library(tmp_path, monkeypatch):
    file = safetensors(tmp_path)
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    with pytest.raises(ImportError, match=r"pip install 'mmssod\[safetensors\]'"):
        read_start(file)


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match=r'none\.safetensors'):
        read_start('none.safetensors')


def test_the_classes_of_coco_are_those_of_mmdet():
    assert reading.coco_classes() == COCO and len(COCO) == 80
