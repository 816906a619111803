# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # variables that the test has or takes
# What the tests of the command line share: TAP on stdout, a directory of the run's
# own, and the program's exits. To be sourced, before the test leaves the folder that
# it was started in:
#
#	zdedup=${1:?usage: NAME.sh ZDEDUP}
#	. "$(dirname "$0")/tap.sh"
#	zdedup=$(absolute "$zdedup")
#	enter_work
#	(the tests)
#	finish

root=$(cd "$(dirname "$0")/.." && pwd) || exit 99
tests=0
failed=0
# the files in $work that a failed test shows
shown=err

# absolute PATH: the same from every folder
absolute()
{
	case $1 in
	/*) printf '%s\n' "$1" ;;
	*) printf '%s\n' "$PWD/$1" ;;
	esac
}

# What a test has to end besides removing $work; it may define its own.
clean_up()
{
	:
}

# Makes $work and goes there; it is gone when the test is, whatever ends it.
enter_work()
{
	work=$(mktemp -d) || exit 99
	trap 'clean_up; rm -rf "$work"' EXIT
	trap 'exit 99' INT TERM
	cd "$work" || exit 99
}

# finish: the plan, and the exit status of the whole
finish()
{
	echo "1..$tests"
	[ $failed -eq 0 ]
	exit
}

# result NAME STATUS: one line of TAP. With TAP_STOP the first failure ends the test.
result()
{
	tests=$((tests + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $tests - $1"
	else
		echo "not ok $tests - $1"
		failed=$((failed + 1))
		# shellcheck disable=SC2086 # a list of names
		sed 's/^/# /' $shown 2>/dev/null | head -n 60
		[ -z "${TAP_STOP-}" ] || exit 1
	fi
}

# skip REASON: a test that cannot be made here
skip()
{
	tests=$((tests + 1))
	echo "ok $tests # SKIP $1"
}

# exits NAME STATUS ARGUMENT...: the status, and one line on stderr when it is not 0
exits()
{
	name=$1
	want=$2
	shift 2
	"$zdedup" "$@" >out 2>err </dev/null
	got=$?
	lines=$(wc -l <err)
	bad=0
	[ "$got" -eq "$want" ] || bad=1
	if [ "$want" -ne 0 ]; then
		[ "$lines" -eq 1 ] && grep -q '^zdedup: ' err || bad=1
	else
		[ ! -s err ] || bad=1
	fi
	[ $bad -eq 0 ] || echo "# status $got, want $want; $lines lines on stderr"
	result "$name" $bad
}

# said NAME FILE PATTERN: the last command's out or err has a matching line
said()
{
	grep -q -e "$3" "$2"
	result "$1" $?
}

# text SEED: 4096 bytes that compress and are not same-filled
text()
{
	awk -v s="$1" 'BEGIN {
		for (i = 0; i < 512; i++)
			printf "%07d%s", (s * 7919 + i * i) % 9999991, i % 2 ? "\n" : " "
	}'
}
