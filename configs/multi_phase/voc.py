"""Multi-Phase on VOC: the ensemble of its three phases, and the one command for all of it.

The paper reports a single model alone (voc_phase_2.py); not run here: needs VOC and 4 GPUs of 2 images each.

    python -m torch.distributed.run --nproc_per_node=4 tools/multi_phase.py \\
        configs/multi_phase/voc.py --launcher pytorch
"""

_base_ = './voc_phase_0.py'

multi_phase = dict(
    phases=[
        '{{fileDirname}}/voc_phase_0.py',
        '{{fileDirname}}/voc_phase_1.py',
        '{{fileDirname}}/voc_phase_2.py',
    ]
)
model = dict(
    _delete_=True,
    **dict(_base_.fusion, weights=(0.9, 1.0, 1.4)),
    members=[_base_.model] * 3,
    data_preprocessor=_base_.model.data_preprocessor,
)
work_dir = 'work_dirs/multi_phase_voc'
