"""Decodes one media file in a process of its own, as mono 16-bit PCM at 16 kHz.

The process gives away what it does not need before it reads a byte of the file: it can write and open no file and start
no process, and has no more memory and time than it is allowed.
"""

import io
import json
import mmap
import resource
import sys
import wave

from izwi.audio import to_pcm16
from izwi.errors import IzwiError
from izwi.media import decode_file, duration

SPARE = 16_000_000
"""Bytes of address space that a file which fails by its own fault has left."""


def confine(max_bytes: int, cpu_s: int) -> None:
    """Set the limits of this process; they cannot be raised again."""
    for what, limit in (
        (resource.RLIMIT_AS, max_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 3),  # those that are open
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(what, (limit, limit))


def warm_up() -> None:
    """Libraries load parts of themselves at the first use."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    silence.seek(0)
    for _ in decode_file(silence, 1.0):
        pass


def spare_memory() -> None:
    """Raise MemoryError where the process is at its limit.

    FFmpeg does not always say that it had too little: some of its parsers then drop what they were given.
    """
    try:
        mmap.mmap(-1, SPARE).close()
    except OSError:
        raise MemoryError from None


def run(max_seconds: str, max_bytes: str, cpu_s: str, what: str = "decode") -> int:
    """In a process of its own, which it confines: standard input to standard output.

    Args:
        max_seconds: of audio that are decoded.
        max_bytes: of address space.
        cpu_s: seconds of computing.
        what: "decode", or "duration": write the seconds that the file's header tells, or nothing where it does not.

    Returns:
        0; 1 after one JSON object {code, message} on standard error.

    Raises:
        MemoryError: the limit was reached, whatever the decoder made of it.
    """
    with open(0, "rb", closefd=False) as file, open(1, "wb", closefd=False) as out:
        confine(int(max_bytes), int(cpu_s))
        try:
            if what == "duration":
                out.write(str(duration(file) or "").encode())
            else:
                for samples in decode_file(file, float(max_seconds)):
                    out.write(to_pcm16(samples))
        except IzwiError as error:
            spare_memory()
            print(json.dumps({"code": error.code, "message": str(error)}), file=sys.stderr)
            return 1
    return 0
