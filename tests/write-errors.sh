#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The program on a disk that fails: each call that writes, in turn, in each way.
# Exit 3 and one line, and no file that looks whole and is not. TAP on stdout.
#
# usage: write-errors.sh ZDEDUP FAULTY_IO RECORD_HELPER
# shellcheck disable=SC2015,SC2317 # functions are called by name
set -u

zdedup=${1:?usage: write-errors.sh ZDEDUP FAULTY_IO RECORD_HELPER}
faulty=${2:?no faulty-io.so}
helper=${3:?no record-helper}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
faulty=$(absolute "$faulty")
helper=$(absolute "$helper")
# meson's way to find uses of what was not set would fill zstd's window in each run
export MALLOC_PERTURB_=0
enter_work
helped=
clean_up()
{
	[ -z "$helped" ] || kill "$helped" 2>/dev/null
}

mkdir stream
{
	echo seq,time_us,op,slot,page
	for n in 0 1 2 3 4 5 6 7; do
		echo "$n,$n,store,$((n + 1)),$((n % 6))"
	done
} >stream/ops.csv
for n in 1 2 3 4 5 6; do
	text $n
done >stream/pages.raw
head -c 32 stream/pages.raw >key

# problem WORD...: why the call that failed was not handled well
problem()
{
	echo "call $at of $how: $* (exit $status: $(head -n 1 err))" >>problems
}

# whole FILE: the program takes it
whole()
{
	case $1 in
	*.json) grep -q '"over_time"' "$1" ;;
	*) "$zdedup" info "$1" >/dev/null 2>said ;;
	esac
}

# What is there is the old file, or the new one as a whole; nothing else is left.
check_result()
{
	[ -e "$1" ] || problem "the file before is gone"
	[ "$(cat "$1")" = before ] || whole "$1" || problem "half a file"
	if [ "$status" -eq 0 ] && ! whole "$1"; then
		problem "no file, and no error"
	fi
	[ "$(find . -name "$1*" | wc -l)" -eq 1 ] || problem "something is left"
}

# A directory is there with both of its files, or is not there at all.
check_directory()
{
	if [ "$status" -eq 0 ]; then
		cmp -s "$1/ops.csv" stream/ops.csv &&
			cmp -s "$1/pages.raw" stream/pages.raw || problem "other files"
	elif [ -n "$(find . -name "$1*")" ]; then
		problem "something is left"
	fi
	rm -rf "$1"
}

# A recording: whole if that was said; else it is known, and salvaged; or not there.
check_recording()
{
	if [ "$status" -eq 0 ]; then
		whole "$1" || problem "said to be whole"
	elif [ -e "$1" ]; then
		whole "$1" && problem "looks whole"
		[ "$(wc -l <said)" -eq 1 ] || problem "not one line: $(cat said)"
		"$zdedup" import --salvage "$1" -o saved.zdt >/dev/null 2>said ||
			problem "cannot be salvaged: $(cat said)"
	fi
	rm -f "$1" saved.zdt
}

# each NAME CHECK OUTPUT ARGUMENT...: every call that writes fails, in every way
each()
{
	name=$1
	check=$2
	output=$3
	shift 3
	: >problems
	most=0
	for how in EIO ENOSPC SHORT HALF EINTR; do
		at=0
		step=1
		# what is to be survived, the unit test tries with every call
		case $how in HALF | EINTR) step=5 ;; esac
		while [ $at -lt 200 ]; do
			at=$((at + step))
			[ "$check" != check_result ] || printf before >"$output"
			rm -f calls
			FAULTY_HOW=$how FAULTY_AT=$at FAULTY_CALLS=calls \
				LD_PRELOAD=$faulty "$zdedup" "$@" >out 2>err </dev/null
			status=$?
			case $status in
			0) [ $how != EIO ] || [ ! -e calls ] || problem "nobody was told" ;;
			3) [ "$(wc -l <err)" -eq 1 ] && grep -q '^zdedup: ' err || problem "not one line" ;;
			*) problem "neither 0 nor 3" ;;
			esac
			case $how in
			HALF | EINTR) [ $status -eq 0 ] || problem "not survived" ;;
			esac
			$check "$output"
			[ -e calls ] || break
		done
		[ $at -gt $most ] && most=$at
	done
	[ ! -s problems ] && [ $most -gt 1 ] && [ $most -lt 200 ]
	result "$name: up to $((most - 1)) calls" $?
}

shown=problems
"$helper" file 600 bare >pids &
helped=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -s pids ] && break
	sleep 0.1
done
each "import" check_result new.zdt import stream -o new.zdt
each "export to fingerprint" check_result new.zdt \
	export --to fingerprint --key-file key --lengths lz4 stream -o new.zdt
each "gen" check_result new.zdt gen --slots 8 --events 20 -o new.zdt
each "export to ops" check_directory back export --to ops stream -o back
each "a report" check_result new.json replay stream --format json -o new.json
each "record --pid" check_recording rec.zdt \
	record --pid "$helped" --every 0.01 --count 2 -o rec.zdt
finish
