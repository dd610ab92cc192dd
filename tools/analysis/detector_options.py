"""Options shared by the figure tools: which detectors, and on which images."""

from __future__ import annotations

import argparse


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--detector`` and ``--detections`` (in order, as ``sources``), ``--annotations`` and ``--images``."""
    parser.add_argument(
        '--detector',
        nargs=3,
        metavar=('LABEL', 'CONFIG', 'CHECKPOINT'),
        action='append',
        dest='sources',
        help='a detector to run; may be repeated',
    )
    parser.add_argument(
        '--detections',
        nargs=2,
        metavar=('LABEL', 'JSON'),
        action='append',
        dest='sources',
        help='saved detections of a detector (tools/analysis/predict.py); may be repeated',
    )
    parser.add_argument(
        '--annotations',
        default='',
        help="COCO json with the true boxes (the first config's test set)",
    )
    parser.add_argument('--images', default='', help='folder that its file names are relative to')
