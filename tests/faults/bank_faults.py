"""A label bank whose writer is killed, and one whose machine lost power: what is told as whole is what was written."""

import json
import random
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from builders.banks import bank, header, image
from builders.fault_runs import kill, start, wait
from builders.trainings import small_config, small_data
from mmdet.registry import MODELS
from mmengine.registry import DefaultScope

from mmssod.label_bank import IMAGE, BankError, LabelBankFiles, ShardWriter
from mmssod.label_bank.layout import shard_files
from mmssod.label_bank.making import make_label_bank
from mmssod.tiny_detectors import tiny_detector

PAGE = 4096
IMAGES = 300
TIMEOUT = 600.0


def power_loss(root: Path, trials: int, seed: int = 7) -> dict:
    """Pages of a shard that was not forced to the disk are zero, its end is missing; of a closed bank, one is zero.

    The first goes on behind its last whole image and ends as it was written; of the second each label is right or an
    error.
    """
    draw = np.random.RandomState(seed)
    found = [image(n, *draw.randint(0, 30, 2)) for n in range(IMAGES)]
    made_of = header(images=IMAGES, shard_size=IMAGES)
    began, closed = root / 'begun', root / 'closed'
    ShardWriter(began, made_of, 0).append(found)
    made_of.save(began)
    bank(closed, found, shard_size=IMAGES)
    kept, wrong, told, right = [], [], 0, 0
    for trial in range(trials):
        folder = root / 'lost'
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(began, folder)
        for file in shard_files(folder, 0):
            _lose(file, draw)
        writer = ShardWriter(folder, made_of, 0)
        kept.append(writer.done)
        if writer.done < IMAGES:
            writer.append(found[writer.done :])
        wrong += [trial] if _contents(folder) != _contents(began) else []
        shutil.rmtree(folder)
        shutil.copytree(closed, folder)
        files = [*shard_files(folder, 0), *folder.glob('*.npy'), folder / 'bank.json']
        _zero(files[draw.randint(len(files))], draw)
        for one in found:
            try:
                labels = LabelBankFiles(folder).look_up(one.img_id, one.path, mirrored=False)
            except BankError:
                told += 1
                continue
            right += 1
            wrong += [trial] if not np.array_equal(labels.boxes, one.plain) else []
    return dict(
        trials=trials,
        images=IMAGES,
        kept_images=sorted(kept)[:: max(trials // 8, 1)],
        looked_up=told + right,
        told_as_damaged=told,
        wrong=wrong,
        passed=not wrong and 0 < told and right and len(set(kept)) > 1,
    )


def killed(root: Path, trials: int, seed: int = 8) -> dict:
    """Killed at random moments and called again, a bank has the labels of one that was not."""
    draw = random.Random(seed)
    data = small_data(root / 'data')
    torch.manual_seed(3)
    with DefaultScope.overwrite_default_scope('mmdet'):
        teacher = MODELS.build(tiny_detector())
    teacher.init_weights()
    teacher.roi_head.bbox_head.fc_cls.bias.data.copy_(torch.tensor([2.0, 1.0, 0.0, 0.0]))
    torch.save(dict(state_dict=teacher.state_dict()), root / 'teacher.pth')

    def begin(name: str) -> int:
        config = small_config(data, root, 2)
        config.model.labeler = dict(type='LabelBank', path=str(root / name))
        config.train_dataloader.dataset.unlabeled.pipeline.views.weak.type = 'UnseenSteps'

        def make():
            make_label_bank(config, str(root / 'teacher.pth'), batch_size=1, workers=0)

        return start(make, root / f'{name}.log')

    def finish(name: str) -> None:
        if code := wait(begin(name), TIMEOUT):
            raise RuntimeError(f'{name} ended with {code}, see {root / name}.log')

    finish('whole')
    kills, differing, left = 0, [], []
    for trial in range(trials):
        folder = root / f'killed_{trial}'
        for _ in range(2):
            pid, wanted = begin(folder.name), draw.randint(0, 5)
            end = time.monotonic() + TIMEOUT
            while _images(folder) < wanted and time.monotonic() < end:
                time.sleep(0.0005)
            kill(pid)
            kills += wait(pid) < 0
        left.append(_images(folder))
        finish(folder.name)
        if _labels(folder) != _labels(root / 'whole'):
            differing.append(trial)
    return dict(
        trials=trials,
        kills=kills,
        images_left_by_the_last_kill=left,
        differing=differing,
        passed=not differing and kills >= trials and any(left),
    )


def _images(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob('shards/*.images')) // IMAGE.itemsize


def _lose(file: Path, draw: np.random.RandomState) -> None:
    """Cut a file at a page or not at all; then make some of its pages zero, or none."""
    content = bytearray(file.read_bytes())
    pages = -(-len(content) // PAGE)
    if draw.rand() < 0.5:
        del content[draw.randint(pages + 1) * PAGE :]
    for page in draw.permutation(pages)[: draw.randint(3)]:
        part = slice(page * PAGE, min((page + 1) * PAGE, len(content)))
        content[part] = bytes(len(content[part]))
    file.write_bytes(content)


def _zero(file: Path, draw: np.random.RandomState) -> None:
    content = bytearray(file.read_bytes())
    begin = draw.randint(-(-len(content) // PAGE)) * PAGE
    content[begin : begin + PAGE] = bytes(len(content[begin : begin + PAGE]))
    file.write_bytes(content)


def _contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in shard_files(folder, 0)]


def _labels(folder: Path) -> dict:
    LabelBankFiles(folder).verify()
    content = json.loads((folder / 'labels.json').read_text())
    return {key: content[key] for key in ('images', 'annotations', 'mirrored_annotations')}
