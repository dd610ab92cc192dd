r"""Merges the checkpoints of several detectors into one for ``EnsembleDetector``.

For example, the two teachers of Table 3::

    python tools/merge_checkpoints.py work_dirs/teacher_0/iter_12000.pth work_dirs/teacher_1/iter_12000.pth \
        --out work_dirs/table3_teachers.pth
"""

from __future__ import annotations

import argparse


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoints', nargs='+', help='in the order of the members')
    parser.add_argument('--out', required=True, help='the checkpoint to write')
    parser.add_argument(
        '--part',
        default='student',
        choices=('student', 'teacher'),
        help='which detector of a student run is taken; a plain checkpoint has only one',
    )
    return parser.parse_args()


def main() -> None:
    """Merge."""
    args = parse_args()
    from mmssod.engine.reliability.checkpoint_files import save_whole
    from mmssod.models.checkpoint_parts import merge_checkpoints

    save_whole(merge_checkpoints(args.checkpoints, args.part), args.out)
    print(f'{len(args.checkpoints)} detectors in {args.out}')


if __name__ == '__main__':
    main()
