r"""Write what the memory of an ISMT run holds as COCO json, for the final detector to learn from.

For example::

    python tools/label_from_memory.py configs/ismt/demo.py work_dirs/demo/ismt/iter_800.pth \
        --out work_dirs/demo/ismt/labels.json
"""

from __future__ import annotations

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the run')
    parser.add_argument('checkpoint')
    parser.add_argument('--out', required=True, help='json file to write')
    parser.add_argument(
        '--score-thr',
        type=float,
        help='minimum p*v of a box; by default 0.7, as the threshold of the training',
    )
    return parser.parse_args()


def main() -> None:
    """Export."""
    args = parse_args()
    from mmssod.datasets.split import write_coco
    from mmssod.methods.ismt.memory_labels import MEMORY_SCORE, memory_labels

    score_thr = MEMORY_SCORE if args.score_thr is None else args.score_thr
    labels = memory_labels(args.config, args.checkpoint, score_thr=score_thr)
    out = Path(args.out)
    write_coco(labels, out)
    filled = {box['image_id'] for box in labels['annotations']}
    print(
        f'{len(labels["annotations"])} boxes in {len(filled)} of {len(labels["images"])} images: {out}'
    )


if __name__ == '__main__':
    main()
