"""Whole processes, measured side by side; used by compare.py and report.py. Python 3.11, standard library only."""
