"""Does an annotation file point out of the folder of its images? Looked up before any image is read."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping
from typing import Any

from mmssod.datasets import UnlabeledDataset
from mmssod.datasets.annotation_files import leads_out, read_json, shown
from mmssod.structures import Problem

SHOWN = 5
_ROOTS = (
    'img',
    'img_path',
    'sub_data_root',
)  # names that data sets give the folder of their images
_WRAPPED = ('dataset', 'datasets')


def outside_problems(name: str, dataset: Any) -> Iterator[Problem]:
    """Images of a data set whose names in an annotation file lead out of their folder, see ``leads_out``.

    Args:
        name: of the data set, for the message.
        dataset: as it was built; those inside wrappers are looked at one by one. An ``UnlabeledDataset`` has refused
            such names already.
    """
    inner = [part for key in _WRAPPED for part in _as_list(getattr(dataset, key, None))]
    for part in inner:
        yield from outside_problems(name, part)
    prefix = getattr(dataset, 'data_prefix', None) or {}
    root = next((prefix[key] for key in _ROOTS if key in prefix), None)
    if inner or root is None or isinstance(dataset, UnlabeledDataset):
        return
    paths = (dataset.get_data_info(index).get('img_path') or '' for index in range(len(dataset)))
    yield from _problems(name, root, [path for path in paths if _is_outside(path, root)])


def config_outside_problems(cfg: Mapping[str, Any], loader: str) -> Iterator[Problem]:
    """As ``outside_problems``, from the COCO jsons that a loader's config names: before anything is built.

    Args:
        cfg: a config.
        loader: such as ``'test_dataloader'``.
    """
    for leaf in leaves((cfg.get(loader) or {}).get('dataset')):
        file = osp.join(leaf.get('data_root') or '', leaf.get('ann_file') or '')
        prefix = leaf.get('data_prefix') or {}
        root = osp.join(
            leaf.get('data_root') or '', prefix.get('img') or prefix.get('img_path') or ''
        )
        if not is_json(file) or '://' in root or not osp.isfile(file):
            continue
        content = read_json(file)
        images = content.get('images') if isinstance(content, dict) else None
        images = images if isinstance(images, list) else []
        names = [str(image.get('file_name')) for image in images if isinstance(image, dict)]
        yield from _problems(loader, root, [name for name in names if leads_out(name, root)])


def leaves(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """Data set configs inside wrappers (``dataset=``, ``datasets=``)."""
    if not isinstance(dataset, Mapping):
        return
    inner = dataset.get('datasets') or ([dataset['dataset']] if 'dataset' in dataset else [])
    if not inner:
        yield dataset
    for part in inner:
        yield from leaves(part)


def is_json(file: str) -> bool:
    """Whether a file is named as a json on this machine."""
    return '://' not in file and osp.splitext(file)[1].lower() == '.json'


def _problems(name: str, root: str, outside: list[str]) -> Iterator[Problem]:
    if outside:
        yield Problem(
            f'{name}: {len(outside)} image names lead out of the folder of the images',
            f'files below {root or "the working folder, or absolute ones"}',
            '; '.join(map(shown, outside[:SHOWN])),
            'correct the annotation file, or give the data_root and data_prefix that hold all images',
        )


def _is_outside(path: str, root: str) -> bool:
    """Of a path that the root was joined to."""
    if '://' in path or not root:
        return leads_out(path, root)
    return leads_out(osp.abspath(path), osp.abspath(root))


def _as_list(part: Any) -> list[Any]:
    return [] if part is None else list(part) if isinstance(part, (list, tuple)) else [part]
