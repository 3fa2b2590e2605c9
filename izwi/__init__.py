"""Izwi: live speech translation. This package is the thinking: pure Python, no Ray, no Redis, no engine."""

PROTOCOL_VERSION = "1.0"
"""Version of the native wire protocol on ``/ws/stream``."""
