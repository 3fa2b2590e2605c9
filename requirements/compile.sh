#!/usr/bin/env bash
# Pins and hashes the dependencies in pyproject.toml: default.txt is what the demo runs on, test.txt adds what the
# tests need. Existing pins are kept; `make lock ARGS=--upgrade` takes the newest versions instead.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install -qq 'uv==0.13.8'

compile() {
    # --universal keeps one file good for every platform and Python from 3.11 on. Addresses stay out of the files:
    # pip asks whatever index its user has configured, and the hashes say whether the answer is the right one.
    "$scratch/venv/bin/uv" pip compile pyproject.toml requirements/build.in "$@" \
        --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
}

compile --extra embedded --extra test --output-file requirements/test.txt "$@"
# Constrained by the file above, so that the tests run against the versions that are shipped.
compile --extra embedded --constraint requirements/test.txt --output-file requirements/default.txt "$@"
