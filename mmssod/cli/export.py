"""Write student or teacher of a run as a plain MMDetection config and checkpoint, or as ONNX.

``OUT.py`` and ``OUT.pth`` work with mmdet's ``DetInferencer`` and tools; if the detector has parts of mmssod's
(bucket heads, the lite backbone), mmssod must be imported there, and the command says so. ``OUT.onnx`` runs where
neither is installed (docs/examples/onnx/run_onnx.py).
"""

from __future__ import annotations

import argparse

from mmssod.cli.options import add_part, add_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument('--out', required=True, help='path of the files, without suffix')
    add_part(parser)
    parser.add_argument(
        '--format',
        choices=['mmdet', 'onnx'],
        default='mmdet',
        help='mmdet: OUT.py and OUT.pth; onnx: OUT.onnx (%(default)s)',
    )
    parser.add_argument(
        '--nms',
        choices=['inside', 'outside'],
        default='inside',
        help='with --format onnx: whether the graph suppresses overlapping boxes (%(default)s)',
    )
    parser.add_argument(
        '--safetensors', action='store_true', help='also write the weights as OUT.safetensors'
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options of the other format."""
    if args.format == 'onnx' and args.safetensors:
        parser.error('--safetensors goes with --format mmdet: leave one of them out')
    if args.format != 'onnx' and args.nms != 'inside':
        parser.error('--nms goes with --format onnx')


def run(args: argparse.Namespace) -> None:
    """Export."""
    from mmssod.apis.exporting import export, export_onnx, export_text
    from mmssod.own_data.detector import locate  # after the arguments, so that --help is quick

    config, checkpoint, _ = locate(args.config, args.checkpoint)

    if args.format == 'onnx':
        plain = export_onnx(
            config,
            checkpoint,
            args.out,
            part=args.part,
            suppress=args.nms == 'inside',
        )
        print(f'{plain.part}: {args.out}.onnx\nclasses: {", ".join(plain.classes)}')
        return
    plain = export(
        config,
        checkpoint,
        args.out,
        part=args.part,
        safetensors=args.safetensors,
    )
    print(export_text(plain, args.out))
