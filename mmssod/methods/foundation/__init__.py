"""Pseudo labels of any other detector, from a file: Grounding DINO, YOLO-World, a larger YOLO, or human labels.

``detections_file.py`` reads COCO detections and maps names of classes; ``calibration.py`` makes scores precisions;
``DetectionsLabeler`` answers with the file alone, ``FusedTeacher`` fuses it with the teacher's boxes.
``docs/methods.md`` tells the rest.
"""

from mmssod.methods.foundation.labelers import DetectionsLabeler, FusedTeacher

__all__ = [
    'DetectionsLabeler',
    'FusedTeacher',
]
