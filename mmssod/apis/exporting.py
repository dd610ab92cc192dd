"""Writes one detector of a run as files that MMDetection or onnxruntime can read."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config

from mmssod.apis.config import ConfigLike
from mmssod.apis.onnx_graph import Found, OnnxDetector
from mmssod.apis.plain import PlainDetector, build, plain_detector
from mmssod.engine.reliability.checkpoint_files import save_whole
from mmssod.environment.errors import InputError
from mmssod.environment.packages import require_package
from mmssod.environment.whole_files import write_whole
from mmssod.version import __version__


def export(
    config: ConfigLike,
    checkpoint: str,
    out: str,
    *,
    part: str = 'auto',
    safetensors: bool = False,
) -> PlainDetector:
    """Write ``OUT.py``, a plain config, and ``OUT.pth``, its checkpoint.

    Args:
        config: The run's config.
        checkpoint: Checkpoint of the run.
        out: Path without ending; its folder is made.
        part: Which detector, see :func:`~mmssod.apis.plain.plain_detector`.
        safetensors: Also write the weights as ``OUT.safetensors``, with the class names in its metadata.

    Returns:
        What was written; its ``needs`` says whether mmssod must be imported where the files are used.

    Raises:
        ValueError: See :func:`~mmssod.apis.plain.plain_detector`.
        ImportError: safetensors is asked for and not installed.
    """
    as_safetensors = (
        require_package('safetensors.torch', 'safetensors').save if safetensors else None
    )
    plain = plain_detector(config, checkpoint, part)
    stem = Path(out)
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_whole(stem.with_name(stem.name + '.py'), plain.config.pretty_text)
    meta = dict(
        dataset_meta=dict(classes=plain.classes),
        part=plain.part,
        mmssod_version=__version__,
        cfg=plain.config.pretty_text,  # so that `DetInferencer(weights=...)` needs nothing else
    )
    weights = {name: tensor.contiguous() for name, tensor in plain.weights.items()}
    save_whole(dict(state_dict=weights, meta=meta), stem.with_name(stem.name + '.pth'))
    if as_safetensors is not None:
        text = {'classes': json.dumps(plain.classes), 'format': 'pt'}
        # Not its `save_file`, whose files only their owner can read.
        apart = {name: tensor.clone() for name, tensor in weights.items()}  # it refuses shared ones
        content = as_safetensors(apart, metadata=text)
        write_whole(stem.with_name(stem.name + '.safetensors'), content)
    return plain


def export_text(plain: PlainDetector, out: str) -> str:
    """What was written and how it is used, for people."""
    lines = [f'{plain.part}: {out}.py, {out}.pth', f'classes: {", ".join(plain.classes)}']
    first = f"DetInferencer(weights='{out}.pth')"
    if plain.needs:
        lines += [
            f'parts that only mmssod has: {", ".join(plain.needs)}; import mmssod first:',
            f'  import mmssod; from mmdet.apis import DetInferencer; {first}',
        ]
    else:
        lines += [
            'MMDetection alone loads it:',
            f'  from mmdet.apis import DetInferencer; {first}',
        ]
    return '\n'.join(lines)


def export_onnx(
    config: ConfigLike, checkpoint: str, out: str, *, part: str = 'auto', suppress: bool = True
) -> PlainDetector:
    """Write ``OUT.onnx``, for any number of images and any size.

    Args:
        config: The run's config.
        checkpoint: Checkpoint of the run.
        out: Path without ending; its folder is made.
        part: Which detector, see :func:`~mmssod.apis.plain.plain_detector`.
        suppress: Whether the graph suppresses overlapping boxes (see :class:`~mmssod.apis.onnx_graph.OnnxDetector`).

    Returns:
        What was written.

    Raises:
        ValueError: A detector that cannot be exported; see also ``plain_detector``.
        ImportError: onnx is not installed.
    """
    onnx = require_package('onnx', 'onnx')
    plain = plain_detector(config, checkpoint, part)
    frame, fill = frame_of(plain.config)
    detector = OnnxDetector(build(plain, 'cpu'), fill, suppress).eval()
    images, sizes = torch.rand(2, 3, 64, 96) * 255, torch.tensor([[64.0, 96.0], [48.0, 96.0]])
    content: Any = io.BytesIO()  # which torch takes, too
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter(
            'ignore'
        )  # of the exporter's age, and of shapes that are the same for all images
        torch.onnx.export(
            detector,
            (images, sizes),
            content,
            input_names=['images', 'sizes'],
            output_names=[*Found._fields],
            opset_version=17,
            dynamic_axes={
                'images': {0: 'batch', 2: 'height', 3: 'width'},
                **{name: {0: 'batch', 1: 'boxes'} for name in Found._fields},
                'sizes': {0: 'batch'},
            },
            dynamo=False,
        )
    model = onnx.load_from_string(content.getvalue())
    facts = dict(classes=plain.classes, part=plain.part, mmssod_version=__version__, **frame)
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in facts.items()})
    path = Path(f'{out}.onnx')
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, model.SerializeToString())
    return plain


def frame_of(config: Config) -> tuple[dict[str, Any], float | None]:
    """How images are resized and padded for a detector, and the value that its test pipeline pads with.

    Returns:
        ``scale`` (longer and shorter side, or width and height where ``keep_ratio`` is false), ``canvas`` (height and
        width of the padded image, or null) and ``divisor`` (of which its sides are multiples); None where the
        preprocessor pads, which does so after it has normalized.

    Raises:
        ValueError: A pipeline that does not resize once, to one size.
    """
    steps = {step['type'].split('.')[-1]: step for step in get_test_pipeline_cfg(config.copy())}
    resize, pad = steps.get('Resize', {}), steps.get('Pad')
    scale = resize.get('scale')
    if not isinstance(scale, (tuple, list)) or len(scale) != 2:
        raise InputError(
            f'onnx: expected a test pipeline with one Resize to a scale, got {list(steps)}'
        )
    before = config.model.data_preprocessor
    frame = dict(scale=[int(side) for side in scale], keep_ratio=resize.get('keep_ratio', False))
    if pad is None:
        return dict(**frame, canvas=None, divisor=before.get('pad_size_divisor', 1)), None
    value = pad.get('pad_val', 0)
    value = value.get('img', 0) if isinstance(value, dict) else value
    value = value[0] if isinstance(value, (tuple, list)) else value
    canvas = (
        [max(scale)] * 2
        if pad.get('pad_to_square')
        else pad.get('size') and list(pad['size'][::-1])
    )
    divisor = pad.get('size_divisor') or before.get('pad_size_divisor', 1)
    return dict(**frame, canvas=canvas, divisor=divisor), float(value)
