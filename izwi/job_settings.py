"""Settings of jobs: recordings that are too long to wait for."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from izwi.jobs.allow_list import AllowList


class JobSettings(BaseModel):
    """Long recordings in the background."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    spool_dir: Path | None = None
    """Folder for recordings until they have been heard; unset takes the user's cache folder. Where ingress replicas are
    on several machines, a folder that all of them share."""
    at_once: int = Field(default=1, ge=1)
    """Jobs that one ingress replica works on at once: one keeps all workers of the recogniser busy."""
    per_key: int = Field(default=20, ge=1)
    """Jobs of one key that are not over: one client must not fill the queue."""
    queue: int = Field(default=200, ge=1)
    """Jobs of all keys that may wait: who hears at twenty times the pace of speech needs ten hours for as many of an
    hour."""
    max_audio_seconds: float = Field(default=14_400.0, gt=0)
    """Longest recording: four hours cover a conference day's longest sitting."""
    max_bytes: int = Field(default=8_000_000_000, ge=1024)
    """Largest file, uploaded or fetched: four hours of video at 4 Mbit/s."""
    transfer_timeout_s: float = Field(default=3600.0, gt=0)
    """Time limit of an upload, and of fetching a file."""
    free_bytes: int = Field(default=2_000_000_000, ge=0)
    """Disk space that recordings leave free."""
    ttl_s: int = Field(default=86_400, ge=60)
    """How long a job and its transcript stay once it is over: a day, so that nobody has to wait up for one. One that
    waits stays, unless for so long no server was there that could work on it."""
    urls: tuple[str, ...] = ()
    """What may be fetched: hosts, prefixes of addresses, or ranges of addresses, without which nothing of a private
    network is fetched. Empty refuses all."""

    @field_validator("urls")
    @classmethod
    def _readable(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        AllowList(urls)
        return urls
