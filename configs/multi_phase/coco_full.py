"""Multi-Phase on COCO-full: the ensemble of its three phases, and the one command for all of it.

The paper reports a single model alone (coco_full_phase_2.py); not run here: needs COCO and 8 GPUs of 2 images each.

    python -m torch.distributed.run --nproc_per_node=8 tools/multi_phase.py \\
        configs/multi_phase/coco_full.py --launcher pytorch
"""

_base_ = './coco_full_phase_0.py'

multi_phase = dict(
    phases=[
        '{{fileDirname}}/coco_full_phase_0.py',
        '{{fileDirname}}/coco_full_phase_1.py',
        '{{fileDirname}}/coco_full_phase_2.py',
    ]
)
model = dict(
    _delete_=True,
    **_base_.fusion,
    members=[_base_.model] * 3,
    data_preprocessor=_base_.model.data_preprocessor,
)
work_dir = 'work_dirs/multi_phase_coco_full'
