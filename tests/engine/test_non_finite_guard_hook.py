import json

import pytest
import torch
from fakes import fake_runner
from mmdet.structures import DetDataSample

from mmssod.engine import NonFiniteGuardHook


def sample(path):
    return DetDataSample(metainfo={'img_path': path})


BRANCHES = {
    'inputs': {},
    'data_samples': {
        'labeled': [sample('/l/0.jpg'), None],
        'weak': [None, sample('/u/1.jpg')],
        'strong': [None, sample('/u/1.jpg')],
    },
}
PLAIN = {'inputs': [], 'data_samples': [sample('/l/0.jpg'), sample('/l/1.jpg')]}


def guard(runner, outputs, batch=PLAIN):
    NonFiniteGuardHook().after_train_iter(runner, runner.iter, batch, outputs)


@pytest.mark.parametrize(
    'outputs',
    [None, {}, {'loss': torch.tensor(1.0)}, {'loss': torch.tensor([2.0]), 'acc': float('nan')}],
)
def test_finite_values_pass(tmp_path, outputs):
    guard(fake_runner(tmp_path), outputs)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize(
    ('batch', 'images'),
    [
        (PLAIN, {'batch': ['/l/0.jpg', '/l/1.jpg']}),
        (BRANCHES, {'labeled': ['/l/0.jpg'], 'weak': ['/u/1.jpg'], 'strong': ['/u/1.jpg']}),
    ],
)
def test_names_the_loss_and_keeps_what_is_needed_to_find_the_cause(tmp_path, value, batch, images):
    runner = fake_runner(tmp_path, iter=41)
    outputs = {
        'loss': torch.tensor(value),
        'sup_loss': torch.tensor(1.5),
        'unsup_loss': torch.tensor(value),
    }
    with pytest.raises(RuntimeError) as error:
        guard(runner, outputs, batch)
    file = tmp_path / 'non_finite_iter_42.json'
    for part in ('unsup_loss', 'iteration 42', str(file), 'clip gradients', 'warm', 'lower'):
        assert part in str(error.value)
    assert 'sup_loss = 1.5' not in str(error.value)
    report = json.loads(file.read_text())
    assert report['losses'] == {'loss': str(value), 'sup_loss': 1.5, 'unsup_loss': str(value)}
    assert report['images'] == images
    assert report['learning_rate'] == {'lr': [0.01]}


def test_gradient_norm_is_watched(tmp_path):
    runner = fake_runner(tmp_path)
    runner.message_hub.update_scalar('train/grad_norm', float('inf'))
    with pytest.raises(RuntimeError, match='grad_norm'):
        guard(runner, {'loss': torch.tensor(1.0)})


def test_no_checkpoint_with_broken_weights(tmp_path):
    hook, runner = NonFiniteGuardHook(), fake_runner(tmp_path)
    good = {'a.weight': torch.ones(2), 'a.steps': torch.tensor(3)}
    hook.before_save_checkpoint(runner, {'state_dict': good})
    with pytest.raises(RuntimeError, match=r'1 weights.*b\.weight.*no checkpoint was written'):
        hook.before_save_checkpoint(
            runner, {'state_dict': {**good, 'b.weight': torch.tensor([1.0, float('nan')])}}
        )


def test_runs_before_logger_and_checkpoints():
    assert NonFiniteGuardHook.priority == 'HIGHEST'
