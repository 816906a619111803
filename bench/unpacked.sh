#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Unpacks a sample (ops.csv.zst, pages.raw.zst), as the floor reads no
# compressed input, and runs a command with the folder put in place of {}.
#
# unpacked.sh SAMPLE COMMAND [ARGUMENT...]
set -eu

sample=$1
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for name in ops.csv pages.raw; do
	if [ -f "$sample/$name" ]; then
		cp "$sample/$name" "$dir/$name"
	else
		zstd -q -d --long=27 "$sample/$name.zst" -o "$dir/$name"
	fi
done
"${@/#\{\}/$dir}"
