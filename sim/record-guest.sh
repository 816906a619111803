#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest, as root, beside what is being recorded by the recording swap
# disk: writes each page out, page in and free, in their order, to OUT until it
# gets SIGTERM or SIGINT. Start it before swapon.
#     zdedup import --events OUT device.zdt -o swap.zdt
# joins both. Linux 6.12 and later, x86-64 or arm64.
#
# usage: record-guest.sh OUT [KILOBYTES of buffer for each CPU]
set -eu

out=${1:?usage: record-guest.sh OUT [KILOBYTES]}
kilobytes=${2:-4096}
tracing=/sys/kernel/tracing
[ -e $tracing/kprobe_events ] || mount -t tracefs tracefs $tracing
here=$tracing/instances/zdedup

probe() {
	echo "$1" >>$tracing/kprobe_events
}

# An instance of its own, so that other tracing goes on undisturbed.
mkdir $here
echo "$kilobytes" >$here/buffer_size_kb
echo mono >$here/trace_clock
# 40 is where a folio, and a page, keeps its swap entry. swap_writepage is
# swap_writeout since 6.16; both are called for zero pages, too, zswap_store is not.
probe 'p:zdedup/wp swap_writeout e=+40($arg1):u64' 2>/dev/null ||
	probe 'p:zdedup/wp swap_writepage e=+40($arg1):u64'
probe 'p:zdedup/zs zswap_store e=+40($arg1):u64'
probe 'p:zdedup/rf swap_read_folio e=+40($arg1):u64'
probe 'p:zdedup/iv zswap_invalidate e=$arg1:u64'

finish() {
	echo 0 >$here/events/zdedup/enable
	sleep 1
	kill $reader 2>/dev/null || :
	wait $reader 2>/dev/null || :
	# what the reader has not taken, and what there was no room for
	cat $here/trace >>"$out"
	cat $here/per_cpu/cpu*/stats | sed -n 's/^\(overrun\|dropped events\): /# lost: /p' >>"$out"
	rmdir $here
	for name in wp zs rf iv; do
		echo "-:zdedup/$name" >>$tracing/kprobe_events
	done
	exit 0
}

echo 1 >$here/events/zdedup/enable
cat $here/trace_pipe >"$out" &
reader=$!
trap finish TERM INT
while :; do
	wait $reader || :
	sleep 1
done
