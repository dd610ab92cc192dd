"""Sphinx: `make docs`."""

import mmssod

project = 'mmssod'
author = 'the mmssod developers'
version = release = mmssod.__version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.mathjax']
exclude_patterns = ['_build']
html_theme = 'furo'
myst_enable_extensions = ['dollarmath']
autodoc_typehints = 'none'
