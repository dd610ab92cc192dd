"""Every slot of the semi-supervised detector, filled with its neutral part, and the hooks that watch it."""

semi = dict(
    type='PseudoLabelDetector',
    labeler=dict(type='FrozenTeacher', checkpoint=''),
    merger=dict(type='KeepCandidates'),
    selector=dict(type='ThresholdSelector', certainty='p', min_size=1.0),
    balancer=dict(
        type='ClassBalancer',
        threshold=0.7,
        threshold_power=0.0,
        weight_power=0.0,
        bounds=(0.4, 0.9),
        max_weight=1e6,  # no limit: Eq. 6 ends at 4000 (mmssod.equations.MIN_RATIO)
        unit_mean_weight=False,
        memory=1.0,
    ),
    mixer=dict(type='KeepImages'),
    loss_terms=[],
    unsup_weight=1.0,
    unsup_loss_weights=dict(),
    empty_images='skip',
    joint_features=False,
    predict_with='student',
)

semi_hooks = dict(
    class_balance=dict(type='ClassBalanceHook', interval=200),
    pseudo_labels=dict(
        type='PseudoLabelHook',
        interval=50,
        patience=100,
        policy='warn',
        class_patience=1000,
        class_policy='warn',
    ),
)
