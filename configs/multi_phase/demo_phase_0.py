"""Multi-Phase on the demo, phase 0: supervised, 400 iterations of 4 images (32 epochs); demo.py has the command.

AdamW and one rate for all phases instead of the method's SGD: it is far from done after so few iterations.
"""

_base_ = '../demo/teacher_plain.py'

work_dir = 'work_dirs/demo/multi_phase/phase_0'
