#!/usr/bin/env bash
# Makes the virtual environment of an image, without what a server never opens:
#
#   cluster/image/install.sh LOCK FOLDER [WHEEL]
#
# Run by cluster/Dockerfile and by cluster/image/measure.py, so that what is measured is what is shipped. The
# environment has no pip of its own: nothing is installed into a running container.
set -euo pipefail
lock=$1 folder=$2 wheel=${3:-}

python3 -m venv --without-pip "$folder"
install() {
    # Byte code is a third as large as the code again; PYTHONPYCACHEPREFIX has it made where the container may write.
    python3 -m pip --python "$folder" --disable-pip-version-check --no-input -qq install --no-compile --no-deps "$@"
}
install --require-hashes -r "$lock"
if [[ -n $wheel ]]; then install "$wheel"; fi

site=$(echo "$folder"/lib/python3*/site-packages)
# Of Ray: what its other libraries, its Java workers and its web pages need. Serve imports none of it.
rm -rf "$site"/ray/{jars,rllib,tune,train,llm,dashboard/client}
# Ray asks for these where somebody profiles a replica (py-spy), or sends packages along with code (virtualenv).
rm -rf "$site"/py_spy "$folder"/bin/py-spy "$site"/virtualenv "$folder"/bin/virtualenv
# A segmenter's dictionary of Chinese, of which wordfreq has a copy it reads.
rm -f "$site"/wordfreq/data/jieba_zh_orig.txt
find "$site" -type d -name tests -not -path '*/ray/*' -prune -exec rm -rf {} +
find "$site" \( -name '*.pyi' -o -name '*.pxd' -o -name '*.a' \) -type f -delete

# Symbols that only a debugger reads are half of some. Not in *.libs: auditwheel has rewritten those, and stripping
# may leave them unaligned.
find "$site" "$folder/bin" -type f \( -name '*.so' -o -name raylet -o -name gcs_server \) -not -path '*.libs/*' \
    -exec strip --strip-unneeded {} +
