"""Starts a run from a trained detector: a model name, a URL or a file; class weights are matched by name."""

from .files import address_and_place, can_fetch, local_file, names_file, start_file, weights_folder
from .fitting import Fit, fit_start
from .reading import read_start, trained_classes
from .report import start_lines
from .twin import twin_shapes
from .zoo import StartError, ZooModel, find_model, zoo_models

__all__ = [
    'Fit',
    'StartError',
    'ZooModel',
    'address_and_place',
    'can_fetch',
    'find_model',
    'fit_start',
    'local_file',
    'names_file',
    'read_start',
    'start_file',
    'start_lines',
    'trained_classes',
    'twin_shapes',
    'weights_folder',
    'zoo_models',
]
