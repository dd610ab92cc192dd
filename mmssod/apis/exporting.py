"""Write one detector of a run as files that MMDetection reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmssod.apis.config import ConfigLike
from mmssod.apis.plain import PlainDetector, plain_detector
from mmssod.engine.reliability.checkpoint_files import save_whole
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
        checkpoint: Of the run.
        out: Path without ending; its folder is made.
        part: Which detector, see :func:`~mmssod.apis.plain.plain_detector`.
        safetensors: Also write the weights as ``OUT.safetensors``, with the class names in its metadata.

    Returns:
        What was written; its ``needs`` says whether mmssod must be imported where the files are used.

    Raises:
        ValueError: See :func:`~mmssod.apis.plain.plain_detector`.
        ImportError: safetensors is asked for and not installed.
    """
    as_safetensors = _safetensors() if safetensors else None
    plain = plain_detector(config, checkpoint, part)
    stem = Path(out)
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_whole(stem.with_name(stem.name + '.py'), plain.config.pretty_text)
    meta = dict(
        dataset_meta=dict(classes=plain.classes), part=plain.part, mmssod_version=__version__
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
    first = f"DetInferencer('{out}.py', '{out}.pth')"
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


def _safetensors() -> Any:
    try:
        from safetensors.torch import save
    except ImportError as error:
        raise ImportError(
            "--safetensors needs safetensors, which is not installed: pip install 'mmssod[safetensors]'"
        ) from error
    return save
