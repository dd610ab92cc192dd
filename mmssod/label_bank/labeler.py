"""A labeler that reads its labels from a bank. ``B`` images, ``n`` boxes of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import OptConfigType
from mmengine.runner import Runner
from torch import Tensor, nn

from mmssod.engine.runner_access import sources
from mmssod.label_bank import BankError, Found, LabelBankFiles
from mmssod.label_bank.checks import absent_images, bank_problems, bank_warnings
from mmssod.models.pseudo.labelers import Labeler
from mmssod.structures import Problem, PseudoLabels


@MODELS.register_module()
class LabelBank(Labeler):
    """Looks up what a :class:`FrozenTeacher` would answer; ``tools/make_label_bank.py`` makes the bank.

    The paper's teacher never changes and sees only a flip, so its answer to an image is a constant. No teacher is in
    memory, and the weak view needs no pixels: what is read of its sample is which image it is, whether it is mirrored,
    and its size. Where that is not the size that was labeled (multi-scale training), boxes grow or shrink with the
    image; a teacher that sees each size itself would answer slightly otherwise.

    Law: at the same size the labels are those of the frozen teacher that predicts in float32 and alone in its batch,
    but for boxes whose p is below the bank's floor.

    The files are opened at the first call: a model is built, loaded and tested without them.

    Args:
        path: Folder of the bank.
        checkpoint: The teacher whose labels these have to be, which is checked before training. Empty: the run's
            ``load_from``, as with a frozen teacher.
        detector: Config of the teacher where it is not the student's. ``tools/make_label_bank.py`` reads it; nothing is
            built of it here.

    Raises:
        BankError: At a call: the bank cannot be read, or lacks the image.
    """

    needs_pixels = False
    config_problems, config_warnings = staticmethod(bank_problems), staticmethod(bank_warnings)

    def runtime_problems(self, runner: Runner) -> list[Problem]:
        """Unlabeled images that the bank lacks."""
        unlabeled = sources(runner.train_dataloader.dataset).get('unlabeled')
        try:
            return [] if unlabeled is None else absent_images(self.files, unlabeled)
        except BankError as error:
            return [error.problem]

    def __init__(self, path: str, checkpoint: str = '', detector: OptConfigType = None) -> None:
        super().__init__()
        self.path = path
        self.checkpoint = checkpoint

    @cached_property
    def files(self) -> LabelBankFiles:
        """The bank, opened."""
        return LabelBankFiles(self.path)

    def forward(
        self, inputs: Tensor | None, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """The labels of each image, in pixels of the weak views; of the student only the device is used."""
        found = [self._find(sample) for sample in samples]
        sizes = [sample.img_shape[:2] for sample in samples]
        return as_labels(found, sizes, next(student.parameters()).device)

    def _find(self, sample: DetDataSample) -> Found:
        direction = sample.get('flip_direction') if sample.get('flip', False) else None
        if direction not in (None, 'horizontal'):
            raise BankError(
                'a label bank holds plain and mirrored views',
                'weak views that are flipped horizontally or not at all',
                f'{sample.img_path}, flipped {direction!r}',
                "give the weak view RandomFlip(direction='horizontal'), or a FrozenTeacher",
            )
        return self.files.look_up(
            sample.img_id, sample.img_path, mirrored=bool(direction), size=sample.get('ori_shape')
        )


def as_labels(
    found: Sequence[Found], sizes: Sequence[tuple[int, int]], device: torch.device
) -> list[PseudoLabels]:
    """Labels of ``B`` views on a device, copied there at once; ``sizes``: height and width of each view now, px."""
    rows = []
    for (boxes, view), size in zip(found, sizes, strict=True):
        corners = boxes['box']
        if tuple(size) != view and len(boxes):  # an unreadable image has a view of 0 x 0
            height, width = (new / old for new, old in zip(size, view, strict=True))
            corners = corners * np.array([width, height, width, height], np.float32)
        rows.append(np.column_stack([corners, boxes['p'], boxes['v'], boxes['label']]))
    table = torch.from_numpy(np.concatenate(rows).astype(np.float32, copy=False))
    if device.type == 'cuda':
        table = table.pin_memory()  # else the host waits for the copy
    table = table.to(device, non_blocking=True)
    return [
        PseudoLabels(
            boxes=part[:, :4],
            labels=part[:, 6].long(),  # float32 is exact for all that 16 bits hold
            cls_certainty=part[:, 4],
            loc_certainty=part[:, 5],
            weights=torch.ones_like(part[:, 4]),
        )
        for part in table.split([len(part) for part in rows])
    ]
