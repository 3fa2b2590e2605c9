"""Measures what `izwi plan` counts with, on this machine."""

import os

# As Ray gives it to replicas that reserve one processor or less; before numpy is imported, which reads it once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
