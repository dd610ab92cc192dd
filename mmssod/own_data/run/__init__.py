"""``mmssod run``: the trainings of a project, one after the other.

``facts`` reads the folder without loading torch, so that the first line comes at once; ``stages`` knows the configs,
``clock`` the time that is left, ``running`` trains. ``candidates`` is the rule by which one of several detectors is
chosen, and ``trial`` trains these.
"""
