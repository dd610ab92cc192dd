"""Writes VOC's annotations as the COCO json files that the VOC configs read.

For example::

    python tools/dataset/voc_to_coco.py data/VOCdevkit

writes voc07_trainval.json, voc12_trainval.json and voc07_test.json into data/VOCdevkit/annotations; all that is missing
is named at once, and an image set with a problem is not written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('devkit', type=Path, help='the folder with VOC2007 and VOC2012')
    return parser.parse_args()


def main() -> int:
    """Convert and report."""
    args = parse_args()
    from mmssod.datasets.preparation import convert_voc

    findings = convert_voc(args.devkit)
    print(findings.text())
    return 1 if findings.problems else 0


if __name__ == '__main__':
    sys.exit(main())
