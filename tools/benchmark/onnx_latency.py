r"""Latency per image in torch and in onnxruntime, one thread each, with the largest difference of the outputs.

Weights are drawn at random, which costs as much as trained ones do. For example::

    python tools/benchmark/onnx_latency.py data/aquarium/images --rounds 20 --markdown docs/results/onnx.md
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from datetime import date
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
MODELS = {
    'YOLOX-Nano, 320 px': ('configs/yolox_nano/teacher_aquarium.py', (320, 320)),
    'YOLOX-Nano with buckets, 320 px': (
        'configs/yolox_nano/teacher_bucket_aquarium.py',
        (320, 320),
    ),
    'Faster R-CNN lite with buckets, 256 px': ('configs/lite/teacher_aquarium.py', (256, 256)),
    'RTMDet-tiny, 320 px': ('mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py', (320, 320)),
    'GFL R50, 320 px': ('mmdet::gfl/gfl_r50_fpn_1x_coco.py', (320, 320)),
}
NOTE = (
    'CPU seconds of one image from pixels to boxes, resizing and suppression included: medians over images, torch and '
    'onnxruntime in turn, one thread each. Weights are random, so few boxes pass the threshold. The machine ran other '
    'work meanwhile: take the ratio, and make the seconds anew with the command below.'
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('images', help='folder of images')
    parser.add_argument('--only', nargs='+', choices=[*MODELS], default=[*MODELS])
    parser.add_argument('--rounds', type=int, default=20, help='images of each (%(default)s)')
    parser.add_argument('--markdown', help='also write the numbers as a page to this file')
    return parser.parse_args()


def timed(work: Callable[..., Any], *args: Any) -> float:
    """CPU seconds of a call."""
    begin = time.process_time()
    work(*args)
    return time.process_time() - begin


def measure(name: str, images: list[Any], folder: Path) -> list[str]:
    """A row of the table: milliseconds in torch and onnxruntime, ratio, size of the file."""
    import onnxruntime
    import torch
    from mmdet.apis import inference_detector
    from mmdet.registry import MODELS as registry
    from mmengine.config import Config

    sys.path.insert(0, str(ROOT / 'docs/examples/onnx'))
    from run_onnx import detect, load

    from mmssod.apis.exporting import export_onnx
    from mmssod.apis.plain import build, plain_detector

    source, scale = MODELS[name]
    if source.startswith('mmdet::'):
        import mmdet

        source = str(Path(mmdet.__file__).parent / '.mim/configs' / source[len('mmdet::') :])
    cfg = Config.fromfile(source if Path(source).is_absolute() else ROOT / source)
    steps = cfg.test_dataloader.dataset.pipeline
    for step in steps:
        step.update(scale=scale) if step.type == 'Resize' else None
        step.update(size=scale) if step.type == 'Pad' else None
    if 'init_cfg' in cfg.model.backbone:
        cfg.model.backbone.init_cfg = None
    torch.set_num_threads(1)
    torch.save(dict(state_dict=registry.build(cfg.model).state_dict()), folder / 'weights.pth')
    export_onnx(cfg, str(folder / 'weights.pth'), str(folder / 'found'))
    model = build(plain_detector(cfg, str(folder / 'weights.pth')), 'cpu')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session, facts = load(str(folder / 'found.onnx'))
    session = onnxruntime.InferenceSession(str(folder / 'found.onnx'), options)
    pairs = [
        (timed(inference_detector, model, image), timed(detect, session, facts, image))
        for image in images
    ][1:]  # the first one warms up
    ours, theirs = (1e3 * median(several) for several in zip(*pairs, strict=True))
    size = (folder / 'found.onnx').stat().st_size / 1e6
    return [name, f'{ours:.0f}', f'{theirs:.0f}', f'{ours / theirs:.1f}', f'{size:.1f}']


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    import cv2
    from mmengine.registry import init_default_scope

    import mmssod  # noqa: F401
    from mmssod.analysis.markdown import pipe_table, tables_page
    from mmssod.environment import collect

    init_default_scope('mmdet')
    files = islice(cycle(sorted(Path(args.images).glob('*.jpg'))), args.rounds + 1)
    images = [cv2.imread(str(file)) for file in files]
    rows = [['', 'torch, ms', 'onnxruntime, ms', 'times as fast', 'file, MB']]
    for name in args.only:
        with TemporaryDirectory(prefix='mmssod_onnx_') as folder:
            rows.append(measure(name, images, Path(folder)))
    print('\n'.join(pipe_table(rows)))
    if args.markdown:
        command = 'python tools/benchmark/onnx_latency.py ' + shlex.join(sys.argv[1:])
        facts = dict(command=f'`{command}`', date=date.today().isoformat(), **collect())
        page = tables_page('ONNX: seconds of an image', NOTE, {'Latency': rows}, facts)
        Path(args.markdown).write_text(page)


if __name__ == '__main__':
    main()
