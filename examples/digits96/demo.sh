#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Profiles the example network on this computer and on an emulated Cortex-M4. Usage: demo.sh [PROGRAM]
set -euo pipefail
intarsia=${1:-intarsia}
here=$(cd "$(dirname "$0")" && pwd)
scale=(--input-scale 0.0039215686 --input-offset 0)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

say() { printf '\n== %s\n\n' "$*"; }

say "The int8 network on this computer, all 150 test pictures"
"$intarsia" profile "$here/digits96_int8.tflite" --board host --data "$here/test.npz" "${scale[@]}"

say "The same on a Cortex-M4 in QEMU: every output equal, and instructions per layer"
"$intarsia" profile "$here/digits96_int8.tflite" --board qemu-cortex-m4 --data "$here/test.npz" "${scale[@]}" \
  -o "$out/int8"
"$intarsia" validate "$out/int8/fw" --data "$here/test.npz" "${scale[@]}" --samples 10 --bit-exact --min-accuracy 0.9 \
  --json >"$out/validated.json"
echo
echo "bit-exact: yes; accuracy of at least 0.9: yes"

say "The float network, quantized here with 48 calibration pictures"
"$intarsia" profile "$here/digits96_float.tflite" --board qemu-cortex-m4 --calib "$here/calib.npz" \
  --data "$here/test.npz" "${scale[@]}" -o "$out/quantized" | tail -n 5

say "Model file against model quantized here"
"$intarsia" compare "$out/int8" "$out/quantized" --fail-if 'accuracy<-0.02'

say "Layer by layer it does not fit 64 KB of RAM, and is refused before anything is built"
code=0
"$intarsia" profile "$here/digits96_int8.tflite" --board qemu-cortex-m4 --ram 64K --patches off --no-progress || code=$?
if [ "$code" -ne 3 ]; then
  echo "error: expected exit code 3 for a network that does not fit, got $code" >&2
  exit 1
fi
echo "exit code 3, as it should be"

say "Its first layers run patch by patch, it fits: the same bytes in 64 KB"
"$intarsia" profile "$here/digits96_int8.tflite" --board qemu-cortex-m4 --ram 64K --data "$here/test.npz" \
  "${scale[@]}" | tail -n 5
