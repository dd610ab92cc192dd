"""Convert YOLOX as its authors publish it, ``.pth`` or ``.onnx``, to a checkpoint of mmdet's YOLOX.

For example::

    python tools/convert/yolox.py yolox_nano.pth yolox_nano_coco.pth
    python tools/convert/yolox.py yolox_nano.onnx yolox_nano_coco.safetensors --images photos

An ``.onnx`` has lost its batch norm: `docs/convert.md` says what ``--images`` does about it.
"""

from __future__ import annotations

import argparse
import sys


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', metavar='IN', help="the authors' .pth or .onnx")
    parser.add_argument('out', metavar='OUT', help='file to write: .pth or .safetensors')
    parser.add_argument(
        '--images', help='folder of photographs that the batch norm of an .onnx is recovered from'
    )
    parser.add_argument(
        '--max-images', type=int, default=256, help='read so many of them at most (%(default)s)'
    )
    parser.add_argument(
        '--size',
        choices=('nano', 'tiny', 's', 'm', 'l', 'x'),
        help='end with an error if it is another',
    )
    return parser.parse_args()


def main() -> int:
    """Convert and report."""
    args = parse_args()
    from mmssod.convert.files import convert_yolox

    try:
        lines = convert_yolox(
            args.source,
            args.out,
            images=args.images,
            max_images=args.max_images,
            size=args.size,
        )
    except (ImportError, OSError, ValueError) as error:
        print(f'yolox.py: {error}', file=sys.stderr)
        return 1
    print('\n'.join(lines))
    return 0


if __name__ == '__main__':
    sys.exit(main())
