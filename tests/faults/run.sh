#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Puts known faults (faults.txt) into the library, one at a time, and expects the
# tests to fail: a test that a fault gets past is no test of it.
#
# usage: run.sh SOURCE_ROOT BUILD_DIR
#
# Works in BUILD_DIR/faults, on copies. Prints TAP. CC and FAULTS_JOBS (2) may be
# set. Exits with 1 when a fault was not caught, is stale, or does not build.
#
# faults.txt: a block for each fault,
#	fault NAME
#	case  the edge case or invariant that it breaks
#	file  the file below lib/
#	test  the tests, one of which must fail: test-NAME.c
#	and a hunk as in a unified diff (" ", "-", "+"), without line numbers.
#	The old lines must stand in the file exactly once.
set -u
export LC_ALL=C

CC=${CC:-cc}
CFLAGS='-std=gnu11 -O1 -w'
LIBS='-lcmocka -llz4 -llzo2 -lzstd -lz -lxxhash -lpthread'
SECONDS_EACH=20

die()
{
	echo "Bail out! $*"
	exit 1
}

compile()	# SOURCE OBJECT
{
	$CC $CFLAGS -I "$work/lib" -I "$work/lib/compat/include" \
		-I "$work/unit" -c "$1" -o "$2"
}

# The object of a file below lib/, which may be in a directory of any depth.
object()	# FILE
{
	echo "$work/obj/${1//\//_}.o"
}

# exit status of the program; 124 and more: it hung or crashed
run_test()	# PROGRAM
{
	(
		ulimit -c 0
		export ZDEDUP_TEST_OPS=36000 CMOCKA_TEST_ABORT=1
		timeout -k 1 $SECONDS_EACH "$1" >"$1.out" 2>&1
	) 2>/dev/null
}

split_list()
{
	awk -v dir="$work/list" '
	/^#/ || /^$/ { next }
	/^fault / {
		base = sprintf("%s/%03d", dir, ++nr)
		system("mkdir -p " base)
		print $2 > (base "/name")
		next
	}
	/^case / { next }
	/^file / { print $2 > (base "/file"); next }
	/^test / { sub(/^test +/, ""); print > (base "/tests"); next }
	/^[-+ ]/ { print > (base "/hunk"); next }
	{ print "faults.txt: line " NR ": " $0 > "/dev/stderr"; bad = 1 }
	END { exit bad || !nr }' "$1"
}

# Prints FILE with the hunk applied; 3 when the old lines are not there just once.
apply()		# HUNK FILE
{
	awk -v hunk="$1" '
	BEGIN {
		while ((getline l < hunk) > 0) {
			t = substr(l, 2)
			if (l !~ /^\+/)
				old[++nr_old] = t
			if (l !~ /^-/)
				new[++nr_new] = t
		}
	}
	{ line[NR] = $0 }
	END {
		for (i = 1; i + nr_old - 1 <= NR; i++) {
			for (k = 1; k <= nr_old; k++)
				if (line[i + k - 1] != old[k])
					break
			if (k > nr_old) {
				at = i
				found++
			}
		}
		if (found != 1 || !nr_old)
			exit 3
		for (i = 1; i < at; i++)
			print line[i]
		for (k = 1; k <= nr_new; k++)
			print new[k]
		for (i = at + nr_old; i <= NR; i++)
			print line[i]
	}' "$2"
}

# One fault; the rest of its TAP line goes to its file "result".
try_fault()	# DIRECTORY
{
	local dir=$1 name file tests t
	read -r name <"$dir/name"
	read -r file <"$dir/file"
	read -r tests <"$dir/tests"

	mkdir -p "$dir/src/$(dirname "$file")"
	if ! apply "$dir/hunk" "$work/lib/$file" >"$dir/src/$file"; then
		echo "not ok $name is stale: its lines are not in $file just once"
		return
	fi
	if ! compile "$dir/src/$file" "$dir/fault.o" >"$dir/cc.out" 2>&1; then
		echo "not ok $name does not build: $(head -n 1 "$dir/cc.out")"
		return
	fi
	for t in $tests; do
		# the archive's own object of that file is not pulled in any more
		$CC "$work/unit/test-$t.o" "$dir/fault.o" "$work/lib.a" $LIBS \
			-o "$dir/test-$t" || break
		if ! run_test "$dir/test-$t"; then
			rm -f "$dir"/test-* "$dir"/*.o
			echo "ok $name caught by test-$t"
			return
		fi
	done
	echo "not ok $name got past: $tests"
}

if [ "${1-}" = --one ]; then
	work=$2
	try_fault "$3" >"$3/result"
	exit 0
fi

[ $# = 2 ] || die "usage: run.sh SOURCE_ROOT BUILD_DIR"
root=$(cd "$1" && pwd) || die "no directory $1"
here=$(cd "$(dirname "$0")" && pwd)
jobs=${FAULTS_JOBS:-2}
mkdir -p "$2" || die "cannot make $2"
work=$(cd "$2" && pwd)/faults
export CC
rm -rf "$work"
mkdir -p "$work/obj" "$work/list"
cp -R "$root/lib" "$work/lib" || die "no lib/ in $root"
cp -R "$root/tests/unit" "$work/unit" || die "no tests/unit/ in $root"
split_list "$here/faults.txt" || die "faults.txt is not right"

# the library and the tests as they are, which must pass
tests=$(cat "$work"/list/*/tests | tr ' ' '\n' | sort -u)
sources=$(cd "$work/lib" && find . -name '*.c' | sed 's,^\./,,')
for f in $sources; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
	compile "$work/lib/$f" "$(object "$f")" &
done
wait
ar rcs "$work/lib.a" "$work"/obj/*.o || die "cannot make an archive"
for t in $tests; do
	compile "$work/unit/test-$t.c" "$work/unit/test-$t.o" ||
		die "test-$t.c does not build"
	$CC "$work/unit/test-$t.o" "$work/lib.a" $LIBS \
		-o "$work/unit/test-$t" || die "test-$t does not link"
	run_test "$work/unit/test-$t" ||
		die "test-$t fails without a fault: $(grep -m 1 FAILED \
			"$work/unit/test-$t.out")"
done

ls -d "$work"/list/* |
	xargs -P "$jobs" -n 1 bash "$here/run.sh" --one "$work"

nr=0
caught=0
echo "1..$(ls "$work/list" | wc -l)"
for dir in "$work"/list/*; do
	nr=$((nr + 1))
	result=$(cat "$dir/result" 2>/dev/null || true)
	case $result in
	"ok "*)
		caught=$((caught + 1))
		echo "ok $nr - ${result#ok }"
		;;
	*)
		result=${result:-not ok $(cat "$dir/name") had no result}
		echo "not ok $nr - ${result#not ok }"
		;;
	esac
done
echo "# $nr faults, $caught caught"
[ "$nr" = "$caught" ]
