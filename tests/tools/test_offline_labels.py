"""Multi-Phase from one command, and ISMT from its first stage to its last, on VOC in small with a tiny detector."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from builders.miniature import make_voc
from mmdet.registry import MODELS
from mmengine.config import Config

from mmssod.tiny_detectors import tiny_detector

CONFIGS = Path(__file__).parents[2] / 'configs'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
PERSON, SHEEP = 15, 17  # category ids of the miniature's objects; the others have none


@pytest.fixture
def data(tmp_path, call, monkeypatch):
    """A folder with VOC, and a start whose scores are high enough for labels."""
    monkeypatch.chdir(tmp_path)
    make_voc(Path('data'), test=1)
    call('dataset/voc_to_coco.py', 'data/VOCdevkit')
    # Scores that differ, for thresholds to choose from; and such as are high, for a memory.
    for name, detector, bias, spread in (('plain', plain(), 2, 100), ('dual', dual(), 5, 1)):
        torch.manual_seed(0)
        model = MODELS.build(detector)
        model.init_weights()
        state = model.state_dict()
        for key in state:
            if key.endswith('fc_cls.bias'):
                state[key][PERSON - 1] = bias
            if key.endswith('fc_cls.weight'):
                state[key][PERSON - 1] *= spread
        torch.save(dict(state_dict=state, meta={}), f'{name}.pth')


def plain(head='CertaintyRoIHead'):
    detector = tiny_detector('plain', num_classes=20)
    detector.roi_head.type = head
    return detector


def dual():
    detector = plain('DualRoIHead')
    detector.roi_head.shared_head = dict(
        type='DropBlock', drop_prob=0.1, block_size=3, warmup_iters=0
    )
    return detector


def small(shipped, name, **changes):
    """A config file with the shipped one's content but for its size; returns its path."""
    cfg = Config.fromfile(CONFIGS / shipped)
    for loader in LOADERS:
        cfg[loader].update(num_workers=0, persistent_workers=False)
    for source in cfg.train_dataloader.dataset.values():
        if isinstance(source, dict):
            source.pipeline.resize.scale = (64, 64)
    for loader in LOADERS[1:]:
        cfg[loader].dataset.pipeline[1].scale = (64, 64)
    if 'tta_pipeline' in cfg:  # sizes of labels
        sizes = [dict(type='Resize', scale=(side, side)) for side in (64, 96)]
        cfg.tta_pipeline[-1].transforms[0] = sizes
    cfg.optim_wrapper.optimizer.lr = 1e-5
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.pop('visualization', None)
    for key, value in changes.items():
        cfg[key] = value
    return write(cfg, f'{name}.py')


def write(cfg, file):
    """The config as a file; its own dump is slow, and cannot write infinity."""
    lines = [f'{key} = {value!r}' for key, value in cfg.to_dict().items()]
    Path(file).write_text('\n'.join(["inf = float('inf')", *lines]))
    return Path(file)


@pytest.fixture
def phases(data):
    """The ensemble's config, small."""
    head = 'OverlapWeightedRoIHead'
    files = [
        small('multi_phase/voc_phase_0.py', 'voc_phase_0', model=plain(), load_from='plain.pth'),
        small(
            'multi_phase/voc_phase_1.py', 'voc_phase_1', model=plain(head), load_from='plain.pth'
        ),
        small(
            'multi_phase/voc_phase_2.py', 'voc_phase_2', model=plain(head), load_from='plain.pth'
        ),
    ]
    whole = Config.fromfile(CONFIGS / 'multi_phase/voc.py')
    model = dict(whole.model, members=[plain()] * 3, data_preprocessor=plain().data_preprocessor)
    plan = dict(whole.multi_phase, phases=[str(file.absolute()) for file in files])
    return small('multi_phase/voc.py', 'voc', model=model, multi_phase=plan)


def read(file):
    return json.loads(Path(file).read_text())


def test_one_command_does_all_phases_once(phases, call, capsys):
    pytest.importorskip('ensemble_boxes')
    call('multi_phase.py', phases, '--work-dir', 'run', '--seed', 5)
    assert 'coco/bbox_mAP' in capsys.readouterr().out
    assert len(read('run/unlabeled.json')['images']) == 4
    thresholds = [read(f'run/thresholds_{number}.json') for number in (0, 1)]
    for found in thresholds:
        assert found.keys() == {str(number) for number in range(1, 21)}
        assert found['1'] == 0.1 and 0.1 <= found[str(PERSON)] < 1.0
    labels = [read(f'run/labels_{number}.json') for number in (1, 2)]
    filled = [{box['image_id'] for box in each['annotations']} for each in labels]
    # Half of those that have a label, of four; all that have one.
    assert 1 <= len(filled[0]) <= 2 and len(filled[1]) > len(filled[0])
    assert all(box['score'] >= 0.1 for each in labels for box in each['annotations'])
    meta = torch.load('run/phase_1/iter_2.pth', weights_only=False)['meta']
    assert (meta['seed'], meta['iter']) == (5, 2)
    log = next(Path('run/phase_1').glob('*/*.log')).read_text()
    assert 'batch: 2 pooled per process x 1 = 2 images' in log
    # A second call finds everything done; one after a loss does what is missing and no more.
    results = {file: file.stat().st_mtime_ns for file in Path('run').glob('**/*.json')}
    checkpoints = {f: f.stat().st_mtime_ns for f in Path('run').glob('phase_*/*.pth')}
    assert len(checkpoints) == 6  # of each phase the last one and the best
    call('multi_phase.py', phases, '--work-dir', 'run', '--seed', 5)
    Path('run/metrics.json').unlink()
    call('multi_phase.py', phases, '--work-dir', 'run', '--seed', 5)
    results.pop(Path('run/metrics.json'))
    for file, time in {**checkpoints, **results}.items():
        assert file.stat().st_mtime_ns == time, file


def test_nothing_is_trained_before_all_phases_are_checked(phases, call):
    wrong = Config.fromfile('voc_phase_2.py')
    wrong.train_dataloader.dataset.labeled.ann_file = 'none.json'
    write(wrong, 'voc_phase_2.py')
    with pytest.raises(ValueError, match='no annotation file'):
        call('multi_phase.py', phases, '--work-dir', 'run')
    assert not list(Path('run').glob('**/*.pth'))


def test_from_the_memory_to_the_final_detector(data, call, capsys):
    model = Config.fromfile(CONFIGS / 'ismt/voc.py').model
    model['detector'] = dual()
    hooks = Config.fromfile(CONFIGS / 'ismt/voc.py').default_hooks
    hooks.ema_teacher.burn_in = 1
    late = '--cfg-options', 'train_cfg.max_iters=4'
    first = small(
        'ismt/voc.py', 'voc', model=model, default_hooks=hooks, load_from=None, work_dir='first'
    )
    state = torch.load('dual.pth')['state_dict']
    state = {f'{part}.{k}': v for k, v in state.items() for part in ('student', 'labeler.teacher')}
    torch.save(dict(state_dict=state), 'start.pth')
    call('train.py', first, '--load-from', 'start.pth', *late)
    rows = torch.load('first/iter_4.pth', weights_only=False)['state_dict']['merger.rows']
    assert len(rows) > 0 and set(rows[:, 1].tolist()) == {0, 1}
    export = ['label_from_memory.py', first, 'first/iter_4.pth', '--out', 'labels.json']
    call(*export, '--score-thr', 0.5)
    assert 'boxes in' in capsys.readouterr().out
    labels = read('labels.json')
    found = labels['annotations']
    assert {box['category_id'] for box in found} == {PERSON}
    assert 0 < len(found) < len(rows)  # both heads' boxes of one object are one
    assert {box['image_id'] for box in found} == {int(image) for image in rows[:, 0].tolist()}
    sizes = {image['id']: (image['width'], image['height']) for image in labels['images']}
    for box in found:
        x, y, w, h = box['bbox']
        width, height = sizes[box['image_id']]
        assert x >= 0 and y >= 0 and x + w <= width + 1e-3 and y + h <= height + 1e-3
    with pytest.raises(ValueError, match='has no memory'):
        call('label_from_memory.py', first, 'plain.pth', '--out', 'none.json')
    final = Config.fromfile(CONFIGS / 'ismt/voc_final.py').train_dataloader
    final.dataset.pseudo.ann_file = 'labels.json'
    for source in ('labeled', 'pseudo'):
        final.dataset[source].pipeline.resize.scale = (64, 64)
    final.update(num_workers=0, persistent_workers=False)
    file = small(
        'ismt/voc_final.py', 'final', model=plain(), train_dataloader=final, work_dir='final'
    )
    call('train.py', file)
    assert 'batch: 1 labeled + 1 pseudo' in next(Path('final').glob('*/*.log')).read_text()


@pytest.mark.slow
def test_two_processes_do_all_phases(phases):
    """The first process writes what all read."""
    pytest.importorskip('ensemble_boxes')
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        port = server.getsockname()[1]
    launch = ['-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={port}']
    tool = CONFIGS.parent / 'tools/multi_phase.py'
    command = [*launch, tool, phases, '--work-dir', 'run', '--launcher', 'pytorch']
    result = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr[-3000:]
    assert len(list(Path('run').glob('phase_*/iter_2.pth'))) == 3
    assert not list(Path('run').glob('*.part'))
    images = {box['image_id'] for box in read('run/detections_1.json')}
    assert images == {image['id'] for image in read('run/unlabeled.json')['images']}
    assert 'coco/bbox_mAP' in read('run/metrics.json')
