"""Run what `mmssod export --format onnx` wrote: python run_onnx.py detector.onnx photo.jpg other.jpg."""

import json
import sys

import cv2
import numpy as np
import onnxruntime


def load(path):
    """The session, and what the file says of itself: classes, and how images are resized and padded."""
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    texts = session.get_modelmeta().custom_metadata_map
    return session, {name: json.loads(text) for name, text in texts.items()}


def detect(session, facts, image, least=0.3):
    """Boxes x1 y1 x2 y2 (n, 4), scores, class numbers, p and v (n,) of pixels BGR (H, W, 3), uint8."""
    height, width = image.shape[:2]
    scale = np.array(facts['scale'])  # width and height
    if facts['keep_ratio']:
        factor = min(max(scale) / max(height, width), min(scale) / min(height, width))
        scale = np.array([int(width * factor + 0.5), int(height * factor + 0.5)])
    small = cv2.resize(image, [int(side) for side in scale])
    frame = facts['canvas'] or -(-scale[::-1] // facts['divisor']) * facts['divisor']
    pixels = np.zeros((1, 3, *frame), np.float32)
    pixels[0, :, : scale[1], : scale[0]] = small.transpose(2, 0, 1)
    inputs = {'images': pixels, 'sizes': scale[None, ::-1].astype(np.float32)}
    boxes, *rest = (output[0] for output in session.run(None, inputs))
    boxes = boxes / np.tile(scale / [width, height], 2)
    return [row[rest[0] >= least] for row in (boxes, *rest)]


if __name__ == '__main__':
    session, facts = load(sys.argv[1])
    for path in sys.argv[2:]:
        for box, score, label, p, v in zip(*detect(session, facts, cv2.imread(path)), strict=True):
            print(path, facts['classes'][label], *box.round(1), f'{score:.3f} p {p:.3f} v {v:.3f}')
