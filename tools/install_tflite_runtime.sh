#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the environment $1 with tflite-runtime 2.14, the interpreter of rule `tflm`, if a Python 3.11 is to be had.
set -euo pipefail
environment=$1
python=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
  python=$(command -v python3.11 || true)
fi
if [ -z "$python" ]; then
  echo "note: no Python 3.11, which tflite-runtime needs: tests against it will be deselected" >&2
  exit 0
fi
"$python" -m venv "$environment"
"$environment/bin/pip" install --quiet 'tflite-runtime==2.14.0' 'numpy<2'
