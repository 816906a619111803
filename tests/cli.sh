#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line: exit statuses, the one error line, the fields of a report,
# that runs repeat, and what -o leaves behind. TAP on stdout.
#
# usage: cli.sh ZDEDUP
set -u

zdedup=${1:?usage: cli.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
enter_work

# page WORD: 4096 bytes of a repeated 8-character word
page()
{
	awk -v w="$1" 'BEGIN { for (i = 0; i < 512; i++) printf "%s", w }'
}

zero()
{
	dd if=/dev/zero bs=4096 count=1 2>/dev/null
}

# ops.csv of the lines on stdin, over pages A (text 1), B (text 2), zero, same-filled, A again
trace()
{
	mkdir -p "$1"
	{
		echo "${2:-seq,time_us,op,slot,page}"
		cat
	} >"$1/ops.csv"
	{ text 1; text 2; zero; page abcdefgh; text 1; } >"$1/pages.raw"
}

{ text 1; text 2; text 1; zero; page abcdefgh; text 1; } >set.raw

trace stream <<END
0,10,store,1,0
1,20,store,2,1
2,30,store,3,4
3,40,store,4,2
4,50,store,5,3
5,60,load,1,0
6,70,store,1,0
7,80,load,3,0
8,90,invalidate,2,
9,99,store,2,1
10,99,load,9,
11,99,invalidate,9,
12,99,load,4,2
END

trace liar <<END
0,10,store,5,0
1,20,load,5,1
END

trace empty </dev/null

trace folios seq,time_us,op,slot,page,type,memcg,folio <<END
0,1,store,8,0,0,7,1
1,1,store,9,2,0,7,1
2,1,store,10,0,0,7,1
3,2,store,4,1,3,9,0
4,3,load,9,2,0,7,0
5,4,load,4,1,3,9,0
END

#--------------------------------------------------------------- usage, help

exits "--help" 0 --help
said "--help has examples" out '^examples:'
exits "--version" 0 --version
said "--version is one number" out '^zdedup [0-9][0-9.]*$'
for c in replay info list; do
	exits "$c --help" 0 $c --help
	said "$c --help has examples" out '^examples:'
done
exits "no command" 2
exits "unknown command" 2 repaly x
said "nearest command" err "did you mean 'replay'"
exits "unknown option" 2 replay --compresor lz4 set.raw
said "nearest option" err "unknown option '--compresor' (did you mean '--compressor'?)"
said "where help is" err "try 'zdedup replay --help'"
exits "option without its value" 2 replay set.raw --compressor
exits "flag with a value" 2 replay --timing=3 set.raw
exits "no trace" 2 replay
exits "two traces" 2 replay set.raw set.raw
exits "unknown compressor" 2 replay --compressor lz5 set.raw
said "nearest compressor" err "lz4"
exits "unknown policy" 2 replay --dedup sometimes set.raw
exits "unknown allocator" 2 replay --zpool zsmaloc set.raw
exits "level out of range" 2 replay --compressor zstd:level=99 set.raw
exits "a sweep's comma" 2 replay --compressor lz4,zstd set.raw
exits "a kernel that is not there" 2 replay --kernel 2.4 set.raw
said "the kernels that are" err '7\.2'
exits "a compare that is not there" 2 replay --compare guess set.raw
exits "trust in a hash that is not keyed" 2 replay --dedup always --compare trust set.raw
exits "a charge that is not there" 2 replay --charge half set.raw
exits "a writeback that is not there" 2 replay --writeback some set.raw
exits "trust" 0 replay --dedup always --compare trust --hash siphash-2-4-128 --format json set.raw
said "is marked unsafe" out '"unsafe": true'
exits "bytes" 0 replay --dedup always --hash siphash-2-4-128 --format json set.raw
grep -q unsafe out
[ $? -eq 1 ]
result "are not" $?
exits "the other ways to share" 0 replay --dedup always --compare compressed --charge split --writeback all --totalram 60K set.raw
exits "a domain against the policy" 2 replay --dedup memcg --domain global set.raw
exits "a domain that is not there" 2 replay --dedup always --domain node set.raw
exits "groups that nobody made" 2 replay --dedup always --domain group set.raw
exits "a size that is none" 2 replay --totalram lots set.raw
exits "a size too large" 2 replay --totalram 99999999999T set.raw
exits "a percentage above 100" 2 replay --max-pool-percent 101 set.raw
exits "unknown report format" 2 replay --format xml set.raw
exits "unknown input format" 2 replay --input-format tape set.raw
exits "list with an operand" 2 list set.raw

#------------------------------------------------------------------ bad input

exits "a trace that is not there" 3 replay nowhere
said "names the file" err nowhere
head -c 5000 set.raw >torn.raw
exits "a torn page image" 3 replay torn.raw
exits "a trace that contradicts itself" 3 replay liar
said "names event and slot" err 'liar: event 1 loads another content than slot 5 holds'
exits "info sees the contradiction, too" 3 info liar
exits "a memcg file that is not there" 3 replay --memcg-config nowhere stream
printf '[3]\nparent=4\n[4]\nparent=3\n' >cycle.conf
exits "memcgs in a circle" 3 replay --memcg-config cycle.conf stream
printf '[3]\nzswap.limit=4\n' >key.conf
exits "an unknown memcg key" 3 replay --memcg-config key.conf stream
if [ -c /dev/full ]; then
	"$zdedup" replay set.raw >/dev/full 2>err
	[ $? -eq 3 ] && [ "$(wc -l <err)" -eq 1 ]
	result "a full disk behind stdout" $?
fi

#----------------------------------------------------------------- the report

exits "what a stream's events are" 0 replay --dedup always stream \
	--assert 'trace.events == 13' --assert 'trace.stores == 7' \
	--assert 'trace.loads == 4' --assert 'trace.invalidates == 2' \
	--assert 'trace.unique_pages == 4' --assert 'trace.zero_pages == 1' \
	--assert 'trace.same_filled_pages == 1' \
	--assert 'trace.resident_duplicate_stores == 2' \
	--assert 'trace.restores == 1' --assert 'trace.unique_stores == 3'
exits "where its loads come from" 0 replay --dedup always stream \
	--assert 'hits.loads == 4' --assert 'hits.from_pool == 2' \
	--assert 'hits.from_zero == 1' --assert 'hits.from_device == 0' \
	--assert 'hits.absent == 2' --assert 'hits.hit_rate == 1' \
	--assert 'counters.swpout_zero == 1' --assert 'counters.swpin_zero == 1' \
	--assert 'counters.zswpout == 6' --assert 'counters.zswpin == 2' \
	--assert 'counters.stored_pages == 3'
exits "what dedup shares" 0 replay --dedup always set.raw \
	--assert 'dedup.hits == 2' --assert 'dedup.lookups == 5' \
	--assert 'dedup.hit_rate == 0.4' --assert 'dedup.pages_shared == 1' \
	--assert 'dedup.pages_sharing == 2' --assert 'dedup.pages_unshared == 2' \
	--assert 'dedup.false_positives == 0' \
	--assert 'baseline.stored_pages == 5' \
	--assert 'over_time.last.dedup.pages_sharing == 2'
exits "without dedup nothing is saved" 0 replay set.raw \
	--assert 'dedup.saved_bytes_gross == 0' --assert 'dedup.saved_bytes_net == 0' \
	--assert 'dedup.lookups == 0' --assert 'trace.resident_duplicate_stores == 2'
exits "mean and peak of a stream" 0 replay stream \
	--assert 'over_time.at_peak.event == 5' \
	--assert 'over_time.at_peak.counters.stored_pages == 4' \
	--assert 'over_time.mean.counters.stored_pages == 3' \
	--assert 'over_time.last.event == 13'
exits "folios, devices and memcgs" 0 replay --dedup memcg folios \
	--assert 'counters.swpout_zero == 0' --assert 'counters.zswpout == 4' \
	--assert 'hits.from_pool == 2' --assert 'dedup.hits == 1'
printf '[9]\nparent=7\nzswap.max=0\nzswap.writeback=false\n[7]\nparent=0\n' >memcgs.conf
exits "a memcg without zswap" 0 replay --memcg-config memcgs.conf folios \
	--assert 'counters.zswpout == 3' --assert 'hits.kept_in_memory == 1'
exits "--no-verify" 0 replay --no-verify stream
exits "the allocator that no kernel has" 0 replay --zpool ideal --format json set.raw
said "is marked" out '"not_in_this_kernel": true'
exits "the raw format is known" 0 replay --format json set.raw
said "as raw" out '"format": "raw"'
said "schema" out '"schema": "zdedup.replay/1"'
grep -q timing out
[ $? -eq 1 ]
result "no timing unless asked for" $?
exits "--timing" 0 replay --timing --format json stream --assert 'timing.cpu_ns_per_store > 0'
said "stages" out '"decompress": [0-9]'
exits "a limit makes savings null" 0 replay --dedup always --totalram 64M --format json stream
said "null" out '"saved_percent_net": null'
exits "checkpoints" 0 replay --checkpoint-every 5 --format json stream
[ "$(grep -c '"event":' out)" -eq 5 ] # 5, 10, 13; the peak; the last
result "every 5 events and the last" $?
exits "csv" 0 replay --format csv --dedup always set.raw
[ "$(wc -l <out)" -eq 2 ] &&
	[ "$(head -n 1 out | tr -cd , | wc -c)" -eq "$(tail -n 1 out | tr -cd , | wc -c)" ]
result "csv is one header and one row" $?
exits "text" 0 replay --dedup always set.raw
said "verdict" out '^Dedup would \(save\|cost\) [0-9.]* % of the pool here'
exits "text without dedup" 0 replay set.raw
said "what to try" out 'try --dedup always'
"$zdedup" replay empty >out 2>err
[ $? -eq 0 ] && grep -q 'NOTHING WAS EXERCISED' out && grep -q 'no store' err
result "a trace without stores is called that, loudly" $?

#----------------------------------------------------------------- assertions

exits "a true assertion" 0 replay set.raw --assert 'trace.stores>=6'
exits "a false one" 1 replay set.raw --assert 'trace.stores != 6'
said "says the value" err 'trace.stores is 6'
exits "null is false" 1 replay set.raw --assert 'dedup.hit_rate >= 0'
exits "an unknown field" 2 replay set.raw --assert 'trace.shops == 6'
exits "a field that is no number" 2 replay set.raw --assert 'trace.path == 6'
exits "an unknown operator" 2 replay set.raw --assert 'trace.stores =! 6'
exits "not a number" 2 replay set.raw --assert 'trace.stores == six'

#------------------------------------------------------------------ info, list

exits "info" 0 info --format json set.raw
said "info's schema" out '"schema": "zdedup.info/1"'
said "the pages that three slots share" out '"copies": "2-3"'
exits "info as text" 0 info stream
exits "list" 0 list
said "kernels" out '^  7\.2 '
said "formats" out '^  ops '
exits "list as JSON" 0 list --format json
said "compressors" out '"name": "lz4"'

#-------------------------------------------------------------------- the file

"$zdedup" replay --dedup always --format json -o one.json stream &&
	"$zdedup" replay --dedup always --format json stream >two.json &&
	cmp -s one.json two.json
result "two runs are the same bytes" $?

# same NAME ARGUMENT...: a model without bytes tells what one with bytes tells
same()
{
	name=$1
	shift
	"$zdedup" replay --format json "$@" >one.json 2>err &&
		"$zdedup" replay --format json --no-verify "$@" >two.json 2>err &&
		grep -v '"verify"' one.json >one.txt &&
		grep -v '"verify"' two.json >two.txt && cmp -s one.txt two.txt
	result "$name" $?
}
for trace in stream folios; do
	for kernel in 7.2 6.12 6.1; do
		same "$trace, $kernel: without bytes the same report" \
			--dedup always --kernel $kernel --checkpoint-every 2 $trace
		same "$trace, $kernel, a limit: without bytes the same report" \
			--dedup always --kernel $kernel --totalram 60K $trace
	done
done
exits "a directory that is not there" 3 replay -o no/where.json stream
exits "a failed run" 3 replay -o liar.json liar
[ ! -e liar.json ] && [ -z "$(ls liar.json.* 2>/dev/null)" ]
result "leaves no file" $?
echo old >kept.json
"$zdedup" replay -o kept.json liar 2>/dev/null
[ "$(cat kept.json)" = old ]
result "and an older report as it was" $?
[ -z "$(ls ./*.json.* 2>/dev/null)" ]
result "nothing temporary is left" $?

# the slowest level, on more stores than a second is enough for
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "%d,%d,store,%d,%d\n", i, i, i, i % 2 }' |
	trace long
"$zdedup" replay --compressor zstd:level=22 -o cut.json long >out 2>err &
run=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	sleep 0.5
	[ -n "$(ls cut.json.* 2>/dev/null)" ] && break
done
[ -n "$(ls cut.json.* 2>/dev/null)" ]
result "while it runs the report has a temporary name" $?
kill -TERM $run
wait $run
[ $? -eq 143 ] && [ -z "$(ls cut.json* 2>/dev/null)" ] && grep -q '^zdedup: ' err
result "a signal ends it with 128 + its number and leaves no file" $?

finish
