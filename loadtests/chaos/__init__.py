"""Faults under live streams: what is lost, what is said twice, and how soon a session goes on."""
