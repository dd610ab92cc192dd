"""Recipes x seeds as one table."""

from matrix_runs.jobs import run_matrix
from matrix_runs.matrix import Matrix, Recipe
from matrix_runs.runs import Run, run_once
from matrix_runs.tables import page, table

__all__ = ['Matrix', 'Recipe', 'Run', 'page', 'run_matrix', 'run_once', 'table']
