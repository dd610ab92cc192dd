"""The paper: boxes ranked by p and v (CA); thresholds (DT) and loss weights (RE) of each class by Eq. 6.

tau is tested on p, which keeps as many boxes at every K: of p*v > 0.7 next to nothing is left at the paper's K = 30
after a short training (docs/results/tau_demo.md). v ranks the boxes in non-maximum suppression and counts in Eq. 6.
"""

_base_ = './semi.py'

student_share = 1.0  # iterations of the student, over those of the detector that it starts from
step_cost = 1.6  # time of a step over one of the labeled images alone: the lite detector, 4 + 4 images, measured

semi = dict(
    selector=dict(certainty='p'),
    balancer=dict(threshold_power=0.05, weight_power=0.6),
)
