"""Training on one's own images, from labels to a detector and a verdict: `mmssod new`, `run`, `next`, `report`, ...

``new`` writes a project, ``run`` trains it, ``reporting`` judges it, ``loop`` gets it more labels; ``project`` and
``detector`` are the same for programs. Formats of labels lie below, in :mod:`mmssod.datasets.formats`, the page itself
in :mod:`mmssod.analysis.report`.
"""
