"""Ways out of a connection's task group, besides errors."""

from izwi.errors import IzwiError


class Finished(Exception):
    """The session has ended as it should."""


class Moved(Exception):
    """The client is to go on with another connection."""


class Refused(Exception):
    """A client error that ends the connection."""

    def __init__(self, error: IzwiError) -> None:
        self.error = error
