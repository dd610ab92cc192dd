"""Sphinx: `make docs`.

The source is the repository's root, so that READMEs of `configs/` are pages and links between both work as they do on
a code host.
"""

import mmssod

project = 'mmssod'
author = 'the mmssod developers'
version = release = mmssod.__version__
extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.mathjax',
    'sphinx-mathjax-offline',  # equations without a network
    'sphinx_design',
    'sphinx_copybutton',
]
html_show_copyright = False
root_doc = 'docs/index'
include_patterns = ['docs/**', 'configs/**/README.md']
exclude_patterns = ['docs/_build', '.*', 'data', 'work_dirs', 'build']
html_theme = 'furo'
myst_enable_extensions = ['dollarmath', 'colon_fence']
myst_heading_anchors = 3
autodoc_typehints = 'none'
