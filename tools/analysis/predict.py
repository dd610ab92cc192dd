r"""Write what a detector finds as COCO result json, with p and v of each box; the other tools here draw it.

For example::

    python tools/analysis/predict.py configs/demo/teacher.py work_dirs/demo/seed_0/teacher/iter_400.pth \
        --out work_dirs/figures/teacher.json
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
    parser.add_argument(
        '--annotations', default='', help="COCO json of the images (the config's test set)"
    )
    parser.add_argument('--images', default='', help='folder that its file names are relative to')
    parser.add_argument('--out', required=True, help='json file to write')
    return parser.parse_args()


def main() -> None:
    """Predict, write."""
    args = parse_args()
    from mmssod.apis import predict
    from mmssod.environment.whole_files import write_whole

    found = predict(args.config, args.checkpoint, annotations=args.annotations, images=args.images)
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, json.dumps(found))
    print(f'{len(found)} boxes: {out}')


if __name__ == '__main__':
    main()
