"""Does the json of an evaluation have boxes to compare with?"""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping
from typing import Any

from mmdet.evaluation import CocoMetric
from mmdet.registry import METRICS

from mmssod.datasets.annotation_files import read_json
from mmssod.structures import Problem


def truth_problems(cfg: Mapping[str, Any], key: str = 'test_evaluator') -> Iterator[Problem]:
    """Jsons of images alone, where figures are asked for and not predictions (``format_only``).

    Args:
        cfg: A config.
        key: Of the evaluator, or of a list of them.
    """
    evaluators = cfg.get(key)
    for evaluator in evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]:
        if not isinstance(evaluator, Mapping) or evaluator.get('format_only'):
            continue
        kind, file = METRICS.get(str(evaluator.get('type'))), evaluator.get('ann_file') or ''
        if not (isinstance(kind, type) and issubclass(kind, CocoMetric)) or not osp.isfile(file):
            continue
        content = read_json(file)
        if isinstance(content, dict) and 'annotations' not in content:
            yield Problem(
                f'{key}: an annotation file without boxes',
                'a COCO json with "annotations", to compare predictions with',
                f'{sorted(content)} in {file}',
                f'name the file with the boxes; or, to write predictions alone, set {key}.format_only=True and '
                f'{key}.outfile_prefix=FOLDER/NAME',
            )
