"""The paper: candidates chosen by p and v (CA), here p*v; thresholds (DT), loss weights (RE) of each class by Eq. 6."""

_base_ = './semi.py'

semi = dict(
    selector=dict(certainty='p*v'),
    balancer=dict(threshold_power=0.05, weight_power=0.6),
)
