"""Decodes one media file in a process of its own: standard input to mono 16-bit PCM at 16 kHz on standard output.

    python -m deployments.media.worker MAX_SECONDS MAX_BYTES CPU_SECONDS < FILE
    python -m deployments.media.worker MAX_SECONDS MAX_BYTES CPU_SECONDS duration < FILE

The second form decodes nothing and writes the seconds that the file's header tells, or nothing where it does not.

The process gives away what it does not need before it reads a byte of it: it can write and open no file and start no
process, and has no more memory and time than it is allowed. Ends with 0, or with 1 and one JSON object {code, message}
on standard error.
"""

import io
import json
import resource
import sys
import wave

from izwi.audio import to_pcm16
from izwi.errors import IzwiError
from izwi.media import decode_file, duration


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


def main() -> int:
    max_seconds, max_bytes, cpu_s = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    warm_up()
    confine(max_bytes, cpu_s)
    try:
        if sys.argv[4:] == ["duration"]:
            sys.stdout.buffer.write(str(duration(sys.stdin.buffer) or "").encode())
        else:
            for samples in decode_file(sys.stdin.buffer, max_seconds):
                sys.stdout.buffer.write(to_pcm16(samples))
        sys.stdout.buffer.flush()
    except IzwiError as error:
        print(json.dumps({"code": error.code, "message": str(error)}), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
