"""Which addresses a server may fetch for a stranger: those that its operator lists, and none besides. Pure.

An entry is the prefix of an address (``https://media.example.org/talks/``), a host (``media.example.org``), or a range
of addresses (``10.1.0.0/16``). A host that resolves to an address of a private network is refused unless that address
is listed itself: otherwise whoever has its name could point it at a neighbour of this server (DNS rebinding).
"""

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, unquote, urlsplit

from izwi.errors import UrlNotAllowed

Address = IPv4Address | IPv6Address


class AllowList:
    """
    Raises:
        ValueError: an entry is none of the three.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._ranges: list[IPv4Network | IPv6Network] = []
        self._addresses: set[Address] = set()
        """Hosts of prefixes: they may be connected to, for what else the prefix says."""
        self._hosts: set[str] = set()
        self._prefixes: list[SplitResult] = []
        for entry in entries:
            self._add(entry.strip())

    def _add(self, entry: str) -> None:
        if "://" in entry:
            prefix = _split(entry)
            self._prefixes.append(prefix)
            if (address := _address(prefix.hostname or "")) is not None:
                self._addresses.add(address)
            return
        try:
            self._ranges.append(ipaddress.ip_network(entry))
        except ValueError:
            if not entry or any(char in entry for char in "/:@*? "):
                raise ValueError(f"{entry!r} is no host, no range of addresses and no prefix of an address") from None
            self._hosts.add(entry.lower())

    def check(self, url: str) -> SplitResult:
        """The address in its parts.

        Raises:
            UrlNotAllowed: it is not listed, or no address that is fetched.
        """
        try:
            parts = _split(url)
        except ValueError as error:
            raise UrlNotAllowed(str(error)) from None
        host = parts.hostname or ""
        address = _address(host)
        if host in self._hosts or any(_leads_to(prefix, parts) for prefix in self._prefixes):
            return parts
        if address is not None and self._in_range(address):
            return parts
        raise UrlNotAllowed(f"{host} is not among the addresses that this server may fetch (IZWI_JOBS__URLS)")

    def check_address(self, host: str, address: str) -> None:
        """Raise `UrlNotAllowed` where ``host`` resolves to an address of a private network that is not listed."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        public = found.is_global and not found.is_multicast
        if not (public or found in self._addresses or self._in_range(found)):
            raise UrlNotAllowed(f"{host} is in a private network, and its address is not listed (IZWI_JOBS__URLS)")

    def _in_range(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._ranges)


def _split(url: str) -> SplitResult:
    """
    Raises:
        ValueError: not an address that is fetched.
    """
    if any(ord(char) <= 32 or char == "\\" for char in url):
        raise ValueError("an address has no spaces, control characters or backslashes")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("only http:// and https:// addresses are fetched")
    if not parts.netloc.isascii():
        raise ValueError("a host with other letters than a to z is written as xn--")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address with a user name is not fetched")
    if ".." in unquote(unquote(parts.path)).split("/"):
        raise ValueError("an address with .. in its path is not fetched")
    _ = parts.port  # raises where it is no number
    return parts


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _leads_to(prefix: SplitResult, parts: SplitResult) -> bool:
    """Whole parts of the path: ``/talks`` leads to ``/talks/1.mp4`` and not to ``/talks-of-others``."""
    same = (prefix.scheme, prefix.hostname, _port(prefix)) == (parts.scheme, parts.hostname, _port(parts))
    folder = prefix.path.rstrip("/")
    return same and (parts.path == folder or parts.path.startswith(f"{folder}/"))
