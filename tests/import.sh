#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# zdedup import and export: round trips, what is recognised, what is left behind
# by a failure. TAP on stdout.
#
# usage: import.sh ZDEDUP
set -u

zdedup=${1:?usage: import.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
data=${ZDEDUP_SHARED:-$root/../shared}/data
enter_work

# nothing_left NAME: no temporary file or directory
nothing_left()
{
	[ -z "$(find . -name '*.??????' ! -name '*.zst' -name '*.zdt.*' -o -name 'back*.??????')" ]
	result "$1" $?
}

# round NAME DIRECTORY: to .zdt and back, and the same bytes
round()
{
	rm -rf back t.zdt
	exits "$1: import" 0 import "$2" -o t.zdt
	exits "$1: export" 0 export --to ops t.zdt -o back
	cmp -s back/ops.csv "$2/ops.csv" && cmp -s back/pages.raw "$2/pages.raw"
	result "$1: comes back byte for byte" $?
}

mkdir stream
cat >stream/ops.csv <<END
seq,time_us,op,slot,page,type,memcg,folio
0,10,store,1,0,0,7,1
1,10,store,2,1,0,7,1
2,9,store,1099511627775,0,31,4294967295,18446744073709551615
3,18446744073709551615,load,1,0,0,7,0
4,0,load,9,,3,0,0
5,1,store,1,2,0,7,2
6,70,invalidate,2,,0,7,0
END
{ text 1; text 2; head -c 4096 /dev/zero; } >stream/pages.raw
round "every column" stream

mkdir five
printf 'seq,time_us,op,slot,page\n0,1,store,1,0\n1,2,load,1,0\n' >five/ops.csv
text 1 >five/pages.raw
round "five columns" five
mkdir none
printf 'seq,time_us,op,slot,page\n' >none/ops.csv
: >none/pages.raw
round "no event" none

# not canonical: CRLF, zeros in front, two pages alike, one unused, by no order
mkdir odd
printf 'seq,time_us,op,slot,page\r\n0,010,store,1,3\r\n1,20,store,2,1\r\n2,30,store,3,0\r\n3,40,load,1,\r\n' >odd/ops.csv
{ text 2; text 1; text 9; text 2; } >odd/pages.raw
exits "not canonical: import" 0 import odd -o odd.zdt
exits "not canonical: export" 0 export --to ops odd.zdt -o odd.back
printf 'seq,time_us,op,slot,page\n0,10,store,1,0\n1,20,store,2,1\n2,30,store,3,0\n3,40,load,1,\n' |
	cmp -s - odd.back/ops.csv && { text 2; text 1; } | cmp -s - odd.back/pages.raw
result "not canonical: event for event, each content once, by first use" $?

if command -v zstd >/dev/null; then
	for sample in py gcc; do
		mkdir "$sample"
		zstd -dqc "$root/traces/samples/$sample/ops.csv.zst" >$sample/ops.csv
		zstd -dqc "$root/traces/samples/$sample/pages.raw.zst" >$sample/pages.raw
		round "sample $sample" $sample
		limit=$(zstd -3 --long=27 -qc $sample/pages.raw | wc -c)
		[ $((100 * $(wc -c <t.zdt))) -le $((105 * limit)) ]
		result "sample $sample: at most 1.05 times zstd -3 --long=27 of its pages" $?
	done
	"$zdedup" replay --dedup always --format json gcc | sed 1,/path/d | grep -v '"format"' >a.json
	"$zdedup" replay --dedup always --format json t.zdt | sed 1,/path/d | grep -v '"format"' >b.json
	cmp -s a.json b.json && [ -s a.json ]
	result "sample gcc: the replay says the same" $?
else
	skip "no zstd, so the samples are not unpacked"
fi
if [ -r "$data/redis/ops.csv.zst" ] && command -v zstd >/dev/null; then
	mkdir redis
	zstd -dqc "$data/redis/ops.csv.zst" >redis/ops.csv
	zstd -dqc "$data/redis/pages.raw.zst" >redis/pages.raw
	round "redis" redis
else
	skip "no $data/redis with zstd beside, so no whole recording makes the round"
fi

#------------------------------------------------------------------ recognised

mv odd.zdt odd.image
exits "recognised by content" 0 info --format json odd.image
said "as zdt" out '"format": "zdt"'
exits "--input-format zdt" 0 replay --input-format zdt odd.image
exits "--input-format raw is not fooled into pages" 3 replay --input-format raw odd.image
exits "list" 0 list
said "knows it" out '^  zdt '

exits "two images: two devices" 0 import --from raw five/pages.raw odd/pages.raw -o two.zdt
said "what was written" out '^two.zdt: 5 events, 3 pages$'
exits "and back" 0 export --to ops two.zdt -o two
sed -n 3p two/ops.csv | grep -qx '1,0,store,1,1,1'
result "the second is device 1" $?

#-------------------------------------------------------------------- damage

exits "cut" 0 import stream -o whole.zdt
size=$(wc -c <whole.zdt)
head -c $((size - 1)) whole.zdt >cut.zdt
exits "a cut file is incomplete" 3 info cut.zdt
said "and says what to do" err 'incomplete: .*zdedup import --salvage cut.zdt'
exits "--salvage" 0 import --salvage cut.zdt -o saved.zdt
said "tells what was saved" out '^saved.zdt: 7 events, 3 pages; [0-9]* bytes'
cmp -s whole.zdt saved.zdt
result "all of it" $?
head -c 100 whole.zdt >stub.zdt
exits "a stub" 0 import --salvage stub.zdt -o stub2.zdt
said "holds nothing" out ': 0 events, 0 pages'
printf 'not a trace at all, and of no 4096 bytes' >no.zdt
exits "--salvage of something else" 3 import --salvage no.zdt -o never.zdt
[ ! -e never.zdt ]
result "makes no file" $?
{ printf '\211ZDT\r\n\032\n\002\000\000\000'; head -c 5000 /dev/zero; } >newer.zdt
exits "a newer version" 3 replay newer.zdt
said "is refused in one clear line" err 'newer.zdt: is of format version 2.0, this build reads 1.x: a newer zdedup is needed'

#---------------------------------------------------------------- usage, failure

for c in import export; do
	exits "$c --help" 0 $c --help
	said "$c --help has examples" out '^examples:'
	exits "$c of nothing" 2 $c
	exits "$c without -o" 2 $c --to ops stream
done
exits "unknown --from" 2 import --from tape stream -o x.zdt
exits "unknown --to" 2 export --to tape stream -o x
exits "--salvage of another format" 2 import --salvage --from raw stream -o x.zdt
exits "missing input" 3 import nowhere -o x.zdt
said "is named" err nowhere
exits "one of two is missing" 3 import stream nowhere -o x.zdt
exits "no such directory" 3 import stream -o no/where/x.zdt
exits "onto a directory" 3 import stream -o none
exits "export over files" 3 export --to ops whole.zdt -o stream
said "leaves them" err 'stream: Directory not empty'
[ "$(ls stream | wc -l)" -eq 2 ]
result "untouched" $?
mkdir blank
exits "export into an empty directory" 0 export --to ops whole.zdt -o blank
cmp -s blank/ops.csv stream/ops.csv
result "which it fills" $?

# a limit on the size of files stands for a full disk
head -c 1000000 /dev/urandom | head -c 819200 >noise.raw
echo old >kept.zdt
(
	trap '' XFSZ
	ulimit -f 200
	"$zdedup" import noise.raw -o kept.zdt
) >out 2>err
[ $? -eq 3 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q 'File too large' err
result "a file that cannot grow: one line, exit 3" $?
[ "$(cat kept.zdt)" = old ]
result "the older file stays" $?
exits "noise" 0 import noise.raw -o noise.zdt
(
	trap '' XFSZ
	ulimit -f 200
	"$zdedup" export --to ops noise.zdt -o back.full
) >out 2>err
[ $? -eq 3 ] && [ "$(wc -l <err)" -eq 1 ] && [ ! -e back.full ]
result "the same for a directory: none is made" $?
nothing_left "nothing temporary is left"

# a signal in the middle of a long import
awk 'BEGIN { print "seq,time_us,op,slot,page"
	for (i = 0; i < 3000000; i++) printf "%d,%d,store,%d,%d\n", i, i, i % 999, i % 3 }' >long.csv
mkdir long
mv long.csv long/ops.csv
cp stream/pages.raw long/pages.raw
"$zdedup" import long -o long.zdt >out 2>err &
run=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -n "$(ls long.zdt.* 2>/dev/null)" ] && break
	sleep 0.1
done
kill -TERM $run
wait $run
[ $? -eq 143 ] && [ -z "$(ls long.zdt* 2>/dev/null)" ] && [ "$(wc -l <err)" -eq 1 ]
result "a signal ends it with 128 + its number and leaves no file" $?

finish
