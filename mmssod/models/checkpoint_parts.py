"""The weights of one detector among those of a checkpoint."""

from torch import Tensor

PARTS = {'student': 'student.', 'teacher': 'labeler.teacher.'}


def detector_weights(state_dict: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """The weights of one detector: of a plain checkpoint all, else those of student or teacher.

    Args:
        state_dict: Of a detector, or of a run with teacher and student.
        part: ``'student'`` or ``'teacher'``.

    Raises:
        ValueError: If the run has no such part.
    """
    if not any(name.startswith(PARTS['student']) for name in state_dict):
        return state_dict
    prefix = PARTS[part]
    found = {n.removeprefix(prefix): v for n, v in state_dict.items() if n.startswith(prefix)}
    if not found:
        raise ValueError(
            f'the checkpoint is of a run without a {part}: no key starts with {prefix!r}'
        )
    return found
