#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The rules of the sources that no compiler checks: who may include whom, what
# the core may not use, and a few of the house. Each rule is then tried on a
# copy of the tree with one breach planted, which it must find. TAP.
#
# include-rules.sh [SOURCE_ROOT [BUILD_ROOT]]
set -u
shopt -s nullglob
export LC_ALL=C

root=$(cd "${1:-$(dirname "$0")/..}" && pwd) || exit 1
build=${2:-}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# C sources below the given folders (of the current one).
c_files() {
	local dir
	for dir in "$@"; do
		[ -d "$dir" ] && find "$dir" -name '*.[ch]' | sort
	done
}

# Every file that git tracks or would; where this is no git checkout, all files
# outside of build folders (whatever they are called, meson-private is in them).
all_files() {
	git ls-files --cached --others --exclude-standard 2>/dev/null | sort -u |
		grep . ||
		find . -type d -exec test -d '{}/meson-private' ';' -prune -o -type f -print |
		sed 's,^\./,,' | sort
}

# "FILE:LINE:TARGET" for each #include below the given folders, with its quotes.
includes() {
	c_files "$@" | xargs -r grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null |
		sed -E 's/^([^:]+:[0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*/\1:/; s/([">])[[:space:]].*$/\1/'
}

# Prints those of the includes read whose target is not in the pattern.
only() {
	grep -vE "^[^:]+:[0-9]+:($1)\$"
}

# "FILE:LINE:CODE" without comments, strings and character constants.
code() {
	local file
	c_files "$@" | while read -r file; do
		awk -v file="$file" '
		{
			line = $0; out = ""
			while (line != "") {
				if (comment) {
					if (!(i = index(line, "*/"))) break
					line = substr(line, i + 2); comment = 0
				} else if (match(line, /^\/\*/)) {
					line = substr(line, 3); comment = 1
				} else if (match(line, /^\/\//)) {
					break
				} else if (match(line, /^"([^"\\]|\\.)*"/) ||
					   match(line, /^\047([^\047\\]|\\.)*\047/)) {
					line = substr(line, RLENGTH + 1); out = out " "
				} else {
					out = out substr(line, 1, 1); line = substr(line, 2)
				}
			}
			print file ":" FNR ":" out
		}' "$file"
	done
}

linux='<linux/[a-z0-9_/-]+\.h>'

# Each rule prints its breaches in the current folder; nothing means it holds.

rule_core() {
	includes lib/zswap lib/dedup | only "$linux|\"(zswap|dedup)/[a-z0-9-]+\.h\""
}

rule_families() {
	local ours='"zswap/ops\.h"' libc='<(limits|stdio)\.h>'

	includes lib/policy | only "$linux|$ours|\"policy/policy\.h\""
	includes lib/zpool | only "$linux|$ours|\"zpool/zpool\.h\""
	includes lib/zcomp | only "$linux|$ours|$libc|\"zcomp/(bytes|liblz4|zcomp)\.h\"|<(dlfcn|lz4|lz4hc|lzo/lzo1x|zlib|zstd)\.h>"
	includes lib/zhash | only "$linux|$ours|$libc|\"zhash/zhash\.h\"|<(xxhash|xxh_x86dispatch|[a-z]mmintrin)\.h>"
}

# compat stands below everything: its own headers and libc's.
rule_compat() {
	includes lib/compat | grep -E ':"' | grep -vE ':"(compat/|linux/)?(custom|stubs|dup)\.h"$'
	includes lib/compat | grep -E '[:/"<](zswap|dedup|zpool|zcomp|zhash|policy|env|traces|sim|zdedup)[./]'
}

rule_traces() {
	includes traces | grep -E '[:/"<](lib/|zdedup\.h|registry\.h|zswap/|dedup/|zpool/|zcomp/|zhash/|policy/|env/|sim/|compat/)'
}

# Programs see the public header alone, as anyone who installs it would; but for the
# one file of the benches that calls the members of a family by themselves.
rule_programs() {
	local inside='bench/ops-families\.c:[0-9]+:"(registry|zswap/ops)\.h"'

	includes sim bench | grep -vE "^$inside\$" |
		grep -E '[:/"<](registry\.h|zswap/|dedup/|zpool/|zcomp/|zhash/|policy/|env/|compat/|linux/)'
}

rule_glib() {
	includes lib traces | grep -E '<(glib|gio|gobject|json-glib)'
}

# No float, no clock, no chance, no output in the core.
rule_core_words() {
	local words='float|double|time|clock_gettime|gettimeofday|rand|random|srand|getrandom|printf|fprintf|sprintf|snprintf|puts|exit|abort'

	code lib/zswap lib/dedup | grep -E "^[^:]+:[0-9]+:(.*[^A-Za-z0-9_])?($words)([^A-Za-z0-9_]|\$)" |
		grep -vE ":[0-9]+:[[:space:]]*#"
}

rule_spdx() {
	local file
	all_files | grep -E '\.([ch]|sh|map)$|(^|/)meson(\.build|_options\.txt)$|^quickstart$|^\.ci/run$' |
		while read -r file; do
			[ -f "$file" ] || continue
			head -n2 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' ||
				echo "$file: no SPDX line"
		done
}

# The longest function: zswap_store is 126 lines in 6.12, ours are pieces of it.
rule_length() {
	local file
	c_files lib traces sim bench | while read -r file; do
		awk -v file="$file" -v max=80 '
			/^[a-z].*\(/ { name = $0 }
			/^{/ { start = FNR }
			/^}/ && start {
				if (FNR - start - 1 > max)
					print file ":" start ": " FNR - start - 1 " lines: " name
				start = 0
			}' "$file"
	done
}

# Paths of the machines that this is developed on mean nothing elsewhere.
rule_machine() {
	all_files | while read -r file; do
		[ -f "$file" ] && printf '%s\0' "$file"
	done | xargs -0 -r grep -InE '(^|[^A-Za-z0-9_.-])/(wor[k]|tmp/bash_job[s])/' /dev/null
}

# A test that no meson.build names is never run, and nobody would notice.
rule_registered() {
	local file name
	for file in tests/unit/test-*.c; do
		name=${file#tests/unit/test-}
		grep -qF "'${name%.c}'" tests/meson.build || echo "$file: not in tests/meson.build"
	done
	for file in lib/*.c lib/*/*.c; do
		grep -qF "'${file#lib/}'" lib/meson.build || echo "$file: not in lib/meson.build"
	done
}

rules=(
	"core:the core includes <linux/...> and the core"
	"families:zpool, zcomp, zhash, policy see the ops header alone"
	"compat:compat includes nothing of ours"
	"traces:traces know nothing of lib"
	"programs:sim and bench see the public header alone"
	"glib:no GLib in lib and traces"
	"core_words:no float, clock, chance or output in the core"
	"spdx:each source names its licence"
	"length:no function is longer than 80 lines"
	"machine:no path of a machine"
	"registered:each unit test and source of the library is built"
)

# One breach per rule: "RULE|FILE|LINE to append".
breaches=(
	'core|lib/zswap/planted.c|#include <stdlib.h>'
	'core|lib/dedup/planted.c|#include "zpool/zpool.h"'
	'core|lib/zswap/planted.h|# include "registry.h" /* why not */'
	'families|lib/zpool/planted.c|#include "zswap/zswap.h"'
	'families|lib/policy/planted.c|#include "dedup/dedup.h"'
	'families|lib/zcomp/planted.c|#include <xxhash.h>'
	'families|lib/zhash/planted.c|#include "zcomp/zcomp.h"'
	'compat|lib/compat/planted.c|#include "zswap/ops.h"'
	'compat|lib/compat/planted.c|#include "../zdedup.h"'
	'traces|traces/planted.c|#include "zdedup.h"'
	'traces|traces/planted.c|#include "../lib/zswap/ops.h"'
	'programs|sim/planted.c|#include "zswap/zswap.h"'
	'programs|bench/planted.c|#include <linux/list.h>'
	'programs|bench/planted.c|#include "registry.h"'
	'glib|lib/planted.c|#include <glib.h>'
	'glib|traces/planted.c|#include <glib/gstdio.h>'
	'core_words|lib/zswap/planted.c|	x = (double)y;'
	'core_words|lib/dedup/planted.c|	y = /* drawn */ rand();'
	'spdx|lib/zpool/planted.c|int planted;'
	'registered|lib/zhash/planted.c|int planted;'
	'registered|tests/unit/test-planted.c|int planted;'
	'machine|sim/planted.c|	open("/wor'"k/planted"'");'
	'machine|docs/planted.md|see /tmp/bash_''jobs/planted'
)

nr=0
failed=0
result() { # result STATUS NAME
	nr=$((nr + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $nr - $2"
	else
		echo "not ok $nr - $2"
		failed=1
	fi
}

check() { # check RULE NAME: the rule on the tree itself
	local found
	found=$(cd "$root" && "rule_$1")
	[ -z "$found" ] || sed 's/^/# /' <<<"$found"
	[ -z "$found" ]
	result $? "$2"
}

# The copy is no git checkout, so all_files finds a planted file there, too.
copy() {
	rm -rf "$tmp/tree"
	mkdir "$tmp/tree"
	(cd "$root" && all_files | grep -vE '\.(zst|raw)$' | while read -r file; do
		[ -f "$file" ] && printf '%s\0' "$file"
	done | xargs -0 -r cp --parents -t "$tmp/tree")
}

planted() { # planted RULE FILE LINE: found beside whatever else there is
	local found
	(cd "$tmp/tree" && mkdir -p "$(dirname "$2")" && printf '%s\n' "$3" >>"$2")
	found=$(cd "$tmp/tree" && "rule_$1" | grep -cE '/(test-)?planted\.')
	rm -f "$tmp/tree/$2"
	[ "$found" -gt 0 ]
	result $? "planted breach of $1 in $2 is found"
}

planted_length() {
	local i
	mkdir -p "$tmp/tree/sim"
	{
		echo 'int planted(void)'
		echo '{'
		for i in {1..81}; do echo "	call($i);"; done
		echo '}'
	} >"$tmp/tree/sim/planted.c"
	(cd "$tmp/tree" && rule_length | grep -q '/planted\.')
	result $? "planted breach of length is found"
	rm -f "$tmp/tree/sim/planted.c"
}

# A kernel's file-scope variables are fields of struct zswap: the objects of the
# core have no symbol in .data or .bss. Tables that only the loader writes
# (.data.rel.ro) are constant, and WARN_ONCE's own flag is the macro's affair.
variables() { # variables OBJECT...
	nm -f sysv "$@" | awk -F'|' '
		NF == 7 {
			name = $1; section = $7
			gsub(/[[:space:]]/, "", name); gsub(/[[:space:]]/, "", section)
			if (section !~ /^(\.data|\.bss|\.tdata|\.tbss|COM|\*COM\*)/ || section ~ /^\.data\.rel\.ro/)
				next
			if (name ~ /^_*(warned|already_done|already_warned)(\.|$)/)
				next
			print name " in " section
		}'
}

check_variables() {
	local objects=("$build"/lib/lib*.p/zswap_*.o "$build"/lib/lib*.p/dedup_*.o)

	if [ -z "$build" ] || [ ${#objects[@]} -eq 0 ]; then
		nr=$((nr + 1))
		echo "ok $nr - the core has no variables # SKIP no objects: give the build folder"
	elif nm -u "${objects[@]}" | grep -qE '__(asan|tsan|msan|gcov)_'; then
		nr=$((nr + 1))
		echo "ok $nr - the core has no variables # SKIP an instrumented build adds its own"
	else
		local found
		found=$(variables "${objects[@]}")
		[ -z "$found" ] || sed 's/^/# /' <<<"$found"
		[ -z "$found" ]
		result $? "the core has no variables"
	fi
}

planted_variable() {
	local cc=${CC:-cc}

	printf 'int planted_a;\nint planted_b(void);\nint planted_b(void)\n{\n\tstatic int planted_c = 1;\n\treturn planted_a + planted_c++;\n}\n' >"$tmp/planted.c"
	# shellcheck disable=SC2086 # CC may carry arguments
	$cc -c "$tmp/planted.c" -o "$tmp/planted.o" &&
		[ "$(variables "$tmp/planted.o" | grep -c planted)" -eq 2 ]
	result $? "planted variables are found"
}

echo "1..$((${#rules[@]} + ${#breaches[@]} + 3))"
for rule in "${rules[@]}"; do
	check "${rule%%:*}" "${rule#*:}"
done
check_variables
copy
for breach in "${breaches[@]}"; do
	IFS='|' read -r rule file line <<<"$breach"
	planted "$rule" "$file" "$line"
done
planted_length
planted_variable

exit $failed
