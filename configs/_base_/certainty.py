"""The paper: candidates chosen by p*v (CA), thresholds (DT) and loss weights (RE) of each class by Eq. 6."""

_base_ = './semi.py'

semi = dict(
    selector=dict(certainty='p*v'),
    balancer=dict(threshold_power=0.05, weight_power=0.6),
)
