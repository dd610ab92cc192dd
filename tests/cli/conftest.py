"""A run that tests only read."""

import pytest
from builders.small_run import make_run


@pytest.fixture(scope='session')
def run_folder(tmp_path_factory):
    """A run of a student and its teacher, with buckets."""
    return make_run(tmp_path_factory.mktemp('run'))


@pytest.fixture(scope='session')
def plain_folder(tmp_path_factory):
    """The same with plain box regression."""
    return make_run(tmp_path_factory.mktemp('plain'), head='plain')


@pytest.fixture(autouse=True)
def zoo_answers(monkeypatch):
    """The addresses of weights answer: `new` plans for a machine with a network."""
    monkeypatch.setattr('mmssod.own_data.new.starting.can_fetch', lambda address: True)
