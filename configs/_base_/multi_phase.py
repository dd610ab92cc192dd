"""Multi-Phase: how the labels of a phase are made, and how the three detectors answer as one.

All numbers are the source's (Wang et al., 2021, public code). It does not say, or we did not find: whether boxes are
compared with their class's threshold before phases 0 and 1 are intersected (ours are, each phase with its own).
"""

multi_phase = dict(grid=(0.1, 1.0, 0.01), easiest=0.5, agreement_iou=0.5, nms_iou=0.3)
fusion = dict(type='WBFEnsemble', weights=(0.7, 1.0, 1.7), iou_threshold=0.6)
