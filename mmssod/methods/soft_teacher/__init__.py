"""Soft Teacher (Xu et al., ICCV 2021): separate pseudo boxes for classification and box regression.

What differs from the core: ``SoftTeacherDetector`` gives the RPN and the classification boxes of high p, and the box
regression boxes that hardly move when their proposal is jittered; background RoIs are weighted by the teacher's
background score. The core's ``RescoringTeacher`` provides both.
Details: ``configs/soft_teacher/README.md``.
"""

from mmssod.methods.soft_teacher.soft_teacher_detector import SoftTeacherDetector

__all__ = ['SoftTeacherDetector']
