#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the packages ($2) if one of the programs ($1) is missing: with apt as root or by sudo, else says how.
# The packages in $3, programs of the same name, are good to have: they are installed where that works.
set -euo pipefail
programs=$1
packages=$2
optional=$3

as_root=()
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

install_optional() {
  local package
  for package in $optional; do
    if ! command -v "$package" >/dev/null && apt-cache show "$package" >/dev/null 2>&1; then
      install "$package" || echo "note: $package is not installed; the tests that need it are left out" >&2
    fi
  done
}

missing=()
for program in $programs; do
  command -v "$program" >/dev/null || missing+=("$program")
done
python3 -c 'import ensurepip' 2>/dev/null || missing+=("python3-venv")
if [ ${#missing[@]} -eq 0 ]; then
  [ "$(id -u)" -ne 0 ] || install_optional
  exit 0
fi

echo "missing: ${missing[*]}" >&2
if ! command -v apt-get >/dev/null; then
  echo "error: this system has no apt-get" >&2
  echo "hint: install with its package manager what Debian calls: $packages" >&2
  exit 4
fi

if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
    echo "error: packages are missing and this user may not install them" >&2
    echo "hint: sudo apt-get install $packages" >&2
    exit 4
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -q
# Newer releases ship the RISC-V emulator in a package of its own.
if apt-cache show qemu-system-riscv >/dev/null 2>&1; then
  packages="$packages qemu-system-riscv"
fi
# shellcheck disable=SC2086
install $packages
install_optional
