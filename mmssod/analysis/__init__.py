"""The paper's figures and tables: numbers from detections and runs, and how they are drawn.

Each module has a function that gives the numbers as plain data and a ``draw`` that takes them; what a figure shows is
what its json says. Tools of the same names are in ``tools/analysis/``.
"""
