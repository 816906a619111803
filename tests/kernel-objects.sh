#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Compiles the core (lib/zswap, lib/dedup, lib/policy), unchanged, as objects of
# a kernel module against Debian's linux-headers, and checks that whatever the
# linked object still needs is exported by that kernel. lib/compat stays out:
# stubs of our own would prove little. TAP; a plan of 0 with a reason when the
# machine has no headers, which on CI is a failure.
#
# kernel-objects.sh [SOURCE_ROOT]
set -u
shopt -s nullglob
export LC_ALL=C

root=${1:-$(cd "$(dirname "$0")/.." && pwd)}

# The newest headers that are whole: Module.symvers comes with the flavour's package.
headers=
for symvers in $(printf '%s\n' /usr/src/linux-headers-*/Module.symvers | sort -V); do
	[ -s "$symvers" ] && headers=$(dirname "$symvers")
done
if [ -z "$headers" ] || ! command -v make >/dev/null; then
	reason="no linux-headers package (or no make) on this machine"
	if [ "${CI:-}" = true ] && [ "$(uname -m)" = x86_64 ]; then
		printf '1..1\nnot ok 1 - %s\n' "$reason"
		exit 1
	fi
	echo "1..0 # SKIP $reason"
	exit 0
fi

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
nr=0

result() { # result STATUS NAME: one TAP line
	nr=$((nr + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $nr - $2"
	else
		echo "not ok $nr - $2"
		failed=1
	fi
}

# Builds DIR/lib as a module object; what make said is in DIR/log.
build() {
	local dir=$1 objects=() file
	for file in "$dir"/lib/{zswap,dedup,policy}/*.c; do
		file=${file#"$dir"/}
		objects+=("${file%.c}.o")
	done
	cat >"$dir/Kbuild" <<-EOF
		obj-m := zdedup_core.o
		zdedup_core-y := ${objects[*]}
		ccflags-y := -I\$(src)/lib -Werror
	EOF
	make -C "$headers" M="$dir" V=0 zdedup_core.o >"$dir/log" 2>&1
}

# Prints the symbols that DIR's object needs and the kernel does not export.
not_exported() {
	nm -u "$1/zdedup_core.o" | awk '{ print $2 }' | sort -u |
		comm -23 - "$tmp/exported"
}

copy() { # copy DIR: the core's sources alone
	local dir=$1 part
	mkdir -p "$dir/lib"
	for part in zswap dedup policy; do
		[ -d "$root/lib/$part" ] && cp -r "$root/lib/$part" "$dir/lib/"
	done
}

sources=("$root"/lib/{zswap,dedup,policy}/*.c)
if [ ${#sources[@]} -eq 0 ]; then
	printf '1..1\nnot ok 1 - no sources of the core in %s\n' "$root"
	exit 1
fi
awk '{ print $2 }' "$headers/Module.symvers" | sort -u >"$tmp/exported"

echo 1..4
echo "# ${headers##*/}, ${#sources[@]} sources"

copy "$tmp/core"
build "$tmp/core"
status=$?
[ $status -eq 0 ] || sed 's/^/# /' "$tmp/core/log"
result $status "the core compiles as module objects"

missing=none
[ $status -eq 0 ] && missing=$(not_exported "$tmp/core")
[ -z "$missing" ] || echo "# not exported: $missing" | tr '\n' ' '
[ -z "$missing" ] || echo
[ -z "$missing" ]
result $? "each symbol it needs is exported"

# This test must be able to fail: a header of userspace, a symbol nobody exports.
copy "$tmp/userspace"
sed -i '1a #include <stdlib.h>' "$tmp/userspace${sources[0]#"$root"}"
! build "$tmp/userspace"
result $? "a planted <stdlib.h> is found"

copy "$tmp/symbol"
cat >"$tmp/symbol/lib/policy/planted.c" <<-EOF
	int zdedup_nowhere(void);
	int zdedup_planted(void);
	int zdedup_planted(void)
	{
		return zdedup_nowhere();
	}
EOF
build "$tmp/symbol" && [ "$(not_exported "$tmp/symbol")" = "${missing:+$missing
}zdedup_nowhere" ]
result $? "a planted symbol that no kernel exports is found"

exit $failed
