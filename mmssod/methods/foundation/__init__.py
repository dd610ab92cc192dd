"""Pseudo labels of any other detector, from a file: Grounding DINO, YOLO-World, a larger YOLO, or human labels.

``detections_file.py`` reads COCO detections and maps names of classes; ``calibration.py`` turns scores into precisions;
``DetectionsLabeler`` returns the boxes of the file alone, ``FusedTeacher`` fuses it with the teacher's boxes.
Details: ``docs/methods.md``.
"""

from mmssod.methods.foundation.labelers import DetectionsLabeler, FusedTeacher

__all__ = [
    'DetectionsLabeler',
    'FusedTeacher',
]
