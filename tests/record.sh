#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# zdedup record: a process whose pages are known, what is stored of it and when, how
# a recording ends, and what it refuses. TAP on stdout.
#
# usage: record.sh ZDEDUP HELPER
set -u

zdedup=${1:?usage: record.sh ZDEDUP HELPER}
helper=${2:?usage: record.sh ZDEDUP HELPER}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
helper=$(absolute "$helper")
shown="err list"
started=
clean_up()
{
	for pid in $started; do
		kill -CONT "$pid" 2>/dev/null
		kill "$pid" 2>/dev/null
	done
	[ -z "${cgroup:-}" ] || rmdir "$cgroup" 2>/dev/null
}
enter_work
chmod 755 "$work"

# start [SECONDS]: a helper; its processes are $parent and $child
start()
{
	rm -f helper.out
	"$helper" "$work/file" "${1:-120}" >helper.out &
	started="$started $!"
	wait_for helper.out 1
	read -r parent child <helper.out
}

# wait_for FILE LINES
wait_for()
{
	tries=0
	while [ "$(cat "$1" 2>/dev/null | wc -l)" -lt "$2" ] && [ $tries -lt 300 ]; do
		sleep 0.05
		tries=$((tries + 1))
	done
}

# list FILE: what happened to the known pages, as "OPERATION PAGE SLOT MEMCG"; a load
# and an invalidate carry no page, so theirs is the one stored to the slot before
list()
{
	rm -rf back
	"$zdedup" export --to ops "$1" -o back 2>err || return 1
	grep -abo 'TAG-[a-z]*-[0-9]*-[0-9]*;' back/pages.raw |
		sed 's/TAG-//; s/;//' | awk -F: '$1 % 4096 == 0 { print $1 / 4096, $2 }' >tags
	awk 'NR == FNR { tag[$1] = $2; next }
		FNR == 1 { FS = ","; split($0, names, ",")
			for (i in names) col[names[i]] = i; next }
		{ split($0, f, ","); slot = f[col["slot"]]
		  if (f[col["op"]] == "store") at[slot] = tag[f[col["page"]]]
		  if (at[slot] != "")
			print f[col["op"]], at[slot], slot, ("memcg" in col) ? f[col["memcg"]] : 0 }' \
		tags back/ops.csv >list
}

# lists NAME NUMBER PATTERN: so many lines of the list match
lists()
{
	got=$(grep -c -E "$3" list)
	[ "$got" -eq "$2" ] || echo "# $got lines match $3, want $2"
	[ "$got" -eq "$2" ]
	result "$1" $?
}

# One snapshot of one process: each kind of memory
start
exits "one process, once" 0 record --pid "$parent" -o one.zdt
list one.zdt
lists "text" 6 '^store text-[0-5]-1 '
lists "random bytes" 10 '^store noise-[0-9]-1 '
lists "shared anonymous memory" 5 '^store shared-[0-4]-1 '
lists "of a private file mapping: the copied pages" 2 '^store copied-[25]-1 '
lists "and not the file's own" 0 'file'
lists "PROT_NONE: nothing" 0 'none'
lists "one process has no memcg numbers" 0 ' [1-9][0-9]*$'
[ "$(grep -abo 'ZD_SAME!' back/pages.raw | awk -F: '$1 % 4096 == 0' | wc -l)" -eq 1 ]
result "same-filled pages are one content" $?
exits "info" 0 info --format json one.zdt
grep -q '"vantage": *"process"' out
result "the vantage is process" $?
head -c 300 one.zdt | grep -a -o '[a-z][a-z]*=[a-z0-9.-]*' | tr '\n' ' ' >got
[ "$(cat got)" = "vantage=process mode=all every=0 stopped=no changes=contents " ] || sed 's/^/# /' got
[ "$(cat got)" = "vantage=process mode=all every=0 stopped=no changes=contents " ]
result "nothing else is told about it" $?
exits "replay" 0 replay --dedup always one.zdt

# Zero pages: written ones are pages, those only read or never touched are not. The
# program's own come on top: a twin without them tells how many.
awk -F, 'NR > 1 { print $5 }' back/ops.csv >stored
zero=$(od -An -v -tx1 -w4096 back/pages.raw | awk '!/[1-9a-f]/ { print NR - 1 }')
zeros=$(grep -c -x "${zero:-none}" stored)
"$helper" "$work/file.bare" 120 bare >bare.out &
started="$started $!"
wait_for bare.out 1
read -r bare barechild <bare.out
"$zdedup" record --pid "$bare" -o bare.zdt >out 2>err
rm -rf back
"$zdedup" export --to ops bare.zdt -o back
awk -F, 'NR > 1 { print $5 }' back/ops.csv >stored
zero=$(od -An -v -tx1 -w4096 back/pages.raw | awk '!/[1-9a-f]/ { print NR - 1 }')
others=$(grep -c -x "${zero:-none}" stored)
release=$(uname -r | awk -F'[.-]' '{ print $1 * 1000 + $2 }')
if [ "$release" -ge 6007 ]; then
	[ $((zeros - others)) -eq 3 ] || echo "# $zeros zero pages, $others without the three"
	[ $((zeros - others)) -eq 3 ]
	result "three zero pages that were written, none of those that were not" $?
else
	skip "before Linux 6.7 a zero page shared by fork cannot be told from the kernel's"
fi
kill "$bare"

# Two processes that share by fork
if [ "$(id -u)" -eq 0 ]; then
	exits "parent and child" 0 record --pid "$parent" --pid "$child" -o two.zdt
	list two.zdt
	lists "what fork shares is there once" 10 '^store noise-'
	lists "what each has alone, under its own memcg: the parent's" 1 '^store busy-0-1 [0-9]* 1$'
	lists "the child's" 1 '^store childs-0-1 [0-9]* 2$'
	lists "shared memory once" 5 '^store shared-'
	exits "again" 0 record --pid "$parent" --pid "$child" -o two2.zdt
	list two2.zdt
	lists "looking does not end the sharing" 10 '^store noise-'
	mkdir owned && chown 65534:65534 owned
	if setpriv --reuid 65534 --regid 65534 --clear-groups "$zdedup" --version >/dev/null 2>&1; then
		as="setpriv --reuid 65534 --regid 65534 --clear-groups"
		$as "$helper" owned/file 60 >other.out &
		started="$started $!"
		wait_for other.out 1
		read -r op oc <other.out
		$as "$zdedup" record --pid "$op" --pid "$oc" -o owned/x.zdt >out 2>err
		[ $? -eq 0 ] && [ ! -s err ]
		result "one's own processes without root" $?
		grep -q 'cannot be told without CAP_SYS_ADMIN' out
		result "says that sharing by fork is not seen" $?
		list owned/x.zdt
		lists "so it is there twice" 20 '^store noise-'
		lists "but shared memory once" 5 '^store shared-'
		$as "$zdedup" record --pid "$parent" -o owned/y.zdt >out 2>err
		[ $? -eq 3 ] && [ "$(wc -l <err)" -eq 1 ] && [ ! -e owned/y.zdt ]
		result "another one's process: one line, exit 3, no file" $?
		said "which says so" err "another user"
		kill "$op"
	else
		skip "setpriv cannot run zdedup as nobody"
	fi
else
	skip "not root: page frame numbers and other users are not tried"
fi

# Changes between snapshots. The waits are long against --every.
# A shell lets what it starts with & ignore SIGINT; env takes that back.
env --default-signal=INT "$zdedup" record --pid "$parent" --pid "$child" --every 0.1 -o all.zdt >all.out 2>all.err &
all=$!
env --default-signal=INT "$zdedup" record --pid "$parent" --every 0.25 --idle -o idle.zdt >idle.out 2>idle.err &
idle=$!
sleep 1.5
kill -USR1 "$parent" "$child"
sleep 1.5
kill -USR2 "$parent"
sleep 1.5
kill -INT $all $idle
wait $all
[ $? -eq 0 ] && [ ! -s all.err ]
result "SIGINT completes the file" $?
wait $idle
[ $? -eq 0 ] && [ ! -s idle.err ]
result "with --idle, too" $?
list all.zdt
lists "unchanged: stored once, and stays" 1 ' noise-0-'
lists "changed: stored again" 1 '^store text-2-2 '
lists "changed back: and again" 2 '^store text-2-1 [0-9]* 1$'
[ "$(grep -E ' text-2-[12] [0-9]+ 1$' list | cut -d' ' -f3 | uniq | wc -l)" -eq 1 ]
result "to the same slot" $?
lists "shared memory, changed" 1 '^store shared-1-2 '
lists "and from now on the child's alone" 1 '^store noise-4-1 [0-9]* 2$'
lists "the child's own copy" 1 '^store text-0-2 [0-9]* 2$'
lists "unmapped: invalidated" 1 '^invalidate noise-4-1 [0-9]* 1$'
lists "a new page" 1 '^store new-0-1 '
[ "$(grep 'store noise-4-1 .* 1$' list | cut -d' ' -f3)" = "$(grep 'store new-0-1' list | cut -d' ' -f3)" ]
result "in the slot that became free" $?
[ "$(grep -c '^store busy-0-1' list)" -ge 3 ]
result "a page that always changes is stored each time" $?
list idle.zdt
lists "idle: stored once" 1 ' noise-0-'
# unless the helper stood still on a loaded machine
[ "$(grep -c 'store busy' list)" -le 1 ]
result "idle: a page that always changes is not stored" $?
grep -E ' text-2-[12] ' list | cut -d' ' -f1 | tr '\n' ' ' >got
[ "$(cat got)" = "store load invalidate store load invalidate store " ] || sed 's/^/# /' got
[ "$(cat got)" = "store load invalidate store load invalidate store " ]
result "idle: loaded before it changes, stored when it rests" $?
lists "idle: unmapped" 1 '^invalidate noise-4-1 '
exits "idle: replay" 0 replay --dedup always idle.zdt

# --stop
exits "--stop" 0 record --pid "$parent" --pid "$child" --stop --every 0.1 --count 3 -o stop.zdt
case $(sed 's/.*) //' "/proc/$parent/stat") in
[SR]*) true ;;
*) false ;;
esac
result "goes on afterwards" $?
kill -STOP "$child"
sleep 0.2
exits "one that was stopped before" 0 record --pid "$child" --stop -o stop2.zdt
case $(sed 's/.*) //' "/proc/$child/stat") in
T*) true ;;
*) false ;;
esac
result "stays stopped" $?
kill -CONT "$child"

# A command, with its descendants
exits "a command" 0 record -o cmd.zdt --every 0.2 -- sh -c "'$helper' file.cmd 2; exit 7"
list cmd.zdt
lists "its descendants are there" 1 '^store noise-7-1 [0-9]* [1-9]'
exits "a command that is not there" 3 record -o no.zdt -- ./no-such-command
exits "a command that ends at once" 3 record -o no.zdt -- true
said "says that it was too short" err "before the first snapshot"
[ ! -e no.zdt ]
result "leaves no file" $?
"$zdedup" record -o term.zdt --every 0.2 -- "$helper" file.term 60 >term.out 2>err &
rec=$!
sleep 1
kill -TERM $rec
wait $rec
[ $? -eq 0 ] && "$zdedup" info term.zdt >out
result "SIGTERM completes the file" $?
sleep 0.5
case $(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ') in
*file.term*) false ;;
*) true ;;
esac
result "and ends the command" $?

# cgroups
mkdir empty
: >empty/cgroup.procs
exits "an empty cgroup" 3 record --cgroup empty -o no.zdt
said "says so" err "without a process"
exits "no cgroup" 3 record --cgroup . -o no.zdt
said "says so" err "is no cgroup"
cgroup=
for root in /sys/fs/cgroup/unified /sys/fs/cgroup /sys/fs/cgroup/pids; do
	mkdir "$root/zdedup-test-$$" 2>/dev/null || continue
	cgroup=$root/zdedup-test-$$
	echo "$parent" 2>/dev/null >"$cgroup/cgroup.procs" && break
	rmdir "$cgroup"
	cgroup=
done
if [ -n "$cgroup" ]; then
	exits "a cgroup" 0 record --cgroup "$cgroup" -o cgroup.zdt
	list cgroup.zdt
	lists "is what is in it" 10 '^store noise-|^store new-'
	lists "and nothing else" 0 'childs'
else
	skip "no cgroup can be made here"
fi

# What is refused
exits "no process" 3 record --pid 2147483647 -o no.zdt
said "says so" err "no such process"
if grep -q '^Kthread:.*1' /proc/2/status 2>/dev/null || [ "$(cat /proc/2/comm 2>/dev/null)" = kthreadd ]; then
	exits "a kernel thread" 3 record --pid 2 -o no.zdt
	said "says so" err "kernel thread"
else
	skip "no kernel thread is seen here"
fi
[ ! -e no.zdt ]
result "no file is left of these" $?
exits "a file that is there" 3 record --pid "$parent" -o one.zdt
exits "a directory" 3 record --pid "$parent" -o empty
exits "/dev/full" 3 record --pid "$parent" -o /dev/full
exits "nobody to record" 2 record
exits "two ways at once" 2 record --pid "$parent" --cgroup empty
exits "no number" 2 record --pid 12x
exits "a process twice" 2 record --pid "$parent" --pid "$parent"
exits "no time" 2 record --pid "$parent" --every 0
exits "--idle once" 2 record --pid "$parent" --idle
exits "a word too many" 2 record --pid "$parent" more
exits "--help" 0 record --help

# What is left when it ends badly: room for one snapshot's different pages, which the
# writer keeps in a temporary file, and for some more
list one.zdt
room=$(($(wc -c <back/pages.raw) / 512 + 128))
(
	trap '' XFSZ
	ulimit -f $room
	"$zdedup" record --pid "$parent" --every 0.05 --count 2000 -o full.zdt
) >full.out 2>full.err &
full=$!
"$zdedup" record --pid "$parent" --every 0.05 -o killed.zdt >killed.out 2>killed.err &
killed=$!
sleep 2
kill -9 $killed
wait $killed 2>/dev/null
exits "killed: the file is known to be incomplete" 3 info killed.zdt
exits "and can be salvaged" 0 import --salvage killed.zdt -o saved.zdt
list saved.zdt
lists "with its pages" 10 '^store noise-|^store new-'
wait $full
[ $? -eq 3 ] && [ "$(wc -l <full.err)" -eq 1 ] && grep -q 'File too large' full.err
result "a file that cannot grow: one line, exit 3" $?
exits "what is there can be salvaged" 0 import --salvage full.zdt -o saved2.zdt
list saved2.zdt
lists "with its pages" 10 '^store noise-|^store new-'

# A process that ends in between is no error
"$zdedup" record --pid "$parent" --every 0.1 -o end.zdt >end.out 2>err &
rec=$!
sleep 1
kill "$parent"
wait $rec
[ $? -eq 0 ] && [ ! -s err ]
result "the process ends: the recording, too" $?
list end.zdt
lists "and its last pages stay in their slots" 0 '^invalidate noise'

finish
