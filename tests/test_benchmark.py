"""Recipes x seeds: figures, tables, nothing run twice, what starts from what."""

import json
import runpy
import sys
import time
from copy import deepcopy
from dataclasses import asdict, replace
from functools import reduce
from multiprocessing import Process
from operator import getitem
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmdet.registry import HOOKS, MODELS

from matrix_runs import Matrix, Recipe, Run, page, run_matrix, run_once, runs, table
from matrix_runs.tables import budget, differences, mean_table, spread
from mmssod.apis import load_config

WORKER = """
import json, sys
from pathlib import Path
arguments = sys.argv[1:]
name, seed = arguments[arguments.index('--only') + 1], arguments[arguments.index('--seeds') + 1]
folder = Path(arguments[0]) / f'seed_{seed}'
start = {'student': 'teacher'}.get(name)
assert start is None or (folder / f'{start}.json').exists(), 'started before its start was there'
if name == arguments[1]:
    sys.exit(3)
run = dict(name=name, config='', seed=int(seed), iterations=1, seconds=1.0, metrics={}, environment={})
(folder / f'{name}.json').write_text(json.dumps(run))
"""

SEVEN = 'model = dict()\ntrain_cfg = dict(max_iters=7)\n'


@pytest.fixture
def matrix(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(SEVEN)
    return Matrix(
        'Title',
        'What it is.',
        (
            Recipe('teacher', str(config)),
            Recipe('student', str(config), start='teacher', paper=dict(AP=22.5)),
            Recipe('longer', str(config), options={'train_cfg.max_iters': 14}),
        ),
    )


def a_run(name='teacher', seed=0, ap=0.25, **metrics):
    metrics = {'coco/bbox_mAP': ap, 'coco/bbox_mAP_50': 0.5, **metrics}
    return Run(name, 'config.py', seed, 7, 60.4, metrics, {'torch': '2.11.0'}, date='2026-01-02')


def store(run, tmp_path):
    folder = tmp_path / f'seed_{run.seed}'
    folder.mkdir(exist_ok=True)
    (folder / f'{run.name}.json').write_text(json.dumps(asdict(run)))


# ------------------------------------------------------------------ tables


def test_spread_hand_worked():
    assert spread([]) == ''
    assert spread([20.0]) == '20.0'
    assert spread([20.0, 22.0]) == '21.0 ± 1.4'
    assert spread([20.0, None]) == ''


def test_table_has_a_row_a_recipe_and_only_columns_with_figures(matrix):
    rows = table(matrix, [a_run(), a_run(seed=1, ap=0.27), a_run('student', ap=0.3)])
    assert rows[0] == ['', 'iterations', 'AP', 'AP50', 'seconds', 'MiB', 'paper: AP']
    assert rows[1] == ['teacher', '7', '26.0 ± 1.4', '50.0 ± 0.0', '60', '0', '']
    assert rows[2] == ['student', '7 + 7', '30.0', '50.0', '60', '0', '22.5']
    assert len(rows) == 3  # 'longer' has not run


def test_table_shows_the_best_evaluation_and_what_a_run_costs_of_one_core(matrix):
    curve = [{'step': 3, 'coco/bbox_mAP': 0.3}, {'step': 7, 'coco/bbox_mAP': 0.25}]
    measured = [
        replace(a_run(), curve=curve, cpu_seconds=50.0),
        replace(a_run(seed=1, ap=0.4), curve=curve, cpu_seconds=30.0),
    ]
    rows = table(matrix, measured)
    header = ['', 'iterations', 'AP', 'AP50', 'best AP', 'seconds', 'core seconds', 'MiB']
    assert rows[0][:8] == header
    assert rows[1][4:7] == ['35.0 ± 7.1', '60', '40']


def test_options_may_name_the_seed(matrix):
    recipe = replace(matrix['teacher'], options={'a.file': 'train.{seed}@60.json', 'b': 3})
    assert recipe.options_of(2) == {'a.file': 'train.2@60.json', 'b': 3}


def test_cpu_seconds_grow_with_work_and_not_with_waiting():
    """Twice as much at least: threads and processes of earlier tests may still be at work."""
    start = runs.cpu_seconds()
    time.sleep(0.2)
    waited = runs.cpu_seconds()
    end = time.process_time() + 1.0
    while time.process_time() < end:
        pass
    assert 2 * (waited - start) < 1.0 <= runs.cpu_seconds() - waited + 0.01


def test_differences_hand_worked(matrix):
    """1, 2 and 3 over three seeds: mean 2, deviation 1, and Student's t of two degrees of freedom is 4.303."""
    compared = replace(matrix, compare=(('student', 'teacher'), ('longer', 'teacher')))
    both = [(a_run(seed=s), a_run('student', seed=s, ap=0.26 + 0.01 * s)) for s in (0, 1, 2)]
    seven = [*(run for pair in both for run in pair), a_run('longer', seed=1, ap=0.2)]
    header, student, longer = differences(compared, seven)
    assert header == ['', 'seeds', 'AP', 'AP50']
    assert student == ['student less teacher', '3', '+2.0 ± 2.5', '+0.0 ± 0.0']
    assert longer == ['longer less teacher', '1', '-5.0', '+0.0']
    assert len(differences(compared, [a_run(), a_run('longer', seed=1)])) == 1  # no common seed
    assert '## Differences' in page(compared, seven, '')
    assert '## Differences' not in page(matrix, seven, '')
    with pytest.raises(ValueError, match=r"compare: expected names of rows.*got \['x'\]"):
        replace(matrix, compare=(('x', 'teacher'),))


def test_budget_counts_what_a_recipe_starts_from(matrix):
    assert [budget(matrix, recipe.name) for recipe in matrix.recipes] == [[7], [7, 7], [14]]


def test_page_states_data_seed_versions_and_date(matrix):
    text = page(matrix, [a_run()], 'python tools/benchmark/run.py')
    for part in ('# Title', 'What it is.', 'tools/benchmark/run.py', '2026-01-02', 'torch', '25.0'):
        assert part in text
    assert 'What it says' not in text
    told = page(replace(matrix, findings='More is more.'), [a_run()], 'run.py')
    assert told.index('| teacher |') < told.index('## What it says\n\nMore is more.\n')


# ------------------------------------------------------------------ the matrix


def test_matrices_that_make_no_sense():
    with pytest.raises(ValueError, match="'a' is there twice"):
        Matrix('', '', (Recipe('a', ''), Recipe('a', '')))
    with pytest.raises(ValueError, match=r"starts from 'b', which is not among .* \['a'\]"):
        Matrix('', '', (Recipe('a', ''), Recipe('c', '', start='b')))


def test_unknown_names(matrix, tmp_path):
    with pytest.raises(ValueError, match=r"no recipes \['x'\].*'teacher'"):
        run_matrix(matrix, [0], str(tmp_path), only=['x'])


# ------------------------------------------------------------------ runs


def test_finished_runs_are_not_run_again(matrix, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, 'train', lambda *args, **kwargs: pytest.fail('trained again'))
    store(a_run(), tmp_path)
    assert run_once(matrix, 'teacher', 0, str(tmp_path)) == a_run()


def test_figures_of_another_config_are_refused(matrix, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, 'train', lambda *args, **kwargs: {'coco/bbox_mAP': 0.5})
    run_once(matrix, 'teacher', 0, str(tmp_path))
    run_once(matrix, 'teacher', 0, str(tmp_path))  # read
    Path(matrix['teacher'].config).write_text(SEVEN.replace('7', '8'))
    with pytest.raises(ValueError, match='teacher.json was trained with another config'):
        run_once(matrix, 'teacher', 0, str(tmp_path))


def test_what_another_matrix_has_trained_is_taken_over(matrix, tmp_path, monkeypatch):
    """With its start, and under the name that it has here; another start or length is trained."""
    trained = []

    def train(config, work_dir, **kwargs):
        trained.append(Path(work_dir).name)
        Path(work_dir).mkdir(parents=True)
        return {'coco/bbox_mAP': 0.5}

    monkeypatch.setattr(runs, 'train', train)
    config = matrix['teacher'].config
    other = Matrix(
        'Other',
        '',
        (
            Recipe('K = 8', config, options={'train_cfg.max_iters': 7}),  # as the config has it
            Recipe('student of K = 8', config, start='K = 8'),
            Recipe('student of nobody', config, options={'load_from': 'elsewhere.pth'}),
            Recipe('twice', config, options={'train_cfg.max_iters': 15}),
        ),
    )
    first = run_matrix(matrix, [0], str(tmp_path / 'first'))
    (tmp_path / 'first/seed_0/figures.json').write_text('{}')  # no run
    assert trained == ['teacher', 'student', 'longer']
    found = run_matrix(other, [0], str(tmp_path / 'other'), share=[str(tmp_path / 'first')])
    assert trained[3:] == ['student_of_nobody', 'twice']
    assert [run.name for run in found] == [recipe.name for recipe in other.recipes]
    assert [run.lineage for run in found[:2]] == [run.lineage for run in first[:2]]
    assert (tmp_path / 'other/seed_0/K_8').resolve() == tmp_path / 'first/seed_0/teacher'
    assert other.lineage('student of K = 8') != other.lineage('student of nobody')


def test_the_checksum_is_of_what_trains(tmp_path):
    config = tmp_path / 'config.py'
    digests = []
    for text in ('', "unused = dict(a=1)\nwork_dir = 'x'\n", 'optim_wrapper = dict(lr=1)\n'):
        config.write_text(SEVEN + text)
        digests.append(Recipe('a', str(config)).digest())
    assert digests[0] == digests[1] != digests[2]


def test_names_of_recipes_make_names_of_files():
    assert Recipe('K = 30, offset loss x 4', '').slug == 'K_30_offset_loss_x_4'
    with pytest.raises(ValueError, match='twice'):
        Matrix('', '', (Recipe('a, b', ''), Recipe('a b', '')))


def test_a_run_starts_from_its_start_and_leaves_its_figures(matrix, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        runs, 'train', lambda *args, **kwargs: calls.append(kwargs) or {'coco/bbox_mAP': 0.5}
    )
    results = run_matrix(matrix, [3], str(tmp_path))
    assert [run.iterations for run in results] == [7, 7, 14]
    starts = [call['cfg_options'].get('load_from') for call in calls]
    assert starts == [None, f'{tmp_path}/seed_3/teacher/iter_7.pth', None]
    stored = json.loads((tmp_path / 'seed_3/student.json').read_text())
    assert Run(**stored) == results[1]
    assert results[1].memory > 0


def test_a_teacher_that_only_labels_is_no_start(matrix, tmp_path, monkeypatch):
    """STAC's student: its labeler's checkpoint is the teacher's, and it starts from nothing."""
    config = tmp_path / 'stac.py'
    labeler = "dict(type='FrozenTeacher', checkpoint='elsewhere.pth')"
    config.write_text(f'train_cfg = dict(max_iters=7)\nmodel = dict(labeler={labeler})\n')
    both = Matrix('', '', (matrix['teacher'], Recipe('stac', str(config), start='teacher')))
    calls = []
    monkeypatch.setattr(runs, 'train', lambda *args, **kwargs: calls.append(kwargs) or {'ap': 0.5})
    run_matrix(both, [0], str(tmp_path))
    teacher = f'{tmp_path}/seed_0/teacher/iter_7.pth'
    assert calls[1]['cfg_options'] == {'model.labeler.checkpoint': teacher}


def test_labels_of_one_recipe_are_what_another_learns(matrix, tmp_path, monkeypatch):
    """ISMT: the memory of the first stage is exported for the final detector."""
    config = matrix['teacher'].config
    both = Matrix('', '', (matrix['teacher'], Recipe('final', config, labels='teacher')))
    calls, exported = [], []
    monkeypatch.setattr(runs, 'train', lambda *args, **kwargs: calls.append(kwargs) or {'ap': 0.5})
    monkeypatch.setattr(
        runs, 'memory_labels', lambda *args: exported.append(args) or {'images': []}
    )
    run_matrix(both, [0], str(tmp_path))
    assert exported == [(config, f'{tmp_path}/seed_0/teacher/iter_7.pth')]
    file = calls[1]['cfg_options']['train_dataloader.dataset.pseudo.ann_file']
    assert json.loads(Path(file).read_text()) == {'images': []}
    assert budget(both, 'final') == [7, 7]
    with pytest.raises(ValueError, match="starts from 'nobody'"):
        Matrix('', '', (Recipe('final', config, labels='nobody'),))


def test_several_trainings_are_one_recipe(matrix, tmp_path, monkeypatch):
    """Multi-Phase: one call, the budget of all phases; a phase's config is part of the checksum."""
    phases = [matrix['teacher'].config] * 3
    config = tmp_path / 'phases.py'
    config.write_text(f'multi_phase = dict(phases={phases})\n')
    calls = []
    monkeypatch.setattr(
        runs, 'train_phases', lambda *args, **kwargs: calls.append(kwargs) or {'ap': 0.5}
    )
    one = Matrix('', '', (Recipe('phases', str(config)),))
    digest = one['phases'].digest()
    (run,) = run_matrix(one, [4], str(tmp_path))
    assert calls == [dict(work_dir=f'{tmp_path}/seed_4/phases', seed=4)]
    assert (run.iterations, run.metrics) == (21, {'ap': 0.5})
    Path(phases[0]).write_text(SEVEN.replace('7', '8'))
    assert one['phases'].digest() != digest
    with pytest.raises(ValueError, match='several trainings'):
        Recipe('phases', str(config), options={'train_cfg.max_iters': 1})


def test_a_run_that_was_cut_off_in_its_evaluation_is_tested(matrix, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(runs, 'train', lambda *args, **kwargs: {})
    monkeypatch.setattr(runs, 'test', lambda *args, **kwargs: calls.append(args) or {'ap': 0.5})
    assert run_once(matrix, 'teacher', 0, str(tmp_path)).metrics == {'ap': 0.5}
    assert calls[0][1] == f'{tmp_path}/seed_0/teacher/iter_7.pth'


def test_the_curve_takes_the_newer_of_two_evaluations(tmp_path):
    for day, ap in (('1', 0.1), ('2', 0.2)):
        folder = tmp_path / day / 'vis_data'
        folder.mkdir(parents=True)
        lines = [dict(loss=1.0, step=5), {'coco/bbox_mAP': ap, 'time': 1.0, 'step': 10}]
        (folder / 'scalars.json').write_text('\n'.join(json.dumps(line) for line in lines))
    assert runs.read_curve(tmp_path) == [{'coco/bbox_mAP': 0.2, 'step': 10}]
    assert runs.read_curve(tmp_path / 'none') == []


def test_evaluations_know_what_they_cost(tmp_path, monkeypatch):
    """Since the run's start, of a resumed run together; a step that a kill undid is counted again."""
    log = tmp_path / '1/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    points = [{'coco/bbox_mAP': 0.1, 'step': step} for step in (2, 4, 6)]
    log.write_text('\n'.join(map(json.dumps, points)))
    used = iter(
        [100, 103, 105, 7, 8, 12]
    )  # of two processes: at the start, and after each evaluation
    monkeypatch.setattr(runs, 'cpu_seconds', lambda: next(used))
    runner = SimpleNamespace(work_dir=str(tmp_path), iter=0)
    for steps in ((2, 4), (4, 6)):
        hook = runs.CoreSecondsHook()
        hook.before_train(runner)
        for runner.iter in steps:
            hook.after_val_epoch(runner)
    assert [point['core_seconds'] for point in runs.read_curve(tmp_path)] == [3, 6, 10]


def test_cpu_seconds_count_processes_that_run():
    before = runs.cpu_seconds()
    worker = Process(target=_work)
    worker.start()
    while worker.is_alive() and runs.cpu_seconds() - before < 0.3:
        time.sleep(0.02)
    assert worker.is_alive()
    worker.kill()
    worker.join()


def _work():
    while True:
        pass


def test_mean_over_folds(tmp_path, capsys, monkeypatch):
    """From the files of five runs to Table 2's mean and deviation; of each run the last evaluation."""
    folders = []
    for fold, ap in enumerate((0.17, 0.19), start=1):
        log = tmp_path / f'student_{fold}@1/20260101_000000/vis_data/scalars.json'
        log.parent.mkdir(parents=True)
        lines = [{'step': 5, 'coco/bbox_mAP': 0.9}, {'step': 10, 'coco/bbox_mAP': ap}]
        log.write_text(''.join(json.dumps(line) + '\n' for line in lines))
        folders.append(tmp_path / f'student_{fold}@1')
    evaluations = {folder.name: runs.last_evaluation(folder) for folder in folders}
    assert mean_table(evaluations) == [
        ['', 'iteration', 'AP'],
        ['student_1@1', '10', '17.0'],
        ['student_2@1', '10', '19.0'],
        ['mean', '', '18.0 ± 1.4'],
    ]
    page = tmp_path / 'table.md'
    arguments = [*map(str, folders), '--markdown', str(page)]
    monkeypatch.setattr(sys, 'argv', ['mean_over_runs.py', *arguments])
    runpy.run_path(str(ROOT / 'tools/analysis/mean_over_runs.py'), run_name='__main__')
    assert '18.0 ± 1.4' in capsys.readouterr().out
    assert '| mean |  | 18.0 ± 1.4 |' in page.read_text()
    with pytest.raises(ValueError, match='expected a run with an evaluation'):
        runs.last_evaluation(tmp_path / 'none')


@pytest.mark.parametrize('failing', ['', 'teacher'])
def test_processes_wait_for_their_start_and_failures_are_named(matrix, tmp_path, failing):
    worker = tmp_path / 'worker.py'
    worker.write_text(WORKER)
    call = [sys.executable, str(worker), str(tmp_path), failing]
    if not failing:
        results = run_matrix(matrix, [0, 1], str(tmp_path), command=call, jobs=2)
        assert [(run.name, run.seed) for run in results] == [
            (recipe.name, seed) for seed in (0, 1) for recipe in matrix.recipes
        ]
        return
    with pytest.raises(RuntimeError, match=r"seed_0/teacher\.log; not started: \[\('student', 0\)"):
        run_matrix(matrix, [0], str(tmp_path), command=call, jobs=2)
    assert (tmp_path / 'seed_0/longer.json').exists()


# ------------------------------------------------------------------ the shipped matrices

ROOT = Path(__file__).parents[1]
MATRICES = sorted((ROOT / 'tools/benchmark/matrices').glob('*.py'))


def test_matrices_are_seen():
    assert len(MATRICES) == 18


@pytest.mark.parametrize('file', MATRICES, ids=lambda file: file.stem)
def test_recipes_build_and_start_from_their_own_detector(file, monkeypatch, undrawn):
    monkeypatch.chdir(ROOT)
    matrix = Matrix.fromfile(str(file))
    models = {}
    for recipe in matrix.recipes:
        cfg = load_config(recipe.config, cfg_options=recipe.options)
        models[recipe.name] = cfg.model
        MODELS.build(deepcopy(cfg.model))  # unknown keys are errors
        plain = load_config(recipe.config)
        for key, value in recipe.options.items():
            if key == 'default_hooks.speed':  # a hook more
                HOOKS.build(dict(value))
            elif not key.startswith('model.'):
                assert reduce(getitem, key.split('.'), plain) is not None  # a KeyError otherwise
        if recipe.start:
            assert models[recipe.start] == cfg.model.detector


def test_supervised_rows_have_the_budget_of_teacher_and_student(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ('demo', 'bccd', 'voc12mini'):
        matrix = Matrix.fromfile(f'tools/benchmark/matrices/{name}.py')
        assert sum(budget(matrix, 'student')) == sum(budget(matrix, 'supervised'))
