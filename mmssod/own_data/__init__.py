"""Own images, from labels to a detector and a verdict: what `mmssod new`, `run`, `report`, `browse`, `infer` do.

``new`` writes a project, ``run`` trains it, ``reporting`` judges it; ``project`` and ``detector`` are the same for
programs. Formats of labels lie below, in :mod:`mmssod.datasets.formats`, the page itself in
:mod:`mmssod.analysis.report`.
"""
