r"""Write the images of a COCO json as a text list, one path a line, which every command takes as unlabeled images.

For example::

    python tools/dataset/list_images.py data/bccd/train.1@20images-unlabeled.json --images data/bccd/images \
        --out data/bccd/unlabeled.txt
"""

from __future__ import annotations

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('annotations', help='COCO json')
    parser.add_argument('--images', default='', help='folder that its file names are relative to')
    parser.add_argument('--out', type=Path, required=True, help='text file to write')
    return parser.parse_args()


def main() -> None:
    """List, write."""
    args = parse_args()
    from mmssod.datasets.image_lists import read_names
    from mmssod.environment.whole_files import write_whole

    paths = [(Path(args.images) / name).as_posix() for name in read_names(args.annotations)]
    write_whole(args.out, ''.join(f'{path}\n' for path in paths))
    print(f'{len(paths)} images: {args.out}')


if __name__ == '__main__':
    main()
