"""Entry points for tools and notebooks: ``train``, ``test``, ``predict``, ``dry_run``, and their parts."""

from mmssod.apis.config import build_runner, load_config
from mmssod.apis.dry_run import dry_run, report_text
from mmssod.apis.packaged import configs_folder, find_config
from mmssod.apis.predicting import detector_outputs, predict
from mmssod.apis.teacher_student import train_with_teacher
from mmssod.apis.testing import test
from mmssod.apis.training import train

__all__ = [
    'build_runner',
    'configs_folder',
    'detector_outputs',
    'dry_run',
    'find_config',
    'load_config',
    'predict',
    'report_text',
    'test',
    'train',
    'train_with_teacher',
]
