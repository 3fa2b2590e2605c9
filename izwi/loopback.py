"""Whether an address is this machine's own. Pure."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """
    Args:
        host: an IP address without brackets, or a name.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def on_loopback(url: str) -> bool:
    """Whether a server is on this machine: a proxy from the environment could not reach it."""
    return is_loopback(urlsplit(url).hostname or "")
