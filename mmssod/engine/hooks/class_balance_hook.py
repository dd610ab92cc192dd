"""Class balance: initial counts from the labeled boxes, then thresholds and weights in the log and in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from terminaltables import AsciiTable

from mmssod.engine.runner_access import bare_model, count_boxes, labeled_source
from mmssod.environment.errors import InputError
from mmssod.environment.log_entries import log_entries
from mmssod.environment.whole_files import naming, write_whole

_HEADER = ['class', 'labeled boxes', 'tau', 'alpha', 'count', 'p*v', 'pseudo boxes per image']


@HOOKS.register_module()
class ClassBalanceHook(Hook):
    """Starts the class balancer and shows its thresholds and weights.

    The state is the balancer's (buffers, so it is in the checkpoint and summed over processes by
    the balancer itself). This hook initialises it once with the labeled set's box counts and, every
    ``interval`` iterations, logs a table and appends a line to ``class_balance.jsonl`` in the work
    directory: iteration, and by class tau_m, alpha_m, the accumulated count, its mean p*v, pseudo boxes per image. The
    first line, of iteration 0, also has the names of the classes and their labeled boxes. A resumed run goes on in the
    same file; lines of iterations that it does again are replaced.

    All processes compute what is shown, process 0 alone writes it: a value that needs communication would not hang.

    Args:
        interval: iterations between two tables, >= 1.

    Raises:
        ValueError: ``interval`` below 1.
    """

    cheap_to_build = True

    priority = 'NORMAL'
    file_name = 'class_balance.jsonl'

    def __init__(self, interval: int = 1000) -> None:
        if interval < 1:
            raise InputError(f'expected interval >= 1, got {interval}')
        self.interval = interval
        self._box_counts: list[int] = []

    def before_train(self, runner: Runner) -> None:
        """Give the balancer its first counts, unless a checkpoint has brought later ones."""
        balancer = bare_model(runner).balancer
        dataset: Any = labeled_source(runner.train_dataloader.dataset)
        counts = count_boxes(dataset, balancer.count.numel())
        self._box_counts = [int(count) for count in counts]
        if not bool(balancer.initialized):
            balancer.initialize(counts.to(balancer.count), num_images=len(dataset))
        record = {'iter': runner.iter} | balance_record(bare_model(runner))
        if not is_main_process():
            return
        file = Path(runner.work_dir, self.file_name)
        if runner.iter == 0 or not file.exists():
            names = list(runner.train_dataloader.dataset.metainfo['classes'])
            record |= {'classes': names, 'labeled_boxes': self._box_counts}
            self._write(runner, record, mode='w')
        else:
            _forget_after(file, runner.iter)

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Log the table and append the line."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        record = {'iter': runner.iter + 1} | balance_record(bare_model(runner))
        if not is_main_process():
            return
        classes = list(runner.train_dataloader.dataset.metainfo['classes'])
        runner.logger.info(
            f'class balance after {runner.iter + 1} iterations\n'
            + balance_table(classes, self._box_counts, record)
        )
        self._write(runner, record, mode='a')

    def _write(self, runner: Runner, record: dict[str, Any], mode: str) -> None:
        file = Path(runner.work_dir, self.file_name)
        with naming(file), open(file, mode, encoding='utf-8') as stream:
            stream.write(json.dumps(record) + '\n')


def balance_record(model: Any) -> dict[str, Any]:
    """What the balancer holds, as numbers by class; every process must call it.

    Returns:
        dict: lists of length M: ``thresholds`` (tau_m), ``weights`` (alpha_m), ``counts`` (accumulated foreground
        candidates), ``certainty`` (their mean p*v; 0 without any) and ``pseudo_boxes`` (boxes per image since the
        statistics were last reset; None where no unlabeled image was seen).
    """
    seen = model.statistics.summary(reduce=True)
    images = seen['images']
    balancer = model.balancer
    return {
        'thresholds': balancer.thresholds().tolist(),
        'weights': balancer.weights().tolist(),
        'counts': balancer.count.tolist(),
        'certainty': (balancer.certainty_sum / balancer.count.clamp(min=1e-9)).tolist(),
        'pseudo_boxes': [n / images for n in seen['boxes_per_class']] if images else None,
    }


def balance_table(classes: list[str], box_counts: list[int], record: dict[str, Any]) -> str:
    """One row per class, in the order of ``classes``; a dash for what ``record`` does not tell."""
    unknown = [None] * len(classes)
    columns = zip(
        classes,
        box_counts,
        record['thresholds'],
        record['weights'],
        record['counts'],
        record['certainty'] or unknown,
        record['pseudo_boxes'] or unknown,
        strict=True,
    )
    rows = [
        [name, str(n), f'{tau:.3f}', f'{alpha:.3f}', f'{count:.0f}', *map(_figure, means)]
        for name, n, tau, alpha, count, *means in columns
    ]
    table = AsciiTable([_HEADER, *rows])
    for column in range(1, len(_HEADER)):
        table.justify_columns[column] = 'right'
    return str(table.table)


def _figure(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f}'


def _forget_after(file: Path, iteration: int) -> None:
    """Drop lines of iterations that a resumed run does again, and a line cut by a kill."""
    kept = [
        e for e in log_entries(file) if isinstance(e.get('iter'), int) and e['iter'] <= iteration
    ]
    write_whole(file, ''.join(json.dumps(entry) + '\n' for entry in kept))
