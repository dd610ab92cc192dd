"""Recipes x seeds as one table."""

from mmssod.apis.benchmark.jobs import run_matrix
from mmssod.apis.benchmark.matrix import Matrix, Recipe
from mmssod.apis.benchmark.runs import Run, run_once
from mmssod.apis.benchmark.tables import page, table

__all__ = ['Matrix', 'Recipe', 'Run', 'page', 'run_matrix', 'run_once', 'table']
