"""Every command of the docs is run on tiny data, or read by its own parser with a reason why no more."""

import argparse
import json
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmssod.cli import COMMANDS, main
from mmssod.cli.main import command

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md')),
    *sorted((ROOT / 'docs').rglob('*.md')),
    *sorted((ROOT / 'configs').rglob('README.md')),
]
RUN = 'docs/own_data.md'  # all commands of this page are run here, in their order
ALSO_RUN = {
    'python tools/run_mmdet.py',
    'python tools/run_mmdet.py print_config configs/certainty/teacher_voc.py',
    'python -m mmssod.environment',
}
NOT_RUN = {
    r'^mmssod (?!train)': 'the same commands run on the page about own data',
    r'^mmssod train .*--dry-run': 'likewise',
    r'^(mmssod train|python tools/train\.py|tools/train\.py)(?!.*--dry-run)': 'trains; test_training_flow.py does',
    r'^python tools/train\.py .*--dry-run': 'needs VOC or the demo; tests/tools has a dry run',
    r'tools/(dist|slurm)_\w+\.sh': 'starts several processes; tests/tools/test_tools.py does',
    r'^python tools/test\.py': 'needs a trained VOC checkpoint; `mmssod test` is run here',
    r'^python tools/dataset/(check_coco|voc_to_coco)\.py': 'needs COCO or VOC; tests/datasets makes small ones',
    r'^python tools/dataset/(split|list_images)\.py': 'needs COCO or bccd; split is run here',
    r'tools/make_label_bank\.py': 'needs a trained demo; tests/tools/test_make_label_bank.py has a small one',
    r'^python tools/convert/': 'needs weights; tests/convert makes small ones',
    r'^python tools/analysis/': 'needs a trained demo; tests/tools/test_analysis_tools.py has a small one',
    r'^python tools/benchmark/': 'minutes to hours; tests/test_benchmark.py and test_ratios.py have small ones',
    r'^make |^\. |venv|pip install|pytest|tools/demo\.py': 'installs, or runs tests and demo: CI itself does',
    r'^(for|done|export) ?': "the shell's own",
    r'^git clone|^mkdir': 'fetches a data set from the network',
    r'^docker ': 'needs Docker; tests/test_dockerfile.py lints the file',
}  # fmt: skip
SMALLER = {'--count 200': '--count 2', '@200images': '@2images'}


def doc_commands(page):
    """The commands in a page's blocks, continued lines joined, without comments."""
    for block in re.findall(r'```(?:shell|bash)\n(.*?)```', page.read_text(), re.S):
        for line in re.sub(r'\\\n\s*', '', block).splitlines():
            line = line.split(' #')[0].strip()
            if line and not line.startswith('#'):
                yield line


ALL = {line: page for page in PAGES for line in doc_commands(page)}


def test_each_command_is_run_or_has_a_reason():
    left = [line for line, page in ALL.items() if page != ROOT / RUN and line not in ALSO_RUN]
    assert len(left) >= 60
    unknown = [line for line in left if not any(re.search(p, line) for p in NOT_RUN)]
    assert not unknown, 'run it in this test, or say in NOT_RUN why not'
    assert {c.split()[1] for c in doc_commands(ROOT / RUN) if c[:7] == 'mmssod '} == set(COMMANDS)
    idle = [p for p in NOT_RUN if not any(re.search(p, line) for line in left)]
    assert not idle, 'no command of the docs is like this'
    assert ALSO_RUN <= set(ALL)


def tool(line):
    """The script of this repository that a command calls, and its words; None for another program."""
    words = [word for word in shlex.split(line) if not re.fullmatch(r'[A-Z_]+=\S*', word)]
    place = next((i for i, w in enumerate(words) if re.fullmatch(r'tools/[\w/]+\.py', w)), None)
    return None if place is None or words[0] == 'for' else (words[place], words[place + 1 :])


SCRIPTS = [line for line in ALL if tool(line)]


@pytest.mark.parametrize('line', SCRIPTS)
def test_scripts_read_their_commands(line, monkeypatch):
    """Each word, not only the names of options, by the script's own parser."""
    script, words = tool(line)
    name = Path(script).stem
    monkeypatch.setattr(sys, 'argv', [script, *words])
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str((ROOT / script).parent))
    if script == f'tools/{name}.py' and name in COMMANDS:
        parser = argparse.ArgumentParser()
        command(name).add_arguments(parser)
        parser.parse_args(words)
        return
    space = runpy.run_path(str(ROOT / script))
    if 'parse_args' in space:
        space['parse_args']()
    else:
        assert script == 'tools/run_mmdet.py'


@pytest.mark.parametrize('line', [line for line in ALL if line.startswith('mmssod ')])
def test_each_command_line_parses(line):
    _, name, *argv = shlex.split(line)
    parser = argparse.ArgumentParser()
    module = command(name)
    module.add_arguments(parser)
    args = parser.parse_args(argv)
    if hasattr(module, 'check'):
        module.check(parser, args)


def photos(folder, count, seed):
    """Noise, other noise in each folder."""
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.random.RandomState(seed + number).randint(0, 255, (48, 64, 3), np.uint8)
        assert cv2.imwrite(str(folder / f'{folder.name}_{number}.jpg'), pixels)


def own_data(folder):
    """What the page supposes: labels, images, unlabeled images, photos, a film."""
    photos(folder / 'data/own/images', 5, 0)
    photos(folder / 'data/own/unlabeled', 3, 10)
    photos(folder / 'photos', 1, 20)
    shutil.copy(folder / 'photos/photos_0.jpg', folder / 'photo.jpg')
    coco = dict(
        images=[dict(id=i, file_name=f'images_{i}.jpg', width=64, height=48) for i in range(5)],
        categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
        annotations=[
            dict(id=1 + 2 * i + k, image_id=i, category_id=1 + k, bbox=[4 + 9 * k, 5, 30, 20], area=600, iscrowd=0)
            for i in range(5)
            for k in range(2)
        ],
    )  # fmt: skip
    (folder / 'data/own/train.json').write_text(json.dumps(coco))
    film = cv2.VideoWriter(str(folder / 'film.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 48))
    for _ in range(3):
        film.write(np.zeros((48, 64, 3), np.uint8))
    film.release()


def coco_weights(folder, monkeypatch):
    """Random ones where the page supposes COCO's, fetched or in the working folder."""
    model = Config.fromfile(ROOT / 'configs/_base_/models/yolox_nano.py').model
    with DefaultScope.overwrite_default_scope('mmdet'):
        weights = MODELS.build(model).state_dict()
    for place in (folder / 'weights', folder):
        place.mkdir(exist_ok=True)
        torch.save(dict(state_dict=weights), place / 'yolox_nano.pth')
    monkeypatch.setenv('MMSSOD_WEIGHTS', str(folder / 'weights'))


def untrained(config, run):
    """What a training of a config would leave, with random weights."""
    cfg = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
    run.mkdir(parents=True)
    last = cfg.train_cfg.max_iters
    meta = dict(dataset_meta=dict(classes=tuple(cfg.classes)), iter=last)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), run / f'iter_{last}.pth')
    lines = [f'{key} = {value!r}\n' for key, value in cfg.to_dict().items()]
    (run / 'config.py').write_text(''.join(lines))


def run_line(line, monkeypatch):
    """Run a command in this process; its exit status."""
    words = shlex.split(line)
    if words[0] == 'mmssod':
        return main(words[1:])
    script, argv = tool(line) or (words[1], words[2:])
    monkeypatch.setattr(sys, 'argv', [script, *argv])
    monkeypatch.syspath_prepend(str((ROOT / script).parent))
    try:
        runpy.run_path(str(ROOT / script), run_name='__main__')
    except SystemExit as end:
        return end.code or 0
    return 0


def test_the_way_of_own_data(tmp_path, monkeypatch, capsys):
    """All commands of the page in their order; only the training is left out, and its checkpoints are random."""
    monkeypatch.chdir(tmp_path)
    # `new` chooses the small detector
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    own_data(tmp_path)
    coco_weights(tmp_path, monkeypatch)
    ran = 0
    for line in doc_commands(ROOT / RUN):
        if line.startswith(('mmssod run ', 'python tools/train.py ', 'yolo ')):
            continue  # trains; tests/cli/test_run.py and test_merge.py do, with other trainers' readers
        if re.match(r'mmssod train(?!.*--dry-run)', line):
            for name in ('teacher', 'student') if '--teacher' in line else ('supervised',):
                untrained(f'own/{name}.py', tmp_path / f'own/work_dirs/{name}')
            continue
        for old, new in SMALLER.items():
            line = line.replace(old, new)
        assert run_line(line, monkeypatch) == 0, f'{line}\n{capsys.readouterr().out[-2000:]}'
        ran += 1
    assert ran >= 9
    for made in (
        'own/views',
        'own/report.html',
        'own/detector.py',
        'own/detector.pth',
        'found/detections.json',
    ):
        assert (tmp_path / made).exists(), made
    assert list((tmp_path / 'labels').rglob('*.txt'))


@pytest.mark.parametrize('line', sorted(ALSO_RUN))
def test_commands_that_only_print(line, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    words = shlex.split(line)
    if words[1] == '-m':
        monkeypatch.setattr(sys, 'argv', words[2:])
        runpy.run_module(words[2], run_name='__main__')
    else:
        assert run_line(line, monkeypatch) == 0
    assert len(capsys.readouterr().out) > 100
