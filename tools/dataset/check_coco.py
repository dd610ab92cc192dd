r"""Looks whether COCO lies where the configs expect it, and names everything that is missing at once.

COCO-partial with all its splits, then COCO-full::

    python tools/dataset/check_coco.py partial --percent 1 2 5 10 --fold 1 2 3 4 5
    python tools/dataset/check_coco.py full
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
    parser.add_argument('setting', choices=['partial', 'full'])
    parser.add_argument('--root', type=Path, default=Path('data/coco'), help='(%(default)s)')
    parser.add_argument(
        '--percent', type=float, nargs='+', default=[2], help='splits of COCO-partial (default: 2)'
    )
    parser.add_argument('--fold', type=int, nargs='+', default=[1], help='their folds (default: 1)')
    return parser.parse_args()


def main() -> int:
    """Check and report."""
    args = parse_args()
    from mmssod.datasets.preparation import check_coco

    findings = check_coco(args.root, args.setting, percents=args.percent, folds=args.fold)
    print(findings.text())
    return 1 if findings.problems else 0


if __name__ == '__main__':
    sys.exit(main())
