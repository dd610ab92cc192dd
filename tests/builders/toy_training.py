"""A training run in miniature: a linear student, an EMA teacher, a few vectors for images.

Everything that makes a run hard to resume is in it: dropout (torch's generator), augmentation
(numpy's), an EMA teacher with batch norm, class statistics, momentum, a schedule, two sources.
"""

import os
import os.path as osp
import signal
from copy import deepcopy

import numpy as np
import torch
from mmdet.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import nn

from mmssod.models.pseudo import ClassBalancer, PseudoLabelStatistics
from mmssod.structures import PseudoLabels

CLASSES = ('ant', 'bee', 'cat')
FEATURES = 4


@DATASETS.register_module()
class ToyImages(BaseDataset):
    """``length`` vectors; image i has i % 4 boxes, of the classes 0, 1, 2 in turn."""

    METAINFO = {'classes': CLASSES}

    def __init__(self, length: int, name: str = 'toy', **kwargs):
        self.length, self.name = length, name
        super().__init__(serialize_data=False, **kwargs)

    def load_data_list(self):
        return [
            {
                'img_path': f'/{self.name}/{i}.jpg',
                'img_id': i,
                'instances': [{'bbox_label': b, 'ignore_flag': 0} for b in range(i % 4)],
            }
            for i in range(self.length)
        ]


@TRANSFORMS.register_module()
class ToyPipeline:
    """The vector of an image plus a little noise, packed as mmdet packs."""

    def __init__(self, noise: float = 0.1):
        self.noise = noise

    def __call__(self, info):
        image = np.random.RandomState(info['img_id']).rand(FEATURES)
        image = image + self.noise * np.random.rand(FEATURES)
        sample = DetDataSample(metainfo={'img_path': info['img_path'], 'img_id': info['img_id']})
        return {'inputs': torch.tensor(image, dtype=torch.float32), 'data_samples': sample}


class ToyTeacher(nn.Module):
    """An EMA teacher with the interface of mmssod's labelers."""

    def __init__(self, student: nn.Module, checkpoint: str = ''):
        super().__init__()
        self.teacher = deepcopy(student).requires_grad_(False)
        self.checkpoint = checkpoint
        self.train(False)

    def train(self, mode: bool = True):
        return super().train(False)

    @torch.no_grad()
    def update(self, student: nn.Module, decay: float):
        pairs = zip(self.teacher.state_dict().values(), student.state_dict().values(), strict=True)
        for ours, theirs in pairs:
            ours.copy_(ours * decay + theirs * (1 - decay) if ours.is_floating_point() else theirs)


@MODELS.register_module()
class ToyDetector(BaseModel):
    """Learns the sum of a vector from the labeled half of a batch, the teacher's from the rest."""

    def __init__(self, labeled: int = 2, dropout: float = 0.5, poison: int = -1, norm: bool = True):
        super().__init__()
        norms = [nn.BatchNorm1d(8)] if norm else []
        self.student = nn.Sequential(
            nn.Linear(FEATURES, 8), *norms, nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 1)
        )
        self.labeler = ToyTeacher(self.student)
        self.balancer = ClassBalancer(len(CLASSES), threshold_power=0.05, weight_power=0.6)
        self.candidate_statistics = PseudoLabelStatistics(len(CLASSES))
        self.statistics = PseudoLabelStatistics(len(CLASSES))
        self.unsupervised = True
        self.labeled, self.poison, self.steps = labeled, poison, 0

    def forward(self, inputs, data_samples=None, mode='tensor'):
        inputs = torch.stack(list(inputs))
        if mode == 'predict':
            return [_prediction(sample) for sample in data_samples]
        labeled, unlabeled = inputs[: self.labeled], inputs[self.labeled :]
        predicted = self.student(inputs)
        weight = self.balancer.weights().mean().float()
        wanted = labeled.sum(dim=1, keepdim=True)
        losses = {'sup_loss': weight * (predicted[: self.labeled] - wanted).square().mean()}
        if self.unsupervised and len(unlabeled):
            pseudo = self.labeler.teacher(unlabeled)
            losses['unsup_loss'] = (predicted[self.labeled :] - pseudo).square().mean()
            losses['pseudo_boxes'] = torch.tensor(1.5)
            found = [_pseudo_labels(image) for image in unlabeled]
            self.candidate_statistics.update(found)
            self.statistics.update(found)
        with torch.no_grad():
            foreground = predicted.sigmoid().sum().expand(len(CLASSES))
            self.balancer.update(foreground * 0.5, foreground)
        if self.steps == self.poison:
            losses['sup_loss'] = losses['sup_loss'] * float('nan')
        self.steps += 1
        return losses


def _pseudo_labels(image):
    """As many boxes as the image's noise says, 0 to 2, of one class."""
    certainties = image[: int(image.sum() * 1000) % 3]
    labels = torch.full_like(certainties, int(image[0] * 1000) % len(CLASSES), dtype=torch.long)
    boxes = torch.zeros(len(labels), 4)
    return PseudoLabels(boxes, labels, certainties, certainties, torch.ones_like(certainties))


def _prediction(sample):
    result = DetDataSample(metainfo=sample.metainfo)
    result.pred_instances = InstanceData(scores=torch.ones(2))
    return result


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """Counts predictions."""

    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results += [len(sample['pred_instances']['scores']) for sample in data_samples]

    def compute_metrics(self, results):
        return {'bbox_mAP': sum(results) / 100}


@HOOKS.register_module()
class EvaluationScheduler(Hook):
    """Signals the process within an evaluation."""

    def __init__(self, iteration, rank=0):
        self.iteration, self.rank = iteration, rank

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        if (runner.iter, batch_idx, runner.rank) == (self.iteration, 0, self.rank):
            os.kill(os.getpid(), signal.SIGTERM)


def toy_config(
    work_dir, *, max_iters=4, counts=(2, 2), model=None, hooks=(), loader=None
) -> Config:
    """A config like those of mmssod; ``counts`` are labeled and unlabeled images of a process."""
    names = dict(zip(('labeled', 'unlabeled'), counts, strict=True))
    sources = {
        'labeled': dict(
            type='ToyImages', length=7, name='labeled', pipeline=[dict(type='ToyPipeline')]
        ),
        'unlabeled': dict(
            type='ToyImages', length=11, name='more', pipeline=[dict(type='ToyPipeline')]
        ),
    }
    evaluation = dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='ToyImages', length=4, test_mode=True, pipeline=[dict(type='ToyPipeline')]
        ),
    )
    return Config(
        dict(
            default_scope='mmdet',
            custom_imports=dict(
                imports=['mmssod', 'builders.toy_training'], allow_failed_imports=False
            ),
            experiment_name='toy_' + '_'.join(str(work_dir).split('/')[-3:]),
            work_dir=str(work_dir),
            model=dict(type='ToyDetector', labeled=counts[0], **(model or {})),
            train_dataloader=dict(
                batch_size=sum(counts),
                sampler=dict(type='SourceSampler', counts=names, aspect_grouping=False),
                dataset=dict(type='SemiDataset', **sources),
                **(loader or dict(num_workers=0)),
            ),
            val_dataloader=evaluation,
            test_dataloader=evaluation,
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=1000),
            val_cfg=dict(),
            test_cfg=dict(),
            val_evaluator=dict(type='ToyMetric'),
            test_evaluator=dict(type='ToyMetric'),
            optim_wrapper=dict(
                type='OptimWrapper',
                optimizer=dict(type='SGD', lr=0.05, momentum=0.9),
                clip_grad=dict(max_norm=10),
            ),
            param_scheduler=[dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=3)],
            auto_scale_lr=dict(enable=False, base_batch_size=sum(counts)),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=1),
                checkpoint=dict(type='WholeCheckpointHook', by_epoch=False, interval=2),
                visualization=dict(type='DetVisualizationHook'),
            ),
            custom_hooks=[
                dict(type='PreflightHook'),
                dict(type='SeedHook'),
                dict(type='FastResumeHook'),
                dict(type='NonFiniteGuardHook'),
                dict(type='BufferBroadcastHook'),
                dict(type='EMATeacherHook', ema_decay=0.9, burn_in=1),
                dict(type='ClassBalanceHook', interval=2),
                dict(type='PseudoLabelHook', interval=2),
                dict(type='ProgressHook'),
                dict(type='PreemptionHook', interval=1),
                dict(type='DueEvaluationHook'),
                *hooks,
            ],
            log_processor=dict(type='LogProcessor', window_size=2, by_epoch=False),
            visualizer=dict(type='DetLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')]),
            randomness=dict(seed=3),
            env_cfg=dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0)),
        )
    )


def write_config(cfg: Config, folder) -> str:
    """A config file with the given content."""
    file = osp.join(str(folder), 'toy.py')
    cfg.dump(file)
    return file


def weights_of(work_dir, iteration: int) -> dict[str, torch.Tensor]:
    """All weights and buffers of a run's checkpoint."""
    file = osp.join(str(work_dir), f'iter_{iteration}.pth')
    return torch.load(file, map_location='cpu', weights_only=False)['state_dict']
