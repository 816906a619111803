#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# zdedup curve: its figures on traces that can be worked out by hand, what it
# refuses, that a sample is one, and that --compare replays. TAP on stdout.
#
# usage: curve.sh ZDEDUP
set -u

zdedup=${1:?usage: curve.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
samples=$root/traces/samples
enter_work

# is NAME: stdout is what stands on stdin
is()
{
	cat >want
	diff want out >err
	result "$1" $?
}

# noise SEED: 4096 bytes that do not compress, so that each weighs a page
noise()
{
	LC_ALL=C awk -v s="$1" 'BEGIN {
		for (i = 0; i < 4096; i++) {
			s = (s * 16807 + 12345) % 2147483647
			printf "%c", 1 + int(s / 8192) % 127
		}
	}'
}

# Page 0 is zero; 1 to 3 differ, 4 compresses. With `none` the compressor keeps all 4096 bytes.
mkdir t
{ head -c 4096 /dev/zero; noise 1; noise 2; noise 3; yes text | head -c 4096; } >t/pages.raw
# slot 1 is deepest at 3 pages, then slot 3 is loaded from the top: slot 1 is
# 2 pages deep when it is loaded, but a pool of 2 wrote it back
cat >t/ops.csv <<END
seq,time_us,op,slot,page
0,0,store,1,1
1,0,store,2,2
2,0,store,3,3
3,0,load,3,
4,0,load,1,
5,0,load,2,
6,0,store,9,0
7,0,load,9,
END
exits "by hand: none" 0 curve t --compressor none --sizes 4K,8K,12K,16K --format csv
is "by hand: the greatest depth counts, zero pages do not" <<END
size,hit_rate,writebacks,content_writebacks
4096,0.3333,2,2
8192,0.6667,1,1
12288,1.0000,0,0
16384,1.0000,0,0
END

# page 1 under slots 1 and 4: its second store puts it on top, but in a pool of 2
# slot 1 was written back before
cat >t/ops.csv <<END
seq,time_us,op,slot,page
0,0,store,1,1
1,0,store,2,2
2,0,store,3,3
3,0,store,4,1
4,0,load,4,
5,0,load,1,
END
exits "by hand: always" 0 curve t --compressor none --dedup always --sizes 4K,8K,12K,16K --format csv
is "by hand: shared contents" <<END
size,hit_rate,writebacks,content_writebacks
4096,0.5000,3,3
8192,0.5000,2,2
12288,1.0000,0,0
16384,1.0000,0,0
END
exits "the same without dedup" 0 curve t --compressor none --sizes 12K,16K --format csv
is "without dedup a pool of 3 pages is too small" <<END
size,hit_rate,writebacks,content_writebacks
12288,0.5000,1,1
16384,1.0000,0,0
END

# 6.1 keeps what it has loaded, and has zero pages without bytes in its pool
cat >t/ops.csv <<END
seq,time_us,op,slot,page
0,0,store,1,1
1,0,load,1,
2,0,load,1,
3,0,store,2,0
4,0,load,2,
END
exits "6.1: loads keep their slots" 0 curve t --kernel 6.1 --sizes 1K,4K --format csv --dedup always
cut -d, -f1,2 out >cut && mv cut out
is "6.1: a page of one word is a hit in every pool, one that does not compress in none" <<END
size,hit_rate
1024,0.3333
4096,0.3333
END
sed 's/1,1$/1,4/' t/ops.csv >ops && mv ops t/ops.csv
exits "6.1: a page that compresses" 0 curve t --kernel 6.1 --sizes 1,4K --format csv
cut -d, -f1,2 out >cut && mv cut out
is "6.1: what was loaded is still there" <<END
size,hit_rate
1,0.3333
4096,1.0000
END

exits "a sample of a page set" 0 curve "$samples/vmfarm-a.raw.zst" --sample 0.2 --dedup always --format json -o s.json
exits "the same again" 0 curve "$samples/vmfarm-a.raw.zst" --sample 20% --dedup always --format json -o s2.json
cmp -s s.json s2.json
result "the same seed gives the same bytes" $?
exits "another seed" 0 curve "$samples/vmfarm-a.raw.zst" --sample 0.2 --dedup always --seed 2 --format json -o s3.json
cmp -s s.json s3.json
[ $? -eq 1 ]
result "another seed gives another sample" $?
grep -q '"schema": "zdedup.curve/1"' s.json && grep -q '"hit_rate": null' s.json &&
	grep -q '"writebacks_95"' s.json
result "JSON: schema, no hits without loads, intervals" $?
exits "all of it" 0 curve "$samples/vmfarm-a.raw.zst" --dedup always --format json -o all.json
# value FILE: the last duplicate_percent
value()
{
	grep '"duplicate_percent":' "$1" | tail -n 1 | tr -dc '0-9.'
}
[ "$(value all.json)" = "$(value s.json)" ] && [ -n "$(value s.json)" ]
result "the duplicates are no estimate" $?
exits "all, at five sizes" 0 curve "$samples/gcc" --dedup always --sizes 512K,1M,2M,4M,8M --format csv -o all.csv
# near RATE ...: the sample's curve is near that of all, and its intervals have it
near()
{
	exits "near that: $*" 0 curve "$samples/gcc" --dedup always --sizes 512K,1M,2M,4M,8M --format csv "$@" -o some.csv
	paste -d, all.csv some.csv | awk -F, 'NR > 1 {
			n++
			far += ($2 - $6) ^ 2 > .05 ^ 2 || ($3 / $7 - 1) ^ 2 > .05 ^ 2
			out += $2 < $9 || $2 > $10 || $3 < $11 || $3 > $12
		} END { exit n != 5 || far || out }'
	result "and the intervals hold: $*" $?
}
near --sample 0.1
near --sample 0.1 --seed 2
near --sample-size 300

# What is kept of a trace is what replay keeps, and all of it also by a sample.
exits "facts are kept" 0 curve "$samples/gcc" --dedup always --sample 0.1 --facts f --format json -o f1.json
cp f before
exits "and taken" 0 curve "$samples/gcc" --dedup always --sample 0.1 --facts f --format json -o f2.json
cmp -s f1.json f2.json && cmp -s f before
result "kept facts give the same curve" $?
exits "a replay takes them" 0 replay "$samples/gcc" --facts f --no-verify --format json -o r1.json
exits "and computes them" 0 replay "$samples/gcc" --no-verify --format json -o r2.json
cmp -s r1.json r2.json && cmp -s f before
result "no length was missing, or another" $?
exits "with digests" 0 curve "$samples/gcc" --dedup always --compare --facts f --format json -o c1.json
exits "without a file" 0 curve "$samples/gcc" --dedup always --compare --format json -o c2.json
cmp -s c1.json c2.json && ! cmp -s f before
result "a comparison keeps digests, too" $?
exits "another trace's facts" 3 curve "$samples/py" --facts f -o left.txt
exits "two files of facts" 2 curve "$samples/py" --facts f --keep-facts

# A trace without bytes: lengths and digests are its own.
head -c 32 all.csv >key
exits "without bytes" 0 export --to fingerprint "$samples/gcc" --key-file key -o gcc.zdt
exits "a curve of that" 0 curve gcc.zdt --dedup always --sizes 512K,1M,2M,4M,8M --format csv
cmp -s out all.csv
result "is that of the bytes" $?
exits "sampled and compared" 0 curve gcc.zdt --dedup always --sample 0.1 --compare
exits "of a compressor that it has not" 3 curve gcc.zdt --compressor none

exits "a sample of fixed size" 0 curve "$samples/gcc" --sample-size 300 --dedup always --format csv
[ "$(head -n 1 out | tr ',' '\n' | wc -l)" -eq 8 ] && [ "$(wc -l <out)" -gt 32 ]
result "CSV: intervals, and a line for each size" $?
exits "--compare" 0 curve "$samples/gcc" --compare --dedup always --format json
[ "$(grep -c replay_written_back_pages out)" -eq 5 ] &&
	grep 'replay_written_back_pages' out | grep -qv ': 0,'
result "five sizes were replayed" $?
# field NAME FILE: its values, in order
field()
{
	sed -n "s/^ *\"$1\": \([-0-9.]*\),*\$/\1/p" "$2"
}
grep -A 99 '"compare"' out >compared
size=$(field size compared | tail -n 1)
rate=$(field replay_hit_rate compared | tail -n 1)
written=$(field replay_written_back_pages compared | tail -n 1)
field replay_hit_rate out >rates
field hit_rate compared | paste -d' ' rates - >both
field hit_rate_distance compared | paste -d' ' both - |
	awk '{ far += ($1 - $2 - $3) ^ 2 > 1e-7 } END { exit NR != 5 || far }'
result "the distance is the difference" $?
exits "a replay with the last one's limit" 0 replay "$samples/gcc" --dedup always --totalram "$size" --max-pool-percent 100 --no-verify --format json
[ -n "$rate" ] && [ "$(grep -A 12 '"hits": {' out | sed -n 's/.*"hit_rate": \([0-9.]*\).*/\1/p')" = "$rate" ] &&
	[ "$(field written_back_pages out | head -n 1)" = "$written" ]
result "tells the same" $?
exits "text" 0 curve "$samples/py" --points 4 --grid linear
[ "$(grep -c '|' out)" -eq 4 ] && grep -q '100.00 %            0  |####' out
result "a bar for each size, and nothing written back at the peak" $?

exits "no such rate" 2 curve t --sample 0
exits "a rate above all" 2 curve t --sample 1.5
exits "no number" 2 curve t --sample x
exits "two samples" 2 curve t --sample 0.1 --sample-size 100
exits "no such size" 2 curve t --sizes 4K,x
exits "no such grid" 2 curve t --grid square
exits "no curve of memcg" 2 curve t --dedup memcg
exits "no such compressor" 2 curve t --compressor zip
exits "no such trace" 3 curve absent
printf 'seq,time_us,op,slot,page\n0,0,store,1,1\n1,0,load,1,2\n' >t/ops.csv
exits "a load of another content" 3 curve t -o left.txt
[ ! -e left.txt ] && [ -z "$(find . -name 'left*')" ]
result "nothing half-written is left" $?

finish
