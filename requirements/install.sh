#!/usr/bin/env bash
# Makes the checkout runnable: Debian packages, .venv, the pinned Python packages, Izwi itself.
#
#   requirements/install.sh default|test
#
# Called by every make target that runs something, so it must cost nothing when there is nothing to do: stamps in
# .venv remember the inputs of the last complete run. PYTHON chooses the interpreter a new .venv is made with.
set -euo pipefail
cd "$(dirname "$0")/.."

set_name=${1:-default}
lock=requirements/$set_name.txt
venv=.venv
[[ -f $lock ]] || { echo "usage: requirements/install.sh default|test" >&2; exit 2; }

say() { printf '==> %s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }
on_debian() { [[ -r /etc/os-release ]] && grep -qE '^ID(_LIKE)?=.*debian' /etc/os-release && command -v apt-get >/dev/null; }
may_install() { on_debian && [[ $EUID -eq 0 ]]; }

apt_updated=
apt_install() {
    if [[ -z $apt_updated ]]; then
        apt-get update -qq
        apt_updated=yes
    fi
    # Another package run may hold the lock for a while on a machine that has just booted.
    DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get install -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" >/dev/null
}

# --- Debian packages ----------------------------------------------------------------------------------------------
missing_debian_packages() {
    local name status
    while read -r name _; do
        [[ -z $name || $name == \#* ]] && continue
        status=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) || status=
        [[ $status == installed ]] || echo "$name"
    done <"$1"
}

# What is a service elsewhere is a program here: dpkg asks policy-rc.d before it starts one, and what would start with
# the machine is switched off. In a subshell, so that the file goes however this ends.
without_services() (
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    apt_install "$@" || exit
    [[ -d /run/systemd/system ]] || exit 0
    for name in "$@"; do systemctl disable --quiet "$name.service" 2>/dev/null || true; done  # most have none
)

debian_packages() {
    local list=$1 missing
    mapfile -t missing < <(missing_debian_packages "$list")
    [[ ${#missing[@]} -eq 0 ]] && return
    if may_install; then
        say "Debian packages: ${missing[*]}"
        without_services "${missing[@]}" && return
        complain "Installing them failed; see above."
    fi
    # Not fatal: every stage has engines that need none of these, `izwi doctor` tells what is affected, and tests skip.
    complain "These programs are not installed, and what needs them will not work:"
    grep -E "^($(IFS='|'; echo "${missing[*]}"))[[:space:]]" "$list" | sed 's/^/    /' >&2
    if on_debian; then
        complain "Install them with: sudo apt-get install ${missing[*]}"
    else
        complain "They are Debian packages; install their equivalents for this system."
    fi
}

# --- Python -------------------------------------------------------------------------------------------------------
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3.14 python3; do
        new_enough "$candidate" && { echo "$candidate"; return; }
    done
    return 1
}

make_venv() {
    local python version
    if ! python=$(find_python); then
        if may_install; then
            say "Debian packages: python3"
            apt_install python3
        fi
        python=$(find_python) || { complain "Izwi needs Python 3.11 or newer, and found none."; exit 1; }
    fi
    # Debian ships the venv module without ensurepip, which is in a package of its own.
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        if may_install; then
            say "Debian packages: $version-venv"
            apt_install "$version-venv"
        else
            complain "$python cannot make virtual environments. On Debian: sudo apt-get install $version-venv"
            exit 1
        fi
    fi
    say "Virtual environment: $venv ($("$python" --version))"
    "$python" -m venv --clear "$venv"
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input -qq "$@"; }

checksum() { sha256sum | cut -d' ' -f1; }
stamped() { [[ -r $venv/.izwi-$1 && $(<"$venv/.izwi-$1") == "$2" ]]; }
stamp() { echo "$2" >"$venv/.izwi-$1"; }

python_packages() {
    local locked project first
    locked=$(checksum <"$lock")
    # An editable install and a virtual environment hold absolute paths: a checkout that has moved is a new one.
    project=$({ pwd -P; cat pyproject.toml; } | checksum)

    if [[ ! -e $venv/.izwi-home ]]; then
        # A virtual environment of the user's own making will do, if it is complete.
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv
    elif ! stamped home "$(pwd -P)" || ! "$venv/bin/python" -c '' 2>/dev/null; then
        make_venv
    fi
    stamp home "$(pwd -P)"
    if ! stamped "$set_name" "$locked"; then
        first=$([[ -e $venv/.izwi-default ]] || echo ', 600 MB to download: a minute or two')
        say "Python packages: $(grep -cE '^[A-Za-z0-9]' "$lock") pinned in $lock$first"
        # --no-deps: the lock is complete, and resolving it again takes longer than installing it. Twice -q hides
        # warnings, such as a configured mirror's missing pages, and leaves errors.
        pip install --require-hashes --no-deps -r "$lock"
        stamp "$set_name" "$locked"
        # The tests' lock contains the other one.
        if [[ $set_name == test ]]; then stamp default "$(checksum <requirements/default.txt)"; fi
    fi
    if ! stamped project "$project"; then
        say "Izwi itself, editable"
        pip install --no-build-isolation --no-deps -e .
        stamp project "$project"
    fi
    # Not for the demo: nobody is asked there who spoke, and it is another 81 MB to download.
    if [[ $set_name == test ]] && ! stamped weights "$(checksum <izwi/assets.py)"; then
        say "Weights of the speaker model"
        "$venv/bin/izwi" models fetch
        stamp weights "$(checksum <izwi/assets.py)"
    fi
}

SECONDS=0
debian_packages requirements/debian.txt
# A list of its own, so that a package which cannot be had keeps none of the others away.
if [[ $set_name == test ]]; then debian_packages requirements/debian-test.txt; fi
python_packages
if [[ $SECONDS -gt 1 ]]; then say "Installed in $SECONDS s"; fi
