"""Runs all recipes with all seeds, several at once where resources allow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue

import torch

from matrix_runs.matrix import Matrix, Recipe
from matrix_runs.runs import Run, run_once, take_over


def run_matrix(
    matrix: Matrix,
    seeds: Sequence[int],
    out: str,
    *,
    only: Sequence[str] = (),
    command: Sequence[str] = (),
    jobs: int = 1,
    share: Sequence[str] = (),
) -> list[Run]:
    """Run recipes with all seeds.

    Args:
        matrix: The recipes.
        seeds: Random seeds.
        out: Folder of results and checkpoints.
        only: Names of the recipes to run; none means all.
        command: Command that calls this function for one run once ``--only NAME --seeds SEED`` is added to it; for
            ``jobs > 1``.
        jobs: Runs at once. One runs in this process; more are processes of their own, which share the CPU's cores and
            take turns on the GPUs.
        share: Folders of other matrices, whose finished runs of the same configs are taken over.

    Raises:
        ValueError: For an unknown name in ``only``.
        RuntimeError: If a run failed; the others are finished first.
    """
    names = [recipe.name for recipe in matrix.recipes]
    if unknown := [name for name in only if name not in names]:
        raise ValueError(f'no recipes {unknown} in this matrix; it has {names}')
    tasks = [(name, seed) for seed in seeds for name in names if not only or name in only]
    for name, seed in tasks:
        if not _done(matrix[name], seed, out):
            take_over(matrix, name, seed, out, share)
    if jobs > 1:
        _run_processes(matrix, tasks, out, command, jobs)
    return [run_once(matrix, name, seed, out) for name, seed in tasks]


def _run_processes(
    matrix: Matrix, tasks: list[tuple[str, int]], out: str, command: Sequence[str], jobs: int
) -> None:
    slots: SimpleQueue[int] = SimpleQueue()
    for slot in range(jobs):
        slots.put(slot)

    def work(name: str, seed: int) -> int:
        slot = slots.get()
        try:
            return _run_process(matrix[name], seed, out, command, slot, jobs)
        finally:
            slots.put(slot)

    waiting = [(name, seed) for name, seed in tasks if not _done(matrix[name], seed, out)]
    running: dict[Future[int], tuple[str, int]] = {}
    failed: list[str] = []
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            for name, seed in list(waiting):
                ready = all(_done(matrix[need], seed, out) for need in matrix[name].needs)
                if len(running) < jobs and ready:
                    waiting.remove((name, seed))
                    running[pool.submit(work, name, seed)] = (name, seed)
            if not running:  # what is left waits for a run that failed
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, seed = running.pop(future)
                if future.result() or not _done(matrix[name], seed, out):
                    failed.append(f'{out}/seed_{seed}/{matrix[name].slug}.log')
    if failed:
        skipped = f'; not started: {waiting}' if waiting else ''
        raise RuntimeError(f'runs failed, see {", ".join(failed)}{skipped}')


def _done(recipe: Recipe, seed: int, out: str) -> bool:
    return (Path(out) / f'seed_{seed}' / f'{recipe.slug}.json').exists()


def _run_process(
    recipe: Recipe, seed: int, out: str, command: Sequence[str], slot: int, jobs: int
) -> int:
    threads = max((os.cpu_count() or 1) // jobs, 1)
    environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    if count := torch.cuda.device_count():
        ours = os.environ.get('CUDA_VISIBLE_DEVICES') or ','.join(map(str, range(count)))
        environment['CUDA_VISIBLE_DEVICES'] = ours.split(',')[slot % count]
    log = Path(out) / f'seed_{seed}' / f'{recipe.slug}.log'
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f'{recipe.name}, seed {seed}: running, log {log}\n')
    with log.open('a') as stream:
        call = [*command, '--only', recipe.name, '--seeds', str(seed)]
        return subprocess.call(call, env=environment, stdout=stream, stderr=subprocess.STDOUT)
