"""A run that is resumed with other data, settings or length is told so; what cannot go on is refused."""

import pytest
import torch
from builders.toy_training import toy_config
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmssod import apis
from mmssod.engine.preflight.resume_checks import data_marks, resume_findings
from mmssod.methods.ismt import PseudoLabelMemory


@pytest.fixture
def warned(monkeypatch):
    lines: list[str] = []
    warn = MMLogger.warning

    def keep(self, text, *args, **options):
        lines.append(str(text))
        warn(self, text, *args, **options)

    monkeypatch.setattr(MMLogger, 'warning', keep)
    return lines


def train(folder, change=None, max_iters=4, **options):
    cfg = toy_config(folder, max_iters=max_iters)
    if change:
        change(cfg)
    apis.train(cfg, **options)


def of_resume(lines):
    return [line for line in lines if 'resumed with other' in line or 'another schedule' in line]


def test_the_same_run_says_nothing(tmp_path, warned):
    train(tmp_path, max_iters=2)
    train(tmp_path, max_iters=2, resume='auto')
    moved = tmp_path.with_name('moved')
    tmp_path.rename(moved)
    train(moved, lambda cfg: cfg.train_dataloader.update(num_workers=1), 2, resume='auto')
    assert of_resume(warned) == []


def other_images(cfg):
    cfg.train_dataloader.dataset.unlabeled.length = 12


def other_batch(cfg):
    cfg.train_dataloader.batch_size = 5
    cfg.train_dataloader.sampler.counts.unlabeled = 3
    cfg.auto_scale_lr.base_batch_size = 5


def other_rate(cfg):
    cfg.optim_wrapper.optimizer.lr = 0.01


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (other_images, 'unlabeled: 11 -> 12 images, other names, ids or order, other labels'),
        (other_batch, 'train_dataloader.sampler.counts.unlabeled: 2 -> 3'),
        (other_rate, 'optim_wrapper.optimizer.lr: 0.05 -> 0.01'),
    ],
)
def test_what_differs_is_said(tmp_path, warned, change, said):
    train(tmp_path, max_iters=2)
    train(tmp_path, change, max_iters=2, resume='auto')
    assert said in of_resume(warned)[0]


def test_labels_that_were_edited_are_said(tmp_path, warned, monkeypatch):
    train(tmp_path, max_iters=2)
    load = __import__('builders.toy_training', fromlist=['ToyImages']).ToyImages.load_data_list

    def edited(self):
        infos = load(self)
        infos[1]['instances'][0]['bbox_label'] = 2
        return infos

    monkeypatch.setattr('builders.toy_training.ToyImages.load_data_list', edited)
    train(tmp_path, max_iters=2, resume='auto')
    assert 'labeled: other labels;' in of_resume(warned)[0]


class Images:
    data_prefix = {'img': '/root'}

    def __init__(self, *names, root='/root'):
        self.names, self.root = names, root
        self.data_prefix = {'img': root}

    def __len__(self):
        return len(self.names)

    def get_data_info(self, index):
        return {'img_path': f'{self.root}/{self.names[index]}', 'img_id': index}


class Semi:
    def __init__(self, unlabeled):
        self.sources = {'labeled': Images('a'), 'unlabeled': unlabeled}


@pytest.mark.parametrize(
    ('now', 'refused'),
    [
        (Images('b', 'c'), False),
        (Images('b', 'c', root='/moved'), False),
        (Images('aa', 'b', 'c'), True),  # one more file: each box would be its neighbor's
        (Images('c', 'b'), True),
    ],
)
def test_a_memory_is_of_its_images(now, refused):
    marks = data_marks(Semi(Images('b', 'c')))
    checkpoint = {'message_hub': {'runtime_info': {'data_marks': marks}}, 'meta': {}}
    for model, stops in ((PseudoLabelMemory(), refused), (torch.nn.Linear(1, 1), False)):
        found = resume_findings(model, {}, data_marks(Semi(now)), checkpoint)
        assert bool(found.problems) == stops and bool(found.warnings) == refused


@pytest.mark.parametrize(
    ('drop', 'said'),
    [
        (('meta', 'message_hub', 'optimizer', 'param_schedulers'), 'weights alone'),
        (('message_hub',), 'a part of that: without message_hub'),
    ],
)
def test_weights_alone_cannot_be_resumed(tmp_path, drop, said):
    train(tmp_path / 'run', max_iters=2)
    file = tmp_path / 'run/iter_2.pth'
    content = torch.load(file, weights_only=False)
    torch.save({key: value for key, value in content.items() if key not in drop}, file)
    with pytest.raises(ValueError, match=rf'(?s)cannot be resumed.*{said}.*--load-from'):
        train(tmp_path / 'more', resume=str(file))
    torch.save(content['state_dict'], file)
    with pytest.raises(ValueError, match='(?s)cannot be resumed.*weights alone.*--load-from'):
        train(tmp_path / 'more', resume=str(file))


# ------------------------------------------------------------------ schedules

SCHEDULES = {
    'linear': [dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=6)],
    'steps': [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=2),
        dict(type='ShareStepLR', by_epoch=False, shares=(0.5,), end='MAX'),
    ],
    'cosine': [dict(type='CosineAnnealingLR', by_epoch=False, T_max='MAX', eta_min=0.001)],
}


@pytest.mark.parametrize('name', SCHEDULES)
def test_a_longer_run_follows_its_own_schedule(tmp_path, warned, name):
    """The rate is that of a run of this length from the start."""

    def schedule(cfg):
        length = cfg.train_cfg.max_iters
        text = repr(SCHEDULES[name]).replace("'MAX'", str(length))
        cfg.param_scheduler = Config.fromstring(f'a = {text}', '.py').a
        if name == 'linear' and length == 3:
            cfg.param_scheduler[0].end = 3

    def rates(folder):
        hub = torch.load(folder / 'iter_8.pth', weights_only=False)['message_hub']
        return hub['log_scalars']['train/lr'].data[0]

    train(tmp_path / 'cut', schedule, 3)
    train(tmp_path / 'cut', schedule, 8, resume='auto')
    train(tmp_path / 'whole', schedule, 8)
    assert rates(tmp_path / 'cut')[3:] == pytest.approx(rates(tmp_path / 'whole')[3:], rel=1e-9)
    assert any('another schedule' in line for line in of_resume(warned))
