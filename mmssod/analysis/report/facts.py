"""Summarizes a run's config in about a dozen lines: what was trained on which data."""

from __future__ import annotations

import os
import os.path as osp
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from mmssod.analysis.report.runs import RunRecord
from mmssod.datasets.annotation_files import read_json
from mmssod.datasets.image_lists import exclude_names, find_images, read_names


def run_facts(run: RunRecord) -> dict[str, str]:
    """Names and values, the same names for each run; '–' where the config does not say.

    Paths are shortened.
    """
    cfg = run.config
    model = cfg.model
    dataset = cfg.train_dataloader.dataset
    detector = model.get('detector', model)
    labeled = dataset.get('labeled', dataset)
    counts = cfg.train_dataloader.get('sampler', {}).get('counts') or {}
    batch = ' + '.join(f'{number} {name}' for name, number in counts.items())
    optimizer = cfg.optim_wrapper.optimizer
    found = {
        'detector': ', '.join(
            str(part)
            for part in (detector.type, _kind(detector, 'backbone'), _box_head(detector))
            if part
        ),
        'method': model.type if model is not detector else 'supervised',
        'pseudo labels by': _kind(model, 'labeler') or '–',
        'kept when': _selection(model),
        'labeled images': _count(labeled),
        'unlabeled images': _unlabeled(dataset.get('unlabeled')),
        'iterations': f'{run.iterations} of {cfg.train_cfg.get("max_iters", "–")}',
        'batch per process': f'{batch or cfg.train_dataloader.batch_size} images',
        'optimizer': f'{optimizer.type}, learning rate {optimizer.lr:g}',
        'start': cfg.get('load_from') or '–',
        'seed': str((cfg.get('randomness') or {}).get('seed', '–')),
        'training time (h:min:s)': str(timedelta(seconds=round(run.seconds)))
        if run.seconds
        else '–',
        'checkpoint': osp.basename(run.checkpoint) or '–',
        'folder': str(run.folder),
    }
    return {name: shorten(text) for name, text in found.items()}


def shorten(text: str) -> str:
    """A text whose paths below the working folder start there: a page may be shown to others."""
    here = os.getcwd().rstrip('/')
    return re.sub(rf"""(?<![^\s='"(]){re.escape(here)}/""", '', text) if here else text


def _kind(node: Any, key: str) -> str:
    return str((node.get(key) or {}).get('type', ''))


def _box_head(detector: Any) -> str:
    head = (detector.get('roi_head') or {}).get('bbox_head') or detector.get('bbox_head') or {}
    head = head[-1] if isinstance(head, (list, tuple)) else head
    buckets = (head.get('bbox_coder') or {}).get('num_buckets')
    return f'{head.get("type", "")}{f" (K = {buckets})" if buckets else ""}'


def _selection(model: Any) -> str:
    selector, balancer = model.get('selector'), model.get('balancer')
    if not selector or not balancer:
        return '–'
    text = f'{selector.get("certainty", "p")} > {balancer.get("threshold")}'
    if balancer.get('threshold_power'):
        text += f', by class (gamma_1 = {balancer.threshold_power:g})'
    if balancer.get('weight_power'):
        text += f', weights by class (gamma_2 = {balancer.weight_power:g})'
    return text


def _count(labeled: Any) -> str:
    file = Path(labeled.get('data_root') or '') / (labeled.get('ann_file') or '')
    if not file.is_file():
        return str(file)
    return f'{len(read_json(file)["images"])} ({file})'


def _unlabeled(unlabeled: Any) -> str:
    """How many there are, without those left out, and where; only where, if they are not here."""
    if not unlabeled:
        return '–'
    source = osp.join(unlabeled.get('data_root') or '', unlabeled.images)
    number = count_unlabeled(unlabeled)
    return source if number is None else f'{number} ({source})'


def count_unlabeled(unlabeled: Any) -> int | None:
    """Unlabeled images of a data set's config, without those left out; None if they are not here."""
    root = unlabeled.get('data_root') or ''
    prefix = (unlabeled.get('data_prefix') or {}).get('img', '')
    exclude = unlabeled.get('exclude') or []
    try:
        found = find_images(unlabeled.images, root=root, prefix=prefix)
        for file in [exclude] if isinstance(exclude, str) else exclude:
            found = exclude_names(found, read_names(file, root=root))
    except (FileNotFoundError, ValueError):
        return None
    return len(found)
