"""API keys: the file that lists them, and what the bearer of one may do.

    [keys.clinic]
    hashes = ["9f86d0…"]           # SHA-256 of the key; two while it is being replaced
    scopes = ["live", "http"]
    sessions = 8                   # at once, over all replicas
    requests_per_minute = 600
    expires = 2027-01-01T00:00:00Z

A key is 256 random bits, so that a plain hash keeps it secret. `izwi keys new NAME` makes one.
"""

import hashlib
import hmac
import secrets
import tomllib
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from izwi.errors import BadKeyFile, Forbidden, Unauthorized

PREFIX = "izwi_"
"""Makes a key that leaked into a repository findable."""


class Scope(StrEnum):
    LIVE = "live"
    """Live sessions on WebSockets."""
    HTTP = "http"
    """HTTP requests that do work."""
    TOKENS = "tokens"
    """Tokens for browsers."""
    METRICS = "metrics"
    """Prometheus metrics."""


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w-]{0,63}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ApiKey(BaseModel):
    """One bearer's rights. The name stays when the key is replaced: sessions belong to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    hashes: tuple[Hash, ...] = Field(min_length=1)
    scopes: frozenset[Scope] = frozenset({Scope.LIVE, Scope.HTTP, Scope.TOKENS})
    sessions: int | None = Field(default=None, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)
    expires: AwareDatetime | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    keys: dict[Name, ApiKey]


class Principal(BaseModel):
    """Who asks. Without keys everybody is anonymous and may do everything."""

    model_config = ConfigDict(frozen=True)
    name: str = ""
    scopes: frozenset[Scope] = frozenset(Scope)
    sessions: int | None = None
    requests_per_minute: int | None = None

    def need(self, scope: Scope) -> None:
        """Raise `Forbidden` without that scope."""
        if scope not in self.scopes:
            raise Forbidden(f"this key may not be used for {scope.value!r}")


ANONYMOUS = Principal()


class Keys:
    """The keys of one file.

    Raises:
        BadKeyFile: ``text`` is not TOML, or not of this form.
    """

    def __init__(self, text: str) -> None:
        try:
            self._keys = _File.model_validate(tomllib.loads(text)).keys
        except tomllib.TOMLDecodeError as error:
            raise BadKeyFile(f"not TOML: {error}") from None
        except ValidationError as error:
            first = error.errors()[0]
            raise BadKeyFile(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None

    def principal(self, key: str, now: datetime | None = None) -> Principal:
        """Whose key it is.

        Raises:
            Unauthorized: nobody's, or it has expired.
        """
        presented, found = digest(key), ""
        for name, entry in self._keys.items():
            for known in entry.hashes:  # all of them: the time it takes must not tell how close a guess was
                if hmac.compare_digest(presented, known):
                    found = name
        if not found:
            raise Unauthorized("this key is not known")
        return self.named(found, now)

    def named(self, name: str, now: datetime | None = None) -> Principal:
        """The bearer of that name; raises `Unauthorized` where there is none any more."""
        entry = self._keys.get(name)
        if entry is None:
            raise Unauthorized("this key has been withdrawn")
        if entry.expires is not None and entry.expires <= (now or datetime.now(UTC)):
            raise Unauthorized("this key has expired")
        return Principal(
            name=name,
            scopes=entry.scopes,
            sessions=entry.sessions,
            requests_per_minute=entry.requests_per_minute,
        )

    @property
    def all(self) -> dict[str, ApiKey]:
        return dict(self._keys)


def read(path: Path) -> Keys:
    """The keys in a file; raises `BadKeyFile`."""
    try:
        return Keys(path.read_text("utf-8"))
    except OSError as error:
        raise BadKeyFile(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadKeyFile(f"{path}: not UTF-8") from None
    except BadKeyFile as error:
        raise BadKeyFile(f"{path}: {error}") from None


def generate() -> str:
    """A new key."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a key or token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
