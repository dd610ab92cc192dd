"""The paper: candidates chosen by p and v (CA), here p*v; thresholds (DT), loss weights (RE) of each class by Eq. 6."""

_base_ = './semi.py'

student_share = 1.0  # iterations of the student, over those of the detector that it starts from
step_cost = 1.6  # time of a step over one of the labeled images alone: the lite detector, 4 + 4 images, measured

semi = dict(
    selector=dict(certainty='p*v'),
    balancer=dict(threshold_power=0.05, weight_power=0.6),
)
