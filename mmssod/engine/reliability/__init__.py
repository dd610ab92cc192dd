"""Lets a run survive kills, full disks, NaN or infinite values, and unreadable images.

* ``checkpoint_files``, ``whole_checkpoint_hook``: checkpoints are written whole, the newest and the best found again.
* ``preemption_hook``: a run that is told to end saves first. ``resume``: it goes on as if it had not been cut.
* ``buffer_broadcast_hook``: several processes save and evaluate one model. ``short_history_hook``: the log stays short.
* ``non_finite_guard_hook``, ``skipped_images_hook``: numbers that go wrong, images that cannot be read.
* ``work_dir``, ``shared_memory``: one run a folder, room on the disk and for data workers.

Files that are replaced whole, locks, and checkpoints that are read as data lie in :mod:`mmssod.environment`, a floor
below, where data sets and the start use them, too.
"""
