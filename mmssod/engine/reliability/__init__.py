"""Lets a run survive kills, full disks, NaN or infinite values, and unreadable images.

* ``checkpoint_files``, ``whole_checkpoint_hook``: checkpoints are written whole, the newest and the best found again.
* ``preemption_hook``: a run that is told to end saves first. ``resume``: it continues as if uninterrupted.
* ``buffer_broadcast_hook``: several processes save and evaluate one model. ``short_history_hook``: the log stays short.
* ``non_finite_guard_hook``, ``skipped_images_hook``: NaN and exploding gradients, unreadable images.
* ``work_dir``, ``shared_memory``: one run per folder, space on the disk and for data workers.

Files that are replaced whole, locks, and checkpoints that are read as data lie in :mod:`mmssod.environment`, a floor
below, where data sets and the start use them, too.
"""
