"""Multi-Phase on the demo: the ensemble of its three phases, and the one command for all of it.

Each phase trains for 400 iterations, as the demo's teachers and students do.

    python tools/multi_phase.py configs/multi_phase/demo.py
"""

_base_ = './demo_phase_0.py'

multi_phase = dict(
    phases=[
        '{{fileDirname}}/demo_phase_0.py',
        '{{fileDirname}}/demo_phase_1.py',
        '{{fileDirname}}/demo_phase_2.py',
    ]
)
model = dict(
    _delete_=True,
    **_base_.fusion,
    members=[_base_.model] * 3,
    data_preprocessor=_base_.model.data_preprocessor,
)
work_dir = 'work_dirs/demo/multi_phase'
