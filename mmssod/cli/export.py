"""Write student or teacher of a run as a plain MMDetection config and checkpoint.

``OUT.py`` and ``OUT.pth`` work with mmdet's ``DetInferencer`` and tools; where the detector has parts that only mmssod
has (bucket heads, the lite backbone), mmssod must be imported there, and the command says so.
"""

from __future__ import annotations

import argparse

from mmssod.cli.options import add_config, add_part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser, 'config of the run')
    parser.add_argument('checkpoint', help='checkpoint of the run')
    parser.add_argument('--out', required=True, help='path of the files, without ending')
    add_part(parser)
    parser.add_argument(
        '--safetensors', action='store_true', help='also write the weights as OUT.safetensors'
    )


def run(args: argparse.Namespace) -> None:
    """Export."""
    from mmssod.apis import find_config  # after the arguments, so that --help is quick
    from mmssod.apis.exporting import export, export_text

    plain = export(
        find_config(args.config),
        args.checkpoint,
        args.out,
        part=args.part,
        safetensors=args.safetensors,
    )
    print(export_text(plain, args.out))
