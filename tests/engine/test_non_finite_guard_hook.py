import json
from types import SimpleNamespace

import pytest
import torch
from builders.fakes import fake_runner
from builders.toy_training import toy_config, weights_of
from mmdet.structures import DetDataSample
from mmengine.logging import HistoryBuffer
from mmengine.optim import AmpOptimWrapper

from mmssod import apis
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


def test_values_are_read_device_by_device(tmp_path, monkeypatch):
    """Such as losses on a GPU beside counts on the host."""
    copies = []

    def stack(values):
        copies.append([value.device.type for value in values])
        return torch.ones(len(values))

    monkeypatch.setattr(torch, 'stack', stack)
    other = torch.zeros((), device='meta')
    guard(fake_runner(tmp_path), dict(loss=other, boxes=torch.tensor(3.0), loss_box=other))
    assert sorted(copies) == [['cpu'], ['meta', 'meta']]


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


# ------------------------------------------------------------------ policies


def norms(runner, *values):
    for value in values:
        runner.message_hub.update_scalar('train/grad_norm', value)


def test_warn_only_warns(tmp_path):
    runner = fake_runner(tmp_path)
    hook = NonFiniteGuardHook(policy='warn')
    hook.before_train(runner)
    hook.after_train_iter(runner, 0, PLAIN, {'loss': float('nan')})
    assert 'not finite in iteration 1: loss = nan' in runner.messages[0]
    assert (tmp_path / 'non_finite_iter_1.json').exists()


@pytest.mark.parametrize('policy', ['stop', 'warn'])
@pytest.mark.parametrize(('last', 'explodes'), [(900.0, False), (1100.0, True)])
def test_an_explosion_is_told_by_the_median(tmp_path, policy, last, explodes):
    runner = fake_runner(tmp_path)
    norms(runner, *[1.0] * 30, last)
    hook = NonFiniteGuardHook(explosion_policy=policy)
    if explodes and policy == 'stop':
        with pytest.raises(RuntimeError, match=r'exploding gradients.*1\.1e\+03 times its median'):
            hook.after_train_iter(runner, 0, PLAIN, {'loss': 1.0})
        return
    hook.after_train_iter(runner, 0, PLAIN, {'loss': 1.0})
    assert len(runner.messages) == explodes


def test_few_norms_are_no_measure(tmp_path):
    runner = fake_runner(tmp_path)
    norms(runner, *[1.0] * 10, 1e9)
    NonFiniteGuardHook(explosion_policy='stop').after_train_iter(runner, 0, PLAIN, {'loss': 1.0})


@pytest.mark.parametrize(
    'wrong',
    [{'policy': 'hope'}, {'explosion_policy': ''}, {'patience': 0}, {'explosion': 1.0}],
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match='expected'):
        NonFiniteGuardHook(**wrong)


def skipping(tmp_path, poison, **options):
    """A toy run whose loss is NaN in the steps ``poison``; its config."""
    cfg = toy_config(tmp_path, max_iters=6, model=dict(poison=poison, norm=False))
    for hook in cfg.custom_hooks:
        if hook.type == 'NonFiniteGuardHook':
            hook.update(policy='skip', **options)
    return cfg


def test_skip_takes_no_step_and_goes_on(tmp_path, monkeypatch):
    """Weights, momentum and teacher after a skipped step are those before it."""
    seen = []
    step = torch.optim.SGD.step

    def watched(self, *args):
        before = [p.detach().clone() for group in self.param_groups for p in group['params']]
        result = step(self, *args)
        after = [p.detach() for group in self.param_groups for p in group['params']]
        seen.append(all(map(torch.equal, before, after)))
        return result

    monkeypatch.setattr(torch.optim.SGD, 'step', watched)
    apis.train(skipping(tmp_path, poison=3))
    assert seen == [False, False, False, True, False, False]
    assert all(value.isfinite().all() for value in weights_of(tmp_path, 6).values())
    assert (tmp_path / 'non_finite_iter_4.json').exists()


def test_skips_in_a_row_end_the_run(tmp_path):
    runner = fake_runner(tmp_path)
    hook = NonFiniteGuardHook(policy='skip', patience=3)
    for good in (False, False, True, False, False):
        hook.after_train_iter(runner, 0, PLAIN, {'loss': 1.0 if good else float('nan')})
    with pytest.raises(RuntimeError, match='3 iterations in a row went wrong'):
        hook.after_train_iter(runner, 0, PLAIN, {'loss': float('nan')})


def test_an_exploded_step_can_be_skipped(tmp_path):
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    clips = dict(optimizer=optimizer, get_lr=dict, clip_grad_kwargs=dict(max_norm=35))
    runner = fake_runner(tmp_path, optim_wrapper=SimpleNamespace(**clips))
    hook = NonFiniteGuardHook(explosion_policy='skip')
    hook.before_train(runner)
    norms(runner, *[1.0] * 30)
    for norm in (1e6, 1.0):
        norms(runner, norm)
        weight.grad = torch.ones(2)
        optimizer.step()
        hook.after_train_iter(runner, 0, PLAIN, {'loss': 1.0})
        assert torch.equal(weight.detach(), torch.ones(2) * (norm > 1))
    assert len(runner.messages) == 1 and 'The step was skipped' in runner.messages[0]


def test_finite_gradients_of_a_loss_that_is_not(tmp_path):
    """A loss that is only logged may be NaN; the step is taken, and the message says so."""
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    runner = fake_runner(tmp_path, optim_wrapper=SimpleNamespace(optimizer=optimizer, get_lr=dict))
    hook = NonFiniteGuardHook(policy='skip')
    hook.before_train(runner)
    for gradient in (1.0, float('nan'), None):
        if gradient is not None:
            weight.grad = torch.full((2,), gradient)
            optimizer.step()
        hook.after_train_iter(runner, 0, PLAIN, {'loss': float('nan')})
    ends = ('the step was taken', 'The step was skipped', 'No step was due')
    assert all(text.endswith(end) for text, end in zip(runner.messages, ends, strict=True))
    assert torch.equal(weight.detach(), torch.zeros(2))


@pytest.mark.parametrize('policy', ['warn', 'skip'])
def test_norms_are_watched_without_clipping(tmp_path, policy):
    """They are what clipping with a bound far away logs, and no weight differs."""
    found = {}
    for name, clip in (('clipped', dict(max_norm=1e9)), ('plain', None)):
        cfg = toy_config(tmp_path / name, max_iters=6)
        cfg.optim_wrapper.clip_grad = clip
        for hook in cfg.custom_hooks:
            hook.update(policy=policy) if hook.type == 'NonFiniteGuardHook' else None
        apis.train(cfg)
        saved = torch.load(tmp_path / name / 'iter_6.pth', weights_only=False)
        history = saved['message_hub']['log_scalars']['train/grad_norm']
        found[name] = (history.data[0].tolist(), weights_of(tmp_path / name, 6))
    (clipped, weights), (plain, others) = found.values()
    assert len(plain) == 6 and plain == pytest.approx(clipped)
    assert all(torch.equal(value, others[name]) for name, value in weights.items())


def test_an_explosion_without_clipping_is_seen_and_waits_for_nothing(tmp_path):
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    runner = fake_runner(tmp_path, optim_wrapper=SimpleNamespace(optimizer=optimizer))
    hook = NonFiniteGuardHook()
    hook.before_train(runner)
    for gradient in [1.0] * 30 + [1e6]:
        weight.grad = torch.full((2,), gradient)
        optimizer.step()
        assert torch.is_tensor(hook._norm)  # on the device until the losses are transferred
        hook.after_train_iter(runner, 0, PLAIN, {'loss': torch.tensor(1.0)})
    assert len(runner.messages) == 1 and 'grad_norm = 1.41e+06' in runner.messages[0]
    hook.before_train_iter(runner, 0)
    hook.after_train_iter(runner, 0, PLAIN, {'loss': torch.tensor(1.0)})  # without a step
    assert len(runner.messages) == 1


def test_patience_outlives_a_resume(tmp_path):
    checkpoint = {'state_dict': {}}
    first, second = (NonFiniteGuardHook(policy='skip', patience=3) for _ in range(2))
    for _ in range(2):
        first.after_train_iter(fake_runner(tmp_path), 0, PLAIN, {'loss': float('nan')})
    first.before_save_checkpoint(fake_runner(tmp_path), checkpoint)
    for resumed, stops in ((False, False), (True, True)):
        runner = fake_runner(tmp_path, _resume=resumed)
        second.after_load_checkpoint(runner, checkpoint)
        if stops:
            with pytest.raises(RuntimeError, match='3 iterations in a row'):
                second.after_train_iter(runner, 0, PLAIN, {'loss': float('nan')})
    second.after_load_checkpoint(fake_runner(tmp_path, _resume=True), {})  # an old one
    assert second._skipped_in_a_row == 0


def test_a_norm_is_judged_once(tmp_path):
    """With accumulated gradients the log keeps the norm of the last step for the iterations between."""
    runner = fake_runner(tmp_path)
    hook = NonFiniteGuardHook()
    norms(runner, *[1.0] * 30, 1e6)
    for _ in range(3):
        hook.after_train_iter(runner, 0, PLAIN, {'loss': 1.0})
        _shorten(runner, 30)
        hook.before_train_iter(runner, 0)
    assert len(runner.messages) == 1
    norms(runner, 1e6)
    hook.after_train_iter(runner, 0, PLAIN, {'loss': 1.0})
    assert len(runner.messages) == 2


def _shorten(runner, length):
    log = runner.message_hub.log_scalars
    parts = (part[-length:] for part in log['train/grad_norm'].data)
    log['train/grad_norm'] = HistoryBuffer(*parts)


@pytest.mark.parametrize(('last', 'told'), [(1e6, True), (float('inf'), False), (1.0, False)])
def test_mixed_precision_watches_finite_norms(tmp_path, last, told):
    weight = torch.nn.Parameter(torch.ones(2))
    wrapper = AmpOptimWrapper.__new__(AmpOptimWrapper)
    wrapper.optimizer = torch.optim.SGD([weight], lr=1.0)
    runner = fake_runner(tmp_path, optim_wrapper=wrapper)
    norms(runner, *[1.0] * 30, last)
    NonFiniteGuardHook().after_train_iter(runner, 0, PLAIN, {'loss': 1.0})
    assert len(runner.messages) == told
