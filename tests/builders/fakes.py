"""Runners and models with just what a hook looks at."""

import logging
from types import SimpleNamespace

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from torch import nn

from mmssod.datasets import SampleKey

CLASSES = ('ant', 'bee', 'cat')


class ListHandler(logging.Handler):
    """Keeps messages."""

    def __init__(self):
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record):
        self.messages.append(record.getMessage())


class FakeDataset:
    """A data set of (image path, labels of its boxes)."""

    def __init__(self, images, classes=CLASSES):
        self.images = list(images)
        self.metainfo = {'classes': classes}

    def __len__(self):
        return len(self.images)

    def get_data_info(self, index):
        path, labels = self.images[index]
        return {'img_path': path, 'instances': [_instance(label) for label in labels]}


def _instance(label):
    """A negative label -1 - c stands for an ignored box of class c."""
    return {'bbox_label': label if label >= 0 else -1 - label, 'ignore_flag': int(label < 0)}


class FakePair(FakeDataset):
    """Labeled and unlabeled."""

    def __init__(self, labeled, unlabeled=None):
        super().__init__([])
        self.sources = {'labeled': labeled}
        if unlabeled is not None:
            self.sources['unlabeled'] = unlabeled


class FakeSources:
    """Stands for a SemiDataset: sources of given shapes, a sample being its key."""

    def __init__(self, **ratios: list[float]) -> None:
        self.sources = {name: np.array(r, dtype=float) for name, r in ratios.items()}
        starts = np.cumsum([0] + [len(r) for r in self.sources.values()])
        self.offsets = {name: int(s) for name, s in zip(self.sources, starts, strict=False)}
        self.headers_read = 0

    def full_init(self) -> None:
        """Nothing to read."""

    def aspect_ratios(self, name: str) -> np.ndarray:
        self.headers_read += 1
        return self.sources[name]

    def __len__(self) -> int:
        return sum(map(len, self.sources.values()))

    def __getitem__(self, key: SampleKey) -> SampleKey:
        return key


class FakeTeacher(nn.Module):
    """Notes the decays it was updated with."""

    def __init__(self, checkpoint=''):
        super().__init__()
        self.checkpoint = checkpoint
        self.decays: list[float] = []

    def update(self, student, decay):
        self.decays.append(decay)


class FakeBalancer(nn.Module):
    """Three classes."""

    def __init__(self, initialized=False):
        super().__init__()
        self.register_buffer('count', torch.tensor([10.0, 20.0, 30.0], dtype=torch.float64))
        self.register_buffer('certainty_sum', 0.25 * self.count)
        self.register_buffer('initialized', torch.tensor(initialized))
        self.started_with = None

    def initialize(self, counts, num_images=1):
        self.started_with = counts.tolist()
        self.initialized.fill_(True)

    def thresholds(self):
        return torch.tensor([0.4, 0.7, 0.9])

    def weights(self):
        return torch.tensor([1.5, 1.0, 0.5])


class FakeStatistics(nn.Module):
    """Four images, six boxes, until reset."""

    def __init__(self, images=4):
        super().__init__()
        self.images = images
        self.resets = 0

    def summary(self, reduce=False):
        boxes = [6.0, 0.0, 0.0] if self.images else [0.0, 0.0, 0.0]
        quantiles = [0.5, 0.75, 0.99] if self.images else []
        return {
            'images': self.images,
            'boxes_per_image': sum(boxes) / max(self.images, 1),
            'boxes_per_class': boxes,
            'p_quantiles': quantiles,
            'v_quantiles': quantiles,
        }

    def reset(self):
        self.resets += 1

    def gather(self):
        pass


class FakeModel(nn.Module):
    """A pseudo-label detector's parts."""

    def __init__(self, labeler=None, initialized=False, images=4):
        super().__init__()
        self.student = nn.Linear(1, 1)
        self.labeler = labeler or FakeTeacher()
        self.balancer = FakeBalancer(initialized)
        self.statistics = FakeStatistics(images)
        self.candidate_statistics = FakeStatistics(images)
        self.unsupervised = True


def fake_runner(tmp_path, model=None, dataset=None, batch_size=2, counts=None, **values):
    """A runner at iteration 0 of 100; ``runner.messages`` holds what was logged."""
    handler = ListHandler()
    logger = logging.Logger('fake')
    logger.addHandler(handler)
    sampler = (
        SimpleNamespace()
        if counts is None
        else SimpleNamespace(counts=counts, batch_size=sum(counts.values()))
    )
    dataset = (
        dataset
        if dataset is not None
        else FakePair(FakeDataset([('/l/0.jpg', [0, 0, 1])]), FakeDataset([('/u/0.jpg', [])]))
    )
    runner = SimpleNamespace(
        model=model or FakeModel(),
        cfg=Config(),
        iter=0,
        max_iters=100,
        rank=0,
        world_size=1,
        seed=7,
        work_dir=str(tmp_path),
        logger=logger,
        messages=handler.messages,
        message_hub=MessageHub(f'fake_{id(handler)}'),
        train_loop=SimpleNamespace(),
        val_loop=None,
        hooks=[],
        auto_scale_lr=None,
        train_dataloader=SimpleNamespace(dataset=dataset, batch_size=batch_size, sampler=sampler),
        optim_wrapper=SimpleNamespace(get_lr=lambda: {'lr': [0.01]}),
        visualizer=SimpleNamespace(
            add_scalars=lambda scalars, step: runner.scalars.append((step, scalars))
        ),
        scalars=[],
    )
    for name, value in values.items():
        setattr(runner, name, value)
    return runner


def run_iterations(hook, runner, iterations, outputs=None):
    """What the loop does around a training step."""
    for runner.iter in iterations:
        hook.before_train_iter(runner, runner.iter, {})
        hook.after_train_iter(runner, runner.iter, {}, outputs or {})
