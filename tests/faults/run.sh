#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Puts known faults (faults.txt) into the sources, one at a time, and expects the
# tests to fail: a test that a fault gets past is no test of it.
#
# usage: run.sh SOURCE_ROOT BUILD_DIR
#
# Works in BUILD_DIR/faults, on copies; the libraries that test-zcomp loads, and the
# program "fingerprint", are taken from BUILD_DIR. Prints TAP. CC, FAULTS_JOBS (2) and FAULTS_ONLY (a shell
# pattern of fault names) may be set. Exits with 1 when a fault was not caught, is
# stale, or does not build.
#
# faults.txt: a block for each fault,
#	fault NAME
#	case  the edge case or invariant that it breaks
#	file  the file below lib/; or traces/FILE, or sim/FILE
#	test  the programs, one of which must fail: NAME for test-NAME.c, or
#	      NAME:TEST with the one test that is known to catch it, where "*"
#	      stands for anything and "?" for any character, such as a space;
#	      for the command NAME.sh, a test of the command line
#	and a hunk as in a unified diff (" ", "-", "+"), without line numbers.
#	The old lines must stand in the file exactly once.
#
# A named test runs alone and first, which is what makes the whole quick. When it
# does not fail (it may have got another name), the whole programs are asked.
set -u
export LC_ALL=C

CC=${CC:-cc}
# as meson has it: a test that stands in for pwrite must have its name, too
CFLAGS='-std=gnu11 -w -D_FILE_OFFSET_BITS=64'
SIM_PACKAGES='glib-2.0 json-glib-1.0'
LIBS='-lcmocka -llz4 -llzo2 -lzstd -lz -lxxhash -lpthread'
CLEAN_SECONDS=300

die()
{
	echo "Bail out! $*"
	exit 1
}

compile()	# OPTIMIZATION SOURCE OBJECT
{
	$CC $CFLAGS "$1" -iquote "$work/lib/compat" \
		-I "$work/lib" -I "$work/lib/compat/include" \
		-I "$work/unit" -I "$work" -iquote "$work/traces" -iquote "$work/sim" \
		-c "$2" -o "$3"
}

# Of sim/ or traces/, which see libc's <linux/...>, not ours
compile_sim()	# SOURCE OBJECT
{
	# shellcheck disable=SC2046 # flags
	$CC $CFLAGS -O1 '-DZDEDUP_VERSION="faulty"' \
		-I "$work/lib" -iquote "$work/sim" -iquote "$work/traces" $(pkg-config --cflags $SIM_PACKAGES) \
		-c "$1" -o "$2"
}

link_sim()	# OBJECT... PROGRAM
{
	# shellcheck disable=SC2046 # flags
	$CC "${@:1:$# - 1}" "$work/sim.a" "$work/lib.a" $LIBS -ldl -lm \
		$(pkg-config --libs $SIM_PACKAGES) -o "${@: -1}"
}

# Does the test of the command line fail? As run_test; it ends at the first failure.
run_script()	# PROGRAM SCRIPT CPU_SECONDS SECONDS
{
	(
		ulimit -c 0
		ulimit -t "$3"
		export TAP_STOP=1
		timeout -k 1 "$4" sh "$work/scripts/$2" "$1" \
			"$ZDEDUP_FAKES/fingerprint" >"$1.out" 2>&1
	) 2>/dev/null
}

link_test()	# NAME OBJECT... PROGRAM
{
	local nr=$(($# - 1))

	$CC "$work/unit/test-$1.o" "$work/filter.o" "${@:2:nr - 1}" \
		"$work/sim.a" "$work/lib.a" $LIBS -o "${@: -1}"
}

# Exit status of the program; 124 and more: it hung or crashed. A fault that spins
# meets the limit of CPU time, which is the same on a busy machine; the one that
# sleeps meets the other.
run_test()	# PROGRAM TEST CPU_SECONDS SECONDS
{
	(
		ulimit -c 0
		ulimit -t "$3"
		export FAULTS_TEST=$2 CMOCKA_TEST_ABORT=1 ZDEDUP_TEST_OPS=58000
		timeout -k 1 "$4" "$1" >"$1.out" 2>&1
	) 2>/dev/null
}

# The test that was running last
last_test()	# PROGRAM
{
	sed -n 's/^\[ RUN  *\] *//p' "$1.out" | tail -n 1
}

split_list()	# FAULTS_TXT
{
	awk -v dir="$work/list" '
	/^#/ || /^$/ { next }
	/^fault / {
		base = sprintf("%s/%03d", dir, ++nr)
		made = made " " base
		out[base "/name"] = $2
		next
	}
	/^case / { next }
	/^file / { out[base "/file"] = $2; next }
	/^test / { sub(/^test +/, ""); out[base "/tests"] = $0; next }
	/^[-+ ]/ { out[base "/hunk"] = out[base "/hunk"] $0 "\n"; next }
	{ print "faults.txt: line " NR ": " $0 > "/dev/stderr"; bad = 1 }
	END {
		if (bad || !nr || system("mkdir -p" made))
			exit 1
		for (file in out) {
			printf "%s%s", out[file],
				file ~ /hunk$/ ? "" : "\n" > file
			close(file)
		}
	}' "$1"
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

# Does the faulty program fail, as a whole or in TEST? Says by what.
caught_by()	# DIRECTORY NAME TEST
{
	local program=$1/test-$2 cpu wall status

	if [ ! -e "$program" ]; then
		# the archive's own object of that file is not pulled in any more
		link_test "$2" "$1/fault.o" "$program" || return 1
	fi
	read -r cpu wall <"$work/unit/test-$2.limits" || return 1
	run_test "$program" "$3" "$cpu" "$wall"
	status=$?
	[ $status != 0 ] || return 1
	echo "test-$2:$(last_test "$program")"
	case $status in
	124 | 137 | 152) echo "(it hung)" ;;
	esac
}

# The same of the command, by a script.
caught_by_script()	# DIRECTORY SCRIPT
{
	local program=$1/zdedup cpu wall status

	if [ ! -e "$program" ]; then
		link_sim "$1/fault.o" "$program" || return 1
	fi
	read -r cpu wall <"$work/scripts/$2.limits" || return 1
	run_script "$program" "$2" "$cpu" "$wall"
	status=$?
	[ $status != 0 ] || return 1
	echo "$2: $(sed -n 's/^not ok [0-9]* - //p' "$program.out" | head -n 1)"
	case $status in
	124 | 137 | 152) echo "(it hung)" ;;
	esac
}

# One fault; the rest of its TAP line goes to its file "result".
try_fault()	# DIRECTORY
{
	local dir=$1 name file tests t test by

	read -r name <"$dir/name"
	read -r file <"$dir/file"
	read -r tests <"$dir/tests"

	case $file in
	sim/* | traces/*) ;;
	*) file=lib/$file ;;
	esac
	mkdir -p "$dir/src/$(dirname "$file")"
	if ! apply "$dir/hunk" "$work/$file" >"$dir/src/$file"; then
		echo "not ok $name is stale: its lines are not in $file just once"
		return
	fi
	case $file in
	lib/*) compile -O0 "$dir/src/$file" "$dir/fault.o" ;;
	*) compile_sim "$dir/src/$file" "$dir/fault.o" ;;
	esac >"$dir/cc.out" 2>&1 || {
		echo "not ok $name does not build: $(head -n 1 "$dir/cc.out")"
		return
	}
	for t in $tests; do
		if [[ $t == *.sh ]] && by=$(caught_by_script "$dir" "$t"); then
			rm -f "$dir/zdedup" "$dir"/*.o
			echo "ok $name caught by" $by
			return
		fi
	done
	case $tests in
	*.sh)
		echo "not ok $name got past: $tests"
		return
		;;
	esac
	for t in $(tr ' ' '\n' <<<"$tests" | grep :) \
		 $(tr ' ' '\n' <<<"$tests" | sed 's/:.*//'); do
		test=
		[[ $t != *:* ]] || test=${t#*:}
		if by=$(caught_by "$dir" "${t%%:*}" "$test"); then
			rm -f "$dir"/test-* "$dir"/*.o
			echo "ok $name caught by" $by
			return
		fi
	done
	echo "not ok $name got past: $tests"
}

# A test program as it is must pass. What a faulty one may take follows from what
# this one took, here and now.
prepare_test()	# NAME
{
	local program=$work/unit/test-$1 took

	compile -O1 "$program.c" "$program.o" && link_test "$1" "$program" ||
		{ echo "test-$1.c does not build" >"$program.failed"; return; }
	TIMEFORMAT='%R %U %S'
	took=$({ time run_test "$program" '' $CLEAN_SECONDS $CLEAN_SECONDS ||
		echo "test-$1 fails without a fault, in $(last_test "$program")" \
			>"$program.failed"; } 2>&1)
	awk '{ printf "%d %d\n", 3 + 2 * ($2 + $3), 10 + 10 * $1 }' \
		<<<"$took" >"$program.limits"
}

# A script must pass with the command as it is.
prepare_script()	# SCRIPT
{
	local script=$work/scripts/$1 took

	TIMEFORMAT='%R %U %S'
	took=$({ time run_script "$work/zdedup" "$1" $CLEAN_SECONDS $CLEAN_SECONDS ||
		echo "$1 fails without a fault" >"$script.failed"; } 2>&1)
	awk '{ printf "%d %d\n", 3 + 2 * ($2 + $3), 10 + 10 * $1 }' \
		<<<"$took" >"$script.limits"
}

# The command as it is, and the scripts that the list names
prepare_scripts()
{
	local script

	mkdir "$work/scripts"
	cp "$root"/tests/*.sh "$work/scripts" || die "no scripts in $root/tests"
	[ -x "$ZDEDUP_FAKES/fingerprint" ] || die "$ZDEDUP_FAKES is not built: ninja -C ..."
	link_sim "$work/zdedup" || die "the command does not build"
	for script in $(cat "$work"/list/*/tests | tr ' ' '\n' | grep '\.sh$' | sort -u); do
		prepare_script "$script"
		[ ! -e "$work/scripts/$script.failed" ] ||
			die "$(cat "$work/scripts/$script.failed")"
	done
}

case ${1-} in
--sim-object)
	work=$2
	compile_sim "$work/$3" "$work/sim-obj/${3//\//_}.o"
	exit
	;;
--object)
	work=$2
	compile -O1 "$work/$3" "$work/obj/${3//\//_}.o"
	exit
	;;
--test)
	work=$2
	prepare_test "$3"
	exit 0
	;;
--fault)
	work=$2
	try_fault "$3" >"$3/result"
	exit 0
	;;
esac

[ $# = 2 ] || die "usage: run.sh SOURCE_ROOT BUILD_DIR"
root=$(cd "$1" && pwd) || die "no directory $1"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2" || die "cannot make $2"
ZDEDUP_FAKES=$(cd "$2" && pwd)
work=$ZDEDUP_FAKES/faults
export CC ZDEDUP_FAKES
# where meson runs the tests, too: one reads traces/FORMAT.md
cd "$root" || die "no directory $root"
[ -e "$ZDEDUP_FAKES/fake-zstd-good.so" ] || die "$2 is not built: ninja -C ..."
rm -rf "$work"
mkdir -p "$work/obj" "$work/sim-obj" "$work/list" "$work/tmp"
export TMPDIR=$work/tmp
for room in lib sim; do
	cp -R "$root/$room" "$work" || die "no $room/ in $root"
done
# without the samples
mkdir "$work/traces"
cp "$root"/traces/*.[ch] "$work/traces" || die "no traces/ in $root"
cp -R "$root/tests/unit" "$work/unit" || die "no tests/unit/ in $root"
split_list "$here/faults.txt" || die "faults.txt is not right"

in_parallel()	# VERB; the arguments, one a line, on stdin
{
	xargs -r -P "${FAULTS_JOBS:-2}" -n 1 bash "$here/run.sh" "$1" "$work"
}

# the sources and the tests as they are
(cd "$work" && find lib -name '*.c') | in_parallel --object
(cd "$work" && ls sim/*.c traces/*.c | grep -v nbdkit-plugin) |
	in_parallel --sim-object
ar rcs "$work/lib.a" "$work"/obj/*.o && ar rcs "$work/sim.a" "$work"/sim-obj/*.o ||
	die "cannot make an archive"
compile -O1 "$here/filter.c" "$work/filter.o" || die "filter.c does not build"
for dir in "$work"/list/*; do
	case $(cat "$dir/name") in
	${FAULTS_ONLY:-*}) ;;
	*) rm -r "$dir" ;;
	esac
done
[ -n "$(ls "$work/list")" ] || die "no fault is called ${FAULTS_ONLY-}"
cat "$work"/list/*/tests | tr ' ' '\n' | sed 's/:.*//' | grep -v '\.sh$' | sort -u |
	in_parallel --test
for failed in "$work"/unit/*.failed; do
	[ ! -e "$failed" ] || die "$(cat "$failed")"
done
if grep -q '\.sh' "$work"/list/*/tests; then
	prepare_scripts
fi
ls -d "$work"/list/* | in_parallel --fault

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
