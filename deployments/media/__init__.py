"""Untrusted media files, decoded where they can do no harm."""
