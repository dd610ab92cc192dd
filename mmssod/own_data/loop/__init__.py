"""The labeling loop: which images to label next, corrected labels back into a project, labels that look wrong.

``ranking`` and ``suspicions`` compute ranks from numbers alone; ``looking`` runs the detector; ``next_images``,
``adding`` and ``label_errors`` are what ``mmssod next``, ``add`` and ``errors`` do.
"""
