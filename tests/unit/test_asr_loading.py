from pathlib import Path

import pytest

from deployments.asr.loading import WIDE, wants_avx512


@pytest.mark.parametrize(
    ("vendor", "flags", "wanted"),
    [
        ("AuthenticAMD", " ".join(WIDE), True),
        ("AuthenticAMD", "avx2 avx512f", False),
        ("GenuineIntel", " ".join(WIDE), False),
    ],
)
def test_wide_vectors_are_asked_for_where_they_are_there_and_not_used_unasked(
    tmp_path: Path, vendor: str, flags: str, wanted: bool
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"vendor_id\t: {vendor}\nflags\t\t: fpu sse {flags}\n")
    assert wants_avx512(info) is wanted


def test_a_machine_that_does_not_tell_gets_the_default(tmp_path: Path) -> None:
    assert not wants_avx512(tmp_path / "missing")
