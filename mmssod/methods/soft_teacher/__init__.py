"""Soft Teacher (Xu et al., ICCV 2021): separate pseudo boxes for classification and box regression.

What differs from the core: ``SoftTeacherDetector`` gives the RPN and the classification boxes of high p, and the box
regression boxes that hardly move when their proposal is jittered; background RoIs count as much as the teacher takes
them for background. The core's ``RescoringTeacher`` answers these further questions. ``configs/soft_teacher/README.md``
tells the rest.
"""

from mmssod.methods.soft_teacher.soft_teacher_detector import SoftTeacherDetector

__all__ = ['SoftTeacherDetector']
