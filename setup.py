"""Installation; everything is declared in setup.cfg and requirements/."""

from setuptools import setup

setup()
