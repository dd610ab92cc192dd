"""The methods: one folder each, with only what is specific to it; what several methods share is in the core.

Nothing outside this package imports a method, and methods do not import each other: a method is added or taken away by
adding or removing its folder and its configs. The paper's own method needs no folder: its parts (buckets, selectors,
the class balancer, box weights) are the core that the others build upon.
"""

import importlib
import pkgutil

for _method in pkgutil.iter_modules(__path__):
    importlib.import_module(f'{__name__}.{_method.name}')
