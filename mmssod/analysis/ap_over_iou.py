"""AP at each IoU threshold: shows whether a detector gains at low or at high IoU (Figure 2)."""

from typing import Any

from matplotlib.figure import Figure

from mmssod.analysis.plotting import draw_curves, percent
from mmssod.evaluation import DetectorOutputs, evaluate_boxes
from mmssod.evaluation.coco import IOU_THRESHOLDS


def ap_over_iou(outputs: DetectorOutputs) -> dict[str, Any]:
    """AP of each detector at each IoU threshold.

    Returns:
        ``iou``, thresholds 0.5 .. 0.95; ``ap``, percent at each of them by label; ``mean``, COCO's AP in percent by
        label. None where no class has a true box.
    """
    results = {
        label: evaluate_boxes(outputs.annotations, found, outputs.class_ids)
        for label, found in outputs.found.items()
    }
    return dict(
        iou=[round(float(iou), 2) for iou in IOU_THRESHOLDS],
        ap={label: [percent(ap) for ap in result.per_iou] for label, result in results.items()},
        mean={label: percent(result.ap()) for label, result in results.items()},
    )


def draw(numbers: dict[str, Any]) -> Figure:
    """The figure of what :func:`ap_over_iou` gives."""
    curves = {
        label if mean is None else f'{label} (mean {mean:.1f})': numbers['ap'][label]
        for label, mean in numbers['mean'].items()
    }
    return draw_curves(numbers['iou'], curves, 'AP (%)')
