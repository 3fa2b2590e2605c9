"""Recordings: windows of speech recognised in parallel, joined in order, and written in the usual formats."""
