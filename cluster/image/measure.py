"""How large the images of cluster/Dockerfile are, without an engine that builds them: `make image-size`.

The virtual environment of each image is made by the script that the Dockerfile runs, and its files are summed; what
its Debian packages add to the base is asked of apt. The base itself is not here to be measured.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from cluster.image.trial import hear

ROOT = Path(__file__).resolve().parents[2]
BUDGET_MB = {"ingress": 500.0, "cpu": 900.0}
"""Of all layers above the base: what a node pulls when Izwi changes."""
BASE_MB = 75.0
"""debian:bookworm-slim, unpacked, as its publisher states."""
LARGEST = 12
CHECKS = {
    "ingress": "import graphs.live, ray.dashboard.agent, ray._private.runtime_env.agent.main",
    "cpu": "import graphs.live, ray.dashboard.dashboard, faster_whisper, piper, onnxruntime, onnx, kaldi_native_fbank",
}
"""What has to be there after all that is left out."""
_TARGET = re.compile(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)
_APT = re.compile(r"apt-get install -y --no-install-recommends ([^\\&]+)")


@dataclass
class Size:
    """Of one image; megabytes of files, by what they belong to."""

    image: str
    parts: Counter[str] = field(default_factory=Counter)

    @property
    def layers(self) -> float:
        return self.parts.total()

    @property
    def fits(self) -> bool:
        return self.layers <= BUDGET_MB[self.image]

    def table(self) -> str:
        """Markdown, largest first, what is small in one row."""
        largest = self.parts.most_common(LARGEST)
        rest = self.layers - sum(size for _, size in largest)
        rows = [*largest, (f"{len(self.parts) - len(largest)} others", rest)]
        budget = BUDGET_MB[self.image]
        verdict = "within" if self.fits else "OVER"
        return "\n".join(
            [
                f"| {self.image} | MB |",
                "| --- | ---: |",
                *(f"| {name} | {size:.1f} |" for name, size in rows if size),
                f"| **layers**, {verdict} the budget of {budget:.0f} | **{self.layers:.1f}** |",
                f"| with the base, {BASE_MB:.0f} | {self.layers + BASE_MB:.1f} |",
            ]
        )


def packages(dockerfile: str, image: str) -> list[str]:
    """Debian packages that a target and those it comes from install."""
    stages = {name: (parent, body) for parent, name, body in _TARGET.findall(dockerfile)}
    found: list[str] = []
    while image in stages:
        image, body = stages[image]
        found += [name for listed in _APT.findall(body) for name in listed.split()]
    return found


def folder_sizes(site: Path) -> Counter[str]:
    """Megabytes by the first folder below ``site``; `package` and `package.libs` are one."""
    sizes: Counter[str] = Counter()
    for path in site.rglob("*"):
        if path.is_file() and not path.is_symlink():
            top = path.relative_to(site).parts[0]
            sizes[top.removesuffix(".libs")] += path.stat().st_size / 1e6
    return sizes


def added_by_apt(names: Iterable[str]) -> Counter[str]:
    """Megabytes of each Debian package that comes with ``names`` and is not in the base."""
    available, sizes, base = _run("apt-cache", "dumpavail"), dict[str, float](), ["apt"]
    for stanza in available.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
        if "Package" in fields:
            sizes[fields["Package"]] = int(fields.get("Installed-Size", 0)) * 1024 / 1e6
            if fields.get("Priority") == "required" or fields.get("Essential") == "yes":
                base.append(fields["Package"])
    added = _simulated([*base, *names]) - _simulated(base)
    return Counter({f"Debian: {name}": sizes[name] for name in added})


def _simulated(names: list[str]) -> set[str]:
    """What apt would install of these and of what they need on a machine that has nothing."""
    options = ("-o", "Dir::State::status=/dev/null", "--simulate", "--no-install-recommends")
    return set(re.findall(r"^Inst (\S+)", _run("apt-get", *options, "install", *names), re.MULTILINE))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(image: str, folder: Path, start: bool) -> Size:
    """Make the image's environment in ``folder`` and look whether what it needs is left; or run a server on it."""
    wheels = folder / "dist"
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT))
    (wheel,) = wheels.glob("*.whl")
    venv = folder / "venv"
    _run("bash", str(ROOT / "cluster/image/install.sh"), str(ROOT / f"requirements/{image}.txt"), str(venv), str(wheel))
    (site,) = venv.glob("lib/python3*/site-packages")
    if image == "ingress":
        (site / "ray/core/src/ray/gcs/gcs_server").unlink()
    subprocess.run([venv / "bin/python", "-B", "-c", CHECKS[image]], check=True, cwd=folder, env={"PATH": "/usr/bin"})
    if start and image == "cpu":
        print(f"a server on it heard: {hear(venv)}", end="\n\n")
    size = Size(image, folder_sizes(site))
    size.parts.update(added_by_apt(packages((ROOT / "cluster/Dockerfile").read_text(), image)))
    return size


def main(
    images: Annotated[list[str] | None, typer.Argument(help=f"{', '.join(BUDGET_MB)}; all if none.")] = None,
    start: Annotated[bool, typer.Option("--start", help="Run a server on what the image cpu holds.")] = False,
) -> None:
    """Sum what images hold; exit 1 where one is over its budget."""
    fit = True
    for image in images or BUDGET_MB:
        folder = Path(tempfile.mkdtemp(prefix="izwi-image-"))
        try:
            size = measure(image, folder, start)
        finally:
            shutil.rmtree(folder)
        print(size.table(), end="\n\n")
        fit &= size.fits
    raise typer.Exit(0 if fit else 1)


if __name__ == "__main__":
    typer.run(main)
