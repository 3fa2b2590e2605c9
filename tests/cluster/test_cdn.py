"""cluster/cdn/references.yaml: what CloudFormation would refuse, by its own resource schemas."""

import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[2] / "cluster" / "cdn" / "references.yaml"
LINT = Path(sys.executable).with_name("cfn-lint")


def test_the_template_is_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(TEMPLATE.read_text().replace("HttpVersion:", "HttpVersions:"))
    command = [LINT, "--format", "parseable", "--template", TEMPLATE, broken]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    findings = done.stdout.splitlines()
    assert len(findings) == 1, done.stdout + done.stderr
    assert findings[0].startswith(f"{broken}:")
    assert "HttpVersions" in findings[0]
