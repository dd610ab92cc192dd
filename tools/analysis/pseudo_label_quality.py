r"""How good are a detector's pseudo labels? Predicts unlabeled images and judges the boxes by withheld annotations.

For example::

    python tools/analysis/pseudo_label_quality.py configs/lite/teacher_bccd.py work_dirs/teacher_bccd/iter_600.pth \
        --withheld data/bccd/train.1@20-unlabeled-boxes.json --images data/bccd/images/
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the detector; its test pipeline is used')
    parser.add_argument('checkpoint')
    parser.add_argument('--withheld', required=True, help='COCO json with the withheld boxes')
    parser.add_argument(
        '--images', required=True, help='folder that its file names are relative to'
    )
    parser.add_argument('--out', help='json file for the figures')
    return parser.parse_args()


def main() -> None:
    """Predict, judge, print."""
    args = parse_args()
    from terminaltables import AsciiTable

    from mmssod.apis import load_config, test
    from mmssod.apis.predicting import use_test_set
    from mmssod.evaluation.pseudo_label_metric import IOUS, THRESHOLDS

    cfg = load_config(args.config)
    use_test_set(cfg, args.withheld, args.images)
    cfg.test_evaluator = dict(type='PseudoLabelMetric', ann_file=args.withheld)
    figures = test(cfg, args.checkpoint)
    figures = {name.removeprefix('pseudo/'): value for name, value in figures.items()}
    rows = [['', 'correlation with IoU', *(f'precision of best 30 % at {iou}' for iou in IOUS)]]
    for measure in ('p', 'v', 'p*v', 'p_and_v'):
        best = [f'{figures[f"best30_{measure}@{iou}"]:.3f}' for iou in IOUS]
        rows.append([measure, f'{figures[f"corr_{measure}"]:.3f}', *best])
    print(AsciiTable(rows, title='certainty against true IoU').table)
    keys = ['boxes', 'precision', 'precision@0.75', 'precision@0.85', 'recall', 'mean_iou']
    rows = [['kept', *keys]]
    for measure in ('p', 'p*v', 'p_and_v'):
        for threshold in THRESHOLDS:
            values = [figures[f'{measure}>{threshold}_{key}'] for key in keys]
            text = [f'{values[0]:.0f}', *(f'{value:.3f}' for value in values[1:])]
            rows.append([f'{measure} > {threshold}', *text])
    print(AsciiTable(rows, title='pseudo labels').table)
    if args.out:
        Path(args.out).write_text(json.dumps(figures, indent=1))


if __name__ == '__main__':
    main()
