"""Checks the built data sets, loader, loop and model before the first iteration."""

from __future__ import annotations

from collections.abc import Iterator

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmssod.engine.preflight.config_checks import number_problems
from mmssod.engine.preflight.data_checks import outside_problems
from mmssod.engine.preflight.parts import built_part_problems
from mmssod.engine.reliability.resume import warm_up_end
from mmssod.engine.runner_access import (
    bare_model,
    count_boxes,
    image_paths,
    images_per_step,
    labeled_source,
    sources,
)
from mmssod.structures import Problem

MAX_COMPARED_IMAGES = 1_000_000
"""Unlabeled images whose paths are compared with the labeled ones; more would delay the start."""


def runtime_problems(runner: Runner) -> list[Problem]:
    """Problems that only what was built can show; all others are ``config_problems``."""
    sets = sources(runner.train_dataloader.dataset)
    if runner.val_loop is not None:
        sets['val_dataloader'] = runner.val_loop.dataloader.dataset
    return [
        *_empty_source_problems(runner),
        *(problem for name, part in sets.items() for problem in outside_problems(name, part)),
        *_checkpoint_problems(runner),
        *class_number_problems(runner),
        *built_part_problems(runner),
    ]


def runtime_warnings(runner: Runner) -> list[str]:
    """Warnings about settings that are seldom intended: few images, images in both sources, the rate."""
    return [*_image_warnings(runner), *_length_warnings(runner), *_learning_rate_warnings(runner)]


def empty_class_problems(runner: Runner) -> list[Problem]:
    """One problem when classes have no labeled box; whether that is an error is a setting."""
    dataset, classes = labeled_source(runner.train_dataloader.dataset), _classes(runner)
    if dataset is None:
        return []
    counts = count_boxes(dataset, len(classes)).tolist()
    empty = [name for name, count in zip(classes, counts, strict=True) if count == 0]
    share = f'{len(empty)} of {len(classes)} classes'
    what = f'{share} have no labeled box and cannot be learned: {empty}'
    fix = 'label some, or leave the classes out; default_hooks.preflight.empty_classes says whether that stops a run'
    return [Problem(what, 'at least one box per class', 'none of these', fix)] if empty else []


def batch_line(runner: Runner) -> str:
    """What one iteration trains on, such as ``batch: 1 labeled + 1 unlabeled per GPU x 4 = 8``."""
    loader = runner.train_dataloader
    counts = getattr(loader.sampler, 'counts', None) or {'images': loader.batch_size}
    per_process = ' + '.join(f'{count} {name}' for name, count in counts.items())
    device = 'process' if next(bare_model(runner).parameters()).device.type == 'cpu' else 'GPU'
    line = f'batch: {per_process} per {device} x {runner.world_size} = {images_per_step(runner)} images'
    for name, first in getattr(loader.sampler, 'start', {}).items():
        line += f', {name} from iteration {first} on'
    steps = _accumulated(runner)
    return line + (f', gradients of {steps} iterations accumulated' if steps > 1 else '')


def class_number_problems(runner: Runner) -> list[Problem]:
    """Modules whose ``num_classes`` is not that of the data set, the balancer among them."""
    model = bare_model(runner)
    numbers = {
        name or type(module).__name__: getattr(module, 'num_classes', None)
        for name, module in model.named_modules()
    }
    if hasattr(model, 'balancer'):
        numbers['balancer'] = model.balancer.count.numel()
    return number_problems(numbers, _classes(runner))


def _classes(runner: Runner) -> list[str]:
    return list(runner.train_dataloader.dataset.metainfo.get('classes') or [])


def _accumulated(runner: Runner) -> int:
    return getattr(runner.optim_wrapper, '_accumulative_counts', 1)


def _empty_source_problems(runner: Runner) -> Iterator[Problem]:
    for name, part in sources(runner.train_dataloader.dataset).items():
        if not len(part):
            where = getattr(part, 'ann_file', '') or getattr(part, 'images', '') or 'its config'
            what, fix = f'the source {name} is empty', 'correct the paths, or filter_cfg'
            yield Problem(what, 'at least one image', f'no image from {where}', fix)


def _checkpoint_problems(runner: Runner) -> Iterator[Problem]:
    steps = _accumulated(runner)
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or hook.by_epoch or hook.interval <= 0:
            continue
        between = {key: getattr(hook, key) for key in ('interval', 'save_begin')}
        if any(number % steps for number in between.values()):
            yield Problem(
                'a checkpoint between optimizer steps loses the gradients gathered so far, so a resume ends elsewhere',
                f'default_hooks.checkpoint: iterations that optim_wrapper.accumulative_counts={steps} divides',
                ', '.join(f'{key}={number}' for key, number in between.items()),
                f'set interval={-(-hook.interval // steps) * steps}, and save_begin to a multiple of {steps}',
            )


def _image_warnings(runner: Runner) -> Iterator[str]:
    counts = getattr(runner.train_dataloader.sampler, 'counts', {})
    parts = sources(runner.train_dataloader.dataset)
    labeled = set(image_paths(parts['labeled'])) if 'labeled' in parts else set()
    for name, part in parts.items():
        needed = counts.get(name, 0) * runner.world_size
        if len(part) < needed:
            yield (
                f'the source {name} has {len(part)} images and a batch takes {needed} of it: an image is in a batch '
                'more than once. Lower train_dataloader.sampler.counts unless that is meant'
            )
        compared = name != 'labeled' and len(part) <= MAX_COMPARED_IMAGES
        both = sum(path in labeled for path in image_paths(part)) if labeled and compared else 0
        if both:
            yield (
                f'{both} of {len(part)} images of the source {name} are labeled images too: they '
                'are trained on with their boxes and with pseudo labels. Leave them out unless '
                'that is meant'
            )


def _length_warnings(runner: Runner) -> Iterator[str]:
    burn_in = max((getattr(hook, 'burn_in', 0) for hook in runner.hooks), default=0)
    unlabeled = sources(runner.train_dataloader.dataset).keys() - {'labeled'}
    if burn_in >= runner.max_iters and unlabeled:
        yield (
            f'the burn-in of {burn_in} iterations is not over when the training of {runner.max_iters} ends: no pseudo '
            "label is ever trained. Lower burn_in of the teacher's hook, or raise train_cfg.max_iters"
        )
    end = warm_up_end(runner.cfg)
    if end > runner.max_iters / 2:
        yield (
            f'the learning rate rises until iteration {end} of {runner.max_iters}: the run ends before it has '
            'learned much. Train longer, or lower the end of that LinearLR in param_scheduler'
        )


def _learning_rate_warnings(runner: Runner) -> Iterator[str]:
    scale = runner.auto_scale_lr or {}
    base, actual = scale.get('base_batch_size'), images_per_step(runner) * _accumulated(runner)
    if base and base != actual and not scale.get('enable', False):
        yield (
            f'the learning rate is declared for {base} images per optimizer step, this run has {actual}: '
            f'pass --auto-scale-lr to multiply it by {actual / base:g}, or set '
            f'auto_scale_lr.base_batch_size={actual} if the rate is meant for this batch'
        )
