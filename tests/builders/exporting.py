"""Exports as the authors' own tool writes them, of the stand-in detector."""

import warnings

import torch


def export(model, path, shape=(64, 96), dynamic=False, **options):
    """Write a detector as ``.onnx``, batch norm folded in, for images of this height and width."""
    axes = {'images': {0: 'batch', 2: 'height', 3: 'width'}} if dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of the exporter's age; the authors use this one
        torch.onnx.export(
            model,
            torch.zeros(1, 3, *shape),
            str(path),
            input_names=['images'],
            output_names=['output'],
            opset_version=13,
            dynamic_axes=axes,
            dynamo=False,
            **options,
        )
    return path
