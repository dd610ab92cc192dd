"""Each row of docs/security.md that says "read as data" has code planted in what it names, and none of it runs."""

import contextlib
import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
import yaml
from builders import banks
from builders.small_run import make_run
from builders.toy_training import toy_config
from mmdet.apis import DetInferencer, init_detector
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from test_texts_of_checkpoints import planted, texts, tiny_config
from test_unsafe_checkpoints import (
    Payload,
    backbone,
    download,
    evaluate,
    labeler,
    load_from,
    merge,
    resume,
    resume_newest,
    try_out,
)

from mmssod import apis
from mmssod.analysis.report import read_run_folder
from mmssod.cli import main
from mmssod.convert.files import convert_yolox
from mmssod.datasets import UnlabeledDataset
from mmssod.datasets.formats import read_labels
from mmssod.engine.reliability.checkpoint_files import newest_checkpoint
from mmssod.environment.checkpoints import UnsafeCheckpointError
from mmssod.label_bank import BankError, LabelBankFiles
from mmssod.label_bank.making import make_label_bank
from mmssod.methods.ismt.memory_labels import memory_labels
from mmssod.own_data.inferring import frames
from mmssod.own_data.score_thresholds import class_limits

PAGE = Path(__file__).parents[2] / 'docs/security.md'
UNSAFE = pytest.raises(UnsafeCheckpointError, match='run code|not written by mmengine')


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A student's run, and the same with a checkpoint that makes a file when it is unpickled."""
    folder = make_run(tmp_path_factory.mktemp('run'))
    marker = folder / 'it_ran'
    content = torch.load(folder / 'iter_1.pth', weights_only=False)
    torch.save({**content, 'extra': Payload(marker)}, folder / 'evil.pth')
    return SimpleNamespace(folder=folder, marker=marker, config=str(folder / 'config.py'))


@pytest.fixture
def toy(tmp_path):
    """The same of a toy run, whose newest checkpoint it is."""
    apis.train(toy_config(tmp_path / 'run', max_iters=2))
    file, marker = tmp_path / 'run/iter_2.pth', tmp_path / 'it_ran'
    content = torch.load(file, weights_only=False)
    torch.save({**content, 'extra': Payload(marker)}, file)
    return SimpleNamespace(file=str(file), marker=marker, folder=tmp_path)


def ways(*each):
    """Checkpoints by functions of the file and a folder for what they make."""

    def attack(toy, monkeypatch):
        monkeypatch.setenv('NO_PROXY', '127.0.0.1')
        monkeypatch.setenv('TORCH_HOME', str(toy.folder / 'hub'))
        for way in each:
            with UNSAFE:
                way(toy.file, toy.folder / way.__name__)
            assert not toy.marker.exists(), way

    return attack


def refused_by_command(*commands):
    def attack(run, tmp_path):
        for words in commands:
            named = [word.format(run=run.folder, out=tmp_path) for word in words]
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                assert main(named) == 1, named
            assert 'run code' in said.getvalue() and not run.marker.exists(), named

    return attack


def python_api(toy, tmp_path):
    config = tiny_config()
    for way in (lambda f: init_detector(config, f, device='cpu'), DetInferencer):
        with UNSAFE:
            way(toy.file) if way is not DetInferencer else way(weights=toy.file, device='cpu')
        assert not toy.marker.exists()


def every_scheme(toy, monkeypatch):
    """All loaders that mmengine has registered are guarded, and one that goes through the network is tried."""
    schemes = CheckpointLoader._schemes
    assert {'', 'http://', 'https://', 'open-mmlab://', 'torchvision://', 'mmcls://'} <= {*schemes}
    assert all(hasattr(loader, '__wrapped__') for loader in schemes.values())
    ways(download)(toy, monkeypatch)


def tools(run, tmp_path):
    with UNSAFE:
        apis.predict(run.config, f'{run.folder}/evil.pth')
    cfg = Config.fromfile(run.config)
    cfg.model.labeler = dict(type='LabelBank', path=str(tmp_path / 'bank'))
    cfg.train_dataloader.dataset.unlabeled.pipeline.views.weak.type = 'UnseenSteps'
    with UNSAFE:
        make_label_bank(cfg, f'{run.folder}/evil.pth', workers=0)
    with pytest.raises(ValueError, match='run code|expected'):
        convert_yolox(f'{run.folder}/evil.pth', tmp_path / 'x.pth')
    with pytest.raises(Exception, match='run code|memory'):
        memory_labels(run.config, f'{run.folder}/evil.pth', score_thr=0.7)
    assert not run.marker.exists()


def a_pickle_called_safetensors(toy, tmp_path):
    file = shutil.copy(toy.file, tmp_path / 'a.safetensors')
    with pytest.raises(ValueError, match='expected'):
        CheckpointLoader.load_checkpoint(str(file), map_location='cpu')
    assert not toy.marker.exists()


def texts_of_checkpoints(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    marker = tmp_path / 'it_ran'
    apis.train(toy_config(tmp_path / 'run', max_iters=2))
    whole = torch.load(tmp_path / 'run/iter_2.pth', weights_only=False)
    for text in texts(marker)[:3]:
        file = planted(tmp_path / 'run', text, whole)
        apis.train(toy_config(tmp_path / 'more', max_iters=3), resume=file)
        with pytest.raises(Exception, match='config'):
            DetInferencer(weights=file, device='cpu')
        assert not marker.exists(), text


def work_directory(run, tmp_path):
    """The newest ``*.py``, the dumped config, and a helper of the same name as a module that it names."""
    marker = tmp_path / 'it_ran'
    code = f'open({str(marker)!r}, "w")\nmodel = dict()\n'
    for place in ('20990101/vis_data/config.py', 'student.py'):
        folder = tmp_path / place.replace('/', '_')
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_text(code)
        (folder / 'iter_1.pth').touch()
        with pytest.raises(ValueError, match='line 1'):
            read_run_folder(folder)
        assert main(['report', str(folder), '--out', str(tmp_path / 'r.html')]) == 1
    assert not marker.exists()


def notes_of_a_run(toy, tmp_path):
    """Names in notes lead nowhere else, and nothing in logs is more than a number."""
    folder = tmp_path / 'run'
    elsewhere = tmp_path / 'elsewhere'
    (elsewhere / 'vis_data').mkdir(parents=True)
    (elsewhere / 'vis_data/config.py').write_text('model = dict(stolen=True)\n')
    (folder / '1/vis_data').mkdir(parents=True)
    (folder / '1/vis_data/config.py').write_text('model = dict()\n')
    (folder / '1/vis_data/scalars.json').write_text('{"loss": "__import__(\'os\')", "iter": 3}\n[')
    (folder / 'starts.json').write_text(json.dumps(['../elsewhere', str(elsewhere), '1']))
    (folder / 'older_checkpoints.json').write_text('{"a": ' * 5)
    (folder / 'last_checkpoint').write_text('../../etc/passwd')
    record = read_run_folder(folder)
    assert 'stolen' not in record.config.model and 'loss' not in record.train
    assert newest_checkpoint(str(folder)) == str(folder / 'iter_2.pth')
    assert not toy.marker.exists()


def voc(folder, head, name):
    (folder / 'images').mkdir(exist_ok=True)
    shutil.copy(PAGE.parent / 'images/report_wide.png', folder / 'images/a.png')
    (folder / 'xml').mkdir(exist_ok=True)
    box = '<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>'
    (folder / 'xml/a.xml').write_text(
        f'<?xml version="1.0"?>{head}<annotation><filename>a.png</filename>'
        f'<object><name>{name}</name>{box}</object></annotation>'
    )
    return read_labels(folder / 'xml', folder / 'images', 'voc')


def xml_entities(tmp_path):
    secret = tmp_path / 'secret.txt'
    secret.write_text('a secret')
    outside = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    bomb = '<!ENTITY l0 "lol">' + ''.join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
    )
    for head, name in ((outside, '&x;'), (f'<!DOCTYPE a [{bomb}]>', '&l9;')):
        coco, findings = voc(tmp_path, head, name)
        said = f'{coco}{[str(problem) for problem in findings.problems]}'
        assert findings.problems and 'a secret' not in said and len(said) < 10_000
    assert voc(tmp_path, '', 'cat')[0]['categories'][0]['name'] == 'cat'


def yaml_tags(tmp_path):
    marker, file = tmp_path / 'it_ran', tmp_path / 'data.yaml'
    tag = f'!!python/object/apply:os.system ["touch {marker}"]'
    for text in (f'train: {tag}', f'train: images\nnames: {tag}', f'{tag}\n'):
        file.write_text(text)
        assert (
            main(['new', str(file), '--unlabeled', str(tmp_path), '--out', str(tmp_path / 'own')])
            == 1
        )
        assert not marker.exists(), text
    yaml.unsafe_load(f'a: {tag}')
    assert marker.exists()  # the tag is what it should be


def names_of_images(tmp_path):
    secret = tmp_path / 'secret.png'
    shutil.copy(PAGE.parent / 'images/report_wide.png', secret)
    data = tmp_path / 'data'
    data.mkdir()
    size = dict(width=4, height=4)
    for name in ('../secret.png', str(secret), 'file://' + str(secret)):
        images = [dict(id=1, file_name=name, **size)]
        content = dict(images=images, annotations=[], categories=[dict(id=1, name='a')])
        (data / 'a.json').write_text(json.dumps(content))
        for source in ('a.json', 'a.txt'):
            (data / 'a.txt').write_text(name + '\n')
            cfg = dict(images=str(data / source), data_prefix=dict(img=str(data)))
            with pytest.raises((ValueError, FileNotFoundError)):
                UnlabeledDataset(**cfg)
        assert (
            main(
                [
                    'new',
                    f'{data}/a.json',
                    '--images',
                    str(data),
                    '--unlabeled',
                    str(data),
                    '--out',
                    f'{data}/own',
                ]
            )
            == 1
        )
        written = [Path(one.name) for one in _frames(data / 'a.json')]
        assert not any(path.is_absolute() or '..' in path.parts for path in written)


def _frames(file):
    try:
        return frames([str(file)])
    except (ValueError, FileNotFoundError):
        return []


def bank_files(tmp_path):
    """An index of pickled objects, and a header that names other files and types."""
    marker = tmp_path / 'it_ran'
    banks.bank(tmp_path / 'bank', [banks.image(n) for n in range(5)])
    for name in ('keys.npy', 'rows.npy'):
        folder = tmp_path / name
        shutil.copytree(tmp_path / 'bank', folder)
        np.save(folder / name, np.array([Payload(marker)] * 5, dtype=object), allow_pickle=True)
        with pytest.raises(BankError, match='damaged'):
            LabelBankFiles(folder)
    header = json.loads((tmp_path / 'bank/bank.json').read_text())
    for key, value in dict(shards=['../x'], shard_size='__import__("os")', images=10**9).items():
        (tmp_path / 'bank/bank.json').write_text(json.dumps({**header, key: value}))
        with pytest.raises(BankError, match='damaged'):
            LabelBankFiles(tmp_path / 'bank')
    assert not marker.exists()
    np.load(tmp_path / 'keys.npy/keys.npy', allow_pickle=True)
    assert marker.exists()


def thresholds(tmp_path):
    file = tmp_path / 't.json'
    for value in ('__import__("os")', [0.5], {'a': 'open("x")'}, 1e999):
        file.write_text(
            json.dumps(dict(thresholds=value if isinstance(value, dict) else {'a': value}))
        )
        with pytest.raises(ValueError, match='expected'):
            class_limits(str(file), ('a',))


ATTACKS = {
    '`load_from`, `--load-from`, `resume`, `--resume` with a file or bare': ways(
        load_from, resume, resume_newest
    ),
    '`init_detector`, `DetInferencer(weights=...)`, all else that loads by mmengine': python_api,
    "a model's name or a URL in `load_from`": ways(download),
    '`.safetensors` files, wherever a checkpoint is read': a_pickle_called_safetensors,
    '`tools/test.py CONFIG CHECKPOINT`, `--dry-run`': ways(evaluate, try_out),
    '`model.labeler.checkpoint`, members of an ensemble, `tools/merge_checkpoints.py`': ways(
        labeler, merge
    ),
    "`init_cfg=dict(type='Pretrained', checkpoint=...)` of backbones": ways(backbone),
    '`mmssod infer`, `label`, `browse --checkpoint`, `export`': refused_by_command(
        ['infer', '{run}/config.py', '{run}/evil.pth', '{run}/val', '--out', '{out}/found'],
        ['label', '{run}/config.py', '{run}/evil.pth', '--out', '{out}/labels.json'],
        ['browse', '{run}/config.py', '--checkpoint', '{run}/evil.pth', '--out', '{out}/views'],
        ['export', '{run}/config.py', '{run}/evil.pth', '--out', '{out}/detector'],
    ),
    '`tools/make_label_bank.py`, `tools/label_from_memory.py`': tools,
    '`tools/analysis/predict.py`, `tools/convert/yolox.py`': tools,
    '`http://`, `https://`, `open-mmlab://`, `torchvision://`, `mmcls://`, `s3://`': every_scheme,
    'texts in a checkpoint that mmengine runs as a config': texts_of_checkpoints,
    'the configs in a work directory, by `mmssod report`': work_directory,
    '`last_checkpoint`, `starts.json`, `older_checkpoints.json` and the logs of a run': notes_of_a_run,
    'VOC xml, with entities': xml_entities,
    "YOLO's `data.yaml`, with tags": yaml_tags,
    'names of images in COCO json and text lists': names_of_images,
    'a label bank: `bank.json`, its index and its shards': bank_files,
    'thresholds by class, `report.thresholds.json`': thresholds,
}


def rows():
    cells = [
        re.split(r'\s*(?<!\\)\|\s*', line.strip())[1:-1]
        for line in PAGE.read_text().splitlines()
        if line.startswith('|')
    ]
    return [first for first, second, *_ in cells if 'read as data' in second]


def test_each_row_has_an_attack():
    assert sorted(rows()) == sorted(ATTACKS)


@pytest.mark.parametrize('row', ATTACKS)
def test_nothing_of_it_runs(row, request):
    attack = ATTACKS[row]
    wanted = attack.__code__.co_varnames[: attack.__code__.co_argcount]
    attack(**{name: request.getfixturevalue(name) for name in wanted})


def test_the_plants_run_where_nothing_guards(tmp_path, toy):
    torch.load(toy.file, weights_only=False)
    assert toy.marker.exists()
    root = ElementTree.fromstring('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    assert root.text == 'y'
