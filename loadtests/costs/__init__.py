"""Measures what `izwi plan` counts with, on this machine."""
