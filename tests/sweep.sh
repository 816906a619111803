#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# zdedup sweep and the file of facts: runs together are the same as replays alone,
# whatever the threads; what a bad list, a foreign or damaged file, and a signal
# lead to. TAP on stdout.
#
# usage: sweep.sh ZDEDUP FINGERPRINT
set -u

usage="usage: sweep.sh ZDEDUP FINGERPRINT"
zdedup=${1:?$usage}
fingerprint=${2:?$usage}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
fingerprint=$(absolute "$fingerprint")
enter_work

# A stream of stores, loads and frees over 300 contents, 40 of them twice; memcgs, folios.
# trace DIR SEED EVENTS
trace()
{
	mkdir -p "$1"
	awk -v s="$2" -v n="$3" 'BEGIN {
		srand(s)
		print "seq,time_us,op,slot,page,memcg,folio"
		for (seq = 0; seq < n; seq++) {
			slot = int(rand() * 400)
			r = rand()
			if (r < 0.5 || !(slot in held)) {
				page = int(rand() * 340)
				held[slot] = page
				printf "%d,%d,store,%d,%d,%d,0\n", seq, seq, slot, page, slot % 3
			} else if (r < 0.9) {
				printf "%d,%d,load,%d,%d,%d,0\n", seq, seq, slot, held[slot], slot % 3
				delete held[slot]
			} else {
				printf "%d,%d,invalidate,%d,,%d,0\n", seq, seq, slot, slot % 3
				delete held[slot]
			}
		}
		for (k = 0; k < 4; k++)
			printf "%d,%d,store,%d,%d,1,77\n", n + k, n + k, 500 + k, k
	}' >"$1/ops.csv"
	awk -v s="$2" 'BEGIN {
		for (p = 0; p < 340; p++)
			for (i = 0; i < 512; i++)
				printf "%07d%s", ((p % 300) * 7919 * s + i * i * (p % 7)) % 9999991, i % 2 ? "\n" : " "
	}' >"$1/pages.raw"
}

trace a 1 9000
trace b 2 3000
mkdir liar
printf 'seq,time_us,op,slot,page\n0,1,store,5,0\n1,2,load,5,1\n' >liar/ops.csv
cp a/pages.raw liar/pages.raw

#------------------------------------------------------------- usage and words

exits "--help" 0 sweep --help
said "--help has examples" out '^examples:'
exits "no trace" 2 sweep
exits "a bad compressor in a list" 2 sweep --compressor lz4,lz5 a
said "is named" err "lz5"
exits "a bad number in a list" 2 sweep --seed 1,two a
said "is named, too" err "two"
exits "a bad kernel in a list" 2 sweep --kernel 7.2,2.4 a
said "and so is it" err "2\.4"
exits "nothing between two commas" 2 sweep --dedup none,,always a
exits "no jobs" 2 sweep --jobs 0 a
exits "more runs than fit" 2 sweep --seed "$(seq -s, 5000)" a
exits "one file of facts for two traces" 2 sweep --facts f a b
exits "two ways to keep facts" 2 replay --facts f --keep-facts a
exits "a trace that contradicts itself" 3 sweep liar
said "which event" err 'liar: event 1 loads another content than slot 5 holds'
exits "the second trace is not there" 3 sweep -o gone.json a nowhere
[ -z "$(ls gone.json* 2>/dev/null)" ]
result "and leaves no report" $?

#------------------------------------------------------- what the stores are

# Counted here again: all pages of the trace differ. An event comes behind the folio.
mkdir more
ln -s ../a/pages.raw more/pages.raw
{ cat a/ops.csv; echo "9004,9004,load,500,0,1,0"; } >more/ops.csv
counted=$(awk -F, '
	NR > 1 {
		op[$3]++
		if ($4 in held)
			copies[held[$4]]--
		delete held[$4]
		if ($3 != "store")
			next
		what = $5 in known ? "restores" : "unique_stores"
		if (copies[$5]++)
			what = "resident_duplicate_stores"
		kind[what]++
		known[$5]
		held[$4] = $5
	}
	END {
		for (k in op)
			printf "--assert trace.%ss==%d ", k, op[k]
		for (k in kind)
			printf "--assert trace.%s==%d ", k, kind[k]
	}' more/ops.csv)
# shellcheck disable=SC2086 # words
exits "each kind of event and store" 0 replay --no-verify $counted more
[ "$(echo "$counted" | wc -w)" = 12 ]
result "six of them" $?

#----------------------------------------------------------- the same as alone

# run N: run N (from 0) of sweep.json, as replay prints it
run()
{
	awk -v n="$1" '
		/^    [{]/ { k++ }
		k == n + 1 && /^    / { print substr($0, 5) }
		/^    [}]/ && k == n + 1 { exit }' sweep.json | sed '$s/},$/}/'
}

# alone OPTION... TRACE: is run $n of sweep.json, the next one, that replay? Else $bad.
alone()
{
	"$zdedup" replay --no-verify --format json "$@" >alone.json 2>err
	run $n >together.json
	cmp -s alone.json together.json || {
		bad=1
		echo "# run $n: $*"
	}
	n=$((n + 1))
}

n=0
lists="--kernel 7.2,6.1 --compressor lz4,zstd:level=1 --dedup none,always,memcg --hash xxh64,crc32c:bits=6 --zpool zsmalloc,zbud"
# shellcheck disable=SC2086
exits "a sweep of 48 runs over two traces" 0 sweep $lists --jobs 2 --format json -o sweep.json a b
bad=0
for t in a b; do
	for kernel in 7.2 6.1; do
		for compressor in lz4 zstd:level=1; do
			for zpool in zsmalloc zbud; do
				for hash in xxh64 crc32c:bits=6; do
					for dedup in none always memcg; do
						alone --kernel $kernel --compressor $compressor \
							--dedup $dedup --hash $hash --zpool $zpool $t
					done
				done
			done
		done
	done
done
[ "$n" -eq "$(grep -c '"zdedup.replay/1"' sweep.json)" ] || bad=1
result "each of the $n runs is the replay of its configuration" $bad

# shellcheck disable=SC2086
"$zdedup" sweep $lists --jobs 1 --format json -o one.json a b && cmp -s one.json sweep.json
result "one thread or two: the same bytes" $?
# shellcheck disable=SC2086
"$zdedup" sweep b --format json $lists -o b.json &&
	"$zdedup" sweep --zpool zsmalloc,zbud --hash xxh64,crc32c:bits=6 --dedup none,always,memcg \
		--compressor lz4,zstd:level=1 b --kernel 7.2,6.1 --jobs 5 --format json -o b2.json &&
	cmp -s b.json b2.json
result "whatever the order of the options" $?

#------------------------------------------------- runs of two hashes that are one

# Pages 0..4 of one crc32c: the polynomial, at five places. Pages 5..1204: of others.
# confused DIR EVENT...: s SLOT PAGE [MEMCG [FOLIO]], l SLOT PAGE, i SLOT
confused()
{
	mkdir -p "$1"
	awk 'BEGIN {
		for (p = 0; p < 1205; p++) {
			start = sprintf("%08d", p < 5 ? 1 : p)
			printf "%s", start
			for (i = 1; i < 512; i++)
				printf "%s", p < 5 && i == 8 * (p + 1) ? "PPPPPPPP" : "abcdefgh"
		}
	}' | LC_ALL=C sed 's/PPPPPPPP/'"$(printf '\220\024\217a\144fgh')"'/g' >"$1/pages.raw"
	dir=$1
	shift
	printf '%s\n' "$@" | awk '
		BEGIN { print "seq,time_us,op,slot,page,memcg,folio" }
		{
			op = $1 == "s" ? "store" : $1 == "l" ? "load" : "invalidate"
			printf "%d,%d,%s,%d,%s,%d,%d\n", NR - 1, NR, op, $2, $1 == "i" ? "" : $3, $4, $5
		}' >"$dir/ops.csv"
}

policies="always memcg adaptive zram-dedup same-page-sharing second-sight ksm:every=2"
# as_alone NAME DIR HASHES: each run of the sweep is the replay of its configuration
as_alone()
{
	bad=0
	n=0
	# shellcheck disable=SC2086
	"$zdedup" sweep --hash "$3" --dedup "$(echo $policies | tr ' ' ',')" --jobs 2 --format json -o sweep.json "$2" 2>err || bad=1
	for hash in $(echo "$3" | tr , ' '); do
		for dedup in $policies; do
			alone --hash "$hash" --dedup "$dedup" "$2"
		done
	done
	result "two hashes: $1" $bad
}

# false_of DIR: false positives of always by crc32c
false_of()
{
	"$zdedup" replay --no-verify --hash crc32c --dedup always --format json "$1" |
		sed -n 's/.*"false_positives": \([0-9]*\).*/\1/p'
}

both="xxh64,crc32c crc32c,xxh64"
confused never "s 0 0" "s 1 5" "i 0" "s 2 1" "s 3 1" "l 2 1" "l 3 1" "s 4 2" "s 5 5"
confused met "s 0 0" "s 1 1" "s 2 5" "i 0" "s 3 1" "s 4 6" "s 5 6"
confused both "s 0 0" "s 1 1" "s 2 0" "s 3 1" "s 4 1"
confused three "s 0 0" "s 1 1" "s 2 2" "s 3 3" "i 0" "i 1" "s 4 0"
confused apart "s 0 0 1" "s 1 1 2" "s 2 1 1" "i 0" "s 3 0 2" "s 4 0 2"
confused folio "s 0 0 0 0" "s 1 1 0 7" "s 2 5 0 7" "s 3 2 0 7" "s 4 6 0 0"
# adaptive has gone to rest when the second comes
confused rests "s 0 0" "$(seq 5 1204 | sed 's/.*/s & &/')" "s 2000 1" "s 2001 0"
for order in $both; do
	as_alone "confused pages that never meet ($order)" never $order
	as_alone "one that meets another ($order)" met $order
	as_alone "that are found beside another ($order)" both $order
	as_alone "several of one digest ($order)" three $order
	as_alone "in two domains ($order)" apart $order
	as_alone "in a folio ($order)" folio $order
	as_alone "that a policy lets pass ($order)" rests $order
	as_alone "none at all ($order)" b $order
done
[ "$(false_of never) $(false_of met)" = "0 1" ]
result "the pages are of one crc32c, and meet when they are said to" $?
as_alone "of few bits" a xxh64:bits=9,xxh64:bits=11,crc32c:bits=13,xxh64

printf '[1]\nparent=0\nzswap.max=0\nzswap.writeback=false\n' >memcgs.conf
"$zdedup" sweep --memcg-config memcgs.conf --totalram 2M --kernel 7.2,6.1 --dedup always --format json a >sweep.json 2>err
bad=$?
n=0
for kernel in 7.2 6.1; do
	alone --memcg-config memcgs.conf --totalram 2M --kernel $kernel --dedup always a
	grep -q '"kept_in_memory": [1-9]' together.json || bad=1
done
result "with a limit, and stores that stay in memory" $bad
mkdir gone && cp b/pages.raw gone/ && cat >gone/ops.csv <<END
seq,time_us,op,slot,page,memcg
0,1,store,5,0,1
1,2,load,5,0,1
2,3,load,5,0,1
3,4,invalidate,5,,1
4,5,store,6,0,2
5,6,load,6,0,2
6,7,load,6,0,2
END
exits "6.1: what stayed in memory is there for one load" 0 replay --kernel 6.1 --memcg-config memcgs.conf gone \
	--assert 'hits.kept_in_memory == 1' --assert 'hits.absent == 2' --assert 'hits.from_pool == 2'
#----------------------------------------------------------------- domains

# Memcg 2 is in no group, as the root is: two groups.
printf '[1]\nparent=0\ngroup=5\n' >groups.conf
exits "a sweep of domains" 0 sweep --domain global,group,memcg --memcg-config groups.conf \
	--dedup none,always,second-sight --format json -o sweep.json a
sharing()
{
	run "$1" | awk '/"pages_sharing"/ { gsub(/[^0-9]/, "", $2); print $2; exit }'
}
echo "# global $(sharing 3), groups $(sharing 4), memcgs $(sharing 5)"
[ "$(sharing 0)" -eq 0 ] && [ "$(sharing 3)" -gt "$(sharing 4)" ] && [ "$(sharing 4)" -gt "$(sharing 5)" ] &&
	[ "$(sharing 5)" -gt 0 ]
result "the narrower the domain, the less is shared" $?
bad=0
n=0
for dedup in none always second-sight; do
	for domain in global group memcg; do
		"$zdedup" replay --no-verify --domain $domain --memcg-config groups.conf --dedup $dedup --format json a >alone.json
		run $n >together.json
		cmp -s alone.json together.json || bad=1
		n=$((n + 1))
	done
done
result "each as alone" $bad
exits "the policy memcg" 0 replay --no-verify --memcg-config groups.conf --dedup memcg --format json -o alone.json a
run 5 | sed 's/"dedup": "always"/"dedup": "memcg"/' | cmp -s - alone.json
result "is always with the domain memcg" $?
# memcg 2 below memcg 1: its group, too
printf '[1]\nparent=0\ngroup=5\n[2]\nparent=1\n' >below.conf
printf '[1]\nparent=0\ngroup=5\n[2]\nparent=0\ngroup=5\n' >same.conf
for conf in below same; do
	"$zdedup" replay --no-verify --domain group --memcg-config $conf.conf --dedup always --format json a |
		grep -v memcg_config >$conf.json
done
cmp -s below.json same.json && ! run 4 | grep -v memcg_config | cmp -s - same.json
result "a mark holds for those below" $?
exits "text" 0 sweep --domain global,group,memcg --memcg-config groups.conf --dedup none,always a
said "says what isolation costs" out '^What isolation costs:'
[ "$(sed '1,/^What isolation/d' out | wc -l)" -eq 3 ] && sed '1,/^What isolation/d' out | grep -q '^always *group ' &&
	! sed '1,/^What isolation/d' out | grep -q '^none'
result "of each domain but the global" $?
# mean RUN: what it saves net, mean over the events
mean()
{
	run "$1" | awk '/"mean": [{]/ { on = 1 } on && /"saved_bytes_net"/ { gsub(/[^0-9-]/, "", $2); print $2; exit }'
}
cost=$(awk -v all="$(mean 3)" -v own="$(mean 5)" 'BEGIN { printf "%.1f", (all - own) * 100 / all }')
[ "$(sed -n '/^What isolation/,$s/^always *memcg .* \([^ ]*\) %$/\1/p' out)" = "$cost" ]
result "$cost % of the saving, as the runs say" $?
exits "one domain" 0 sweep --domain memcg --dedup none,always a --html page.html
! grep -q isolation out && ! grep -q isolation page.html
result "has nothing to compare" $?
exits "the page of two" 0 sweep --domain global,memcg --dedup always a --html page.html -o out.txt
grep -q '<h2>What isolation costs</h2>' page.html && [ "$(grep -c '<tr>' page.html)" -eq 5 ]
result "says it, too" $?
exits "a file without groups" 3 sweep --domain global,group --memcg-config memcgs.conf --dedup always a
said "is named" err 'memcgs.conf: no memcg is in a group'
printf '[1]\ngroup=2147483648\n' >bad.conf
exits "a group number that is too large" 3 replay --domain group --memcg-config bad.conf a

"$zdedup" sweep --verify --dedup none,always --format json a >sweep.json &&
	"$zdedup" replay --dedup always --format json a >alone.json &&
	run 1 >together.json && cmp -s alone.json together.json
result "--verify" $?

#----------------------------------------------------------------- the reports

exits "csv" 0 sweep --dedup none,always --kernel 7.2,6.1 --zpool zsmalloc,ideal --format csv a
[ "$(wc -l <out)" -eq 9 ] && [ "$(tr -cd ',\n' <out | sort -u | wc -l)" -eq 1 ]
result "a header and 8 rows of as many cells" $?
exits "text" 0 sweep --dedup none,always --compressor lz4,zstd a
said "what differs is a column" out '^compressor  dedup '
[ "$(grep -c '^lz4 \|^zstd ' out)" -eq 4 ]
result "and 4 rows" $?
cp -r b 'b <&">'
exits "--html" 0 sweep --dedup none,always a 'b <&">' --html page.html -o out.txt
if command -v xmllint >/dev/null; then
	xmllint --noout page.html 2>err
	result "is well-formed" $?
else
	echo "# xmllint is missing: whether page.html is well-formed was not checked"
fi
[ "$(grep -c '<tr>' page.html)" -eq 5 ] && ! grep -q '<script\|https\?:\|src=\|url(' page.html &&
	grep -q 'b &lt;&amp;&quot;&gt;' page.html
result "has a row per run, loads nothing, and escapes names" $?
exits "a page that cannot be written" 3 sweep a -o x.json --html no/where.html
[ -z "$(ls x.json* 2>/dev/null)" ]
result "leaves no report, either" $?

mkdir long
for _ in 1 2 3 4 5 6 7 8 9 10; do
	cat a/pages.raw
done >long/pages.raw
awk 'BEGIN { print "seq,time_us,op,slot,page"
	for (i = 0; i < 400000; i++) printf "%d,%d,store,%d,%d\n", i, i, i, i % 3400 }' >long/ops.csv
"$zdedup" sweep --compressor zstd:level=22,zstd:level=21 --dedup none,always --zpool zsmalloc,zbud,xvmalloc,kmalloc \
	--jobs 2 -o cut.json --html cut.html --facts cut.facts long >out 2>err &
run=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ -n "$(ls cut.html.* 2>/dev/null)" ] && break
	sleep 0.1
done
kill -TERM $run
wait $run
[ $? -eq 143 ] && [ -z "$(ls cut.* 2>/dev/null)" ] && grep -q '^zdedup: ' err
result "a signal leaves neither of two reports" $?

#------------------------------------------------------- tasks of many batches

# what a run is compared with goes before it, and both take what has been found
"$zdedup" sweep --dedup none,always --jobs 1 --format json -o one.json long
bad=$?
for _ in 1 2 3; do
	"$zdedup" sweep --dedup none,always --jobs 2 --format json -o sweep.json long 2>err &&
		cmp -s one.json sweep.json || bad=1
done
result "two runs and two threads" $bad

# Four stores, far apart; the last event contradicts the second of them.
mkdir fails
awk 'BEGIN {
	print "seq,time_us,op,slot,page"
	store[20000]; store[45000]; store[45003]; store[0]
	for (i = 0; i < 100000; i++)
		if (i in store)
			printf "%d,%d,store,%d,%d\n", i, i, i, p++
		else
			printf "%d,%d,invalidate,9,\n", i, i
	printf "%d,%d,load,20000,0\n", i, i
}' >fails/ops.csv
cp a/pages.raw fails
# the compressors of two runs do not know the length of one content each
"$fingerprint" fails far.zdt xxh64 'lz4@7.2!2' 'zstd:level=1@7.2!1'
"$fingerprint" fails near.zdt xxh64 'lz4@7.2!3' 'zstd:level=1@7.2!2'
"$fingerprint" fails turned.zdt xxh64 'lz4@7.2!2' 'zstd:level=1@7.2!3'
"$fingerprint" fails last.zdt xxh64 lz4@7.2 zstd:level=1@7.2
for jobs in 1 2 3; do
	for word in far:20000 near:45000 turned:45000; do
		t=${word%:*}.zdt
		exits "two runs fail, $t, $jobs jobs" 3 sweep --compressor lz4,zstd:level=1 --dedup none,always --jobs $jobs $t
		said "what comes first in the trace" err "$t: event ${word#*:}: slot ${word#*:} is stored a page whose length"
	done
	exits "the trace fails behind all runs, $jobs jobs" 3 sweep --compressor lz4,zstd:level=1 --jobs $jobs last.zdt
	said "where" err 'last.zdt: event 100000 loads another content than slot 20000 holds'
done

#---------------------------------------------------------------- kept facts

"$zdedup" sweep --compressor lz4,zstd --dedup always --format json a >plain.json
exits "--keep-facts" 0 sweep --compressor lz4,zstd --dedup always --keep-facts --format json -o kept1.json a
cp a.facts first.facts
exits "a second time" 0 sweep --compressor lz4,zstd --dedup always --keep-facts --format json -o kept2.json a/
cmp -s kept1.json plain.json && sed 's|"path": "a/"|"path": "a"|' kept2.json | cmp -s - plain.json
result "gives the same report" $?
cmp -s a.facts first.facts
result "and leaves the file as it was" $?
exits "another compressor" 0 replay --no-verify --compressor lzo --dedup always --facts a.facts a
[ "$(wc -c <a.facts)" -gt "$(wc -c <first.facts)" ]
result "is added" $?
exits "of another trace" 3 replay --no-verify --facts a.facts b
said "whose it is not" err 'a.facts: does not belong to b'
cp -r a other
printf 'other bytes' | dd of=other/pages.raw bs=4096 seek=7 conv=notrunc 2>/dev/null
exits "of a trace that differs in one page" 3 replay --no-verify --facts a.facts other
said "which page" err 'a.facts: does not belong to other (page 7 '
for at in 0 20 100 3000 "$(($(wc -c <a.facts) - 1))"; do
	cp a.facts bad.facts
	printf '\245' | dd of=bad.facts bs=1 seek="$at" conv=notrunc 2>/dev/null
	exits "damaged at byte $at" 3 replay --no-verify --facts bad.facts a
done
head -c 5000 a.facts >bad.facts
exits "cut short" 3 replay --no-verify --facts bad.facts a
: >bad.facts
exits "empty" 3 replay --no-verify --facts bad.facts a
exits "a folder that is not there" 3 replay --no-verify --facts no/where a

# What is known is not compressed again: the slowest level takes a tenth of the time.
mkdir slow && head -n 341 long/ops.csv >slow/ops.csv && cp a/pages.raw slow/pages.raw
cpu()
{
	bash -c 'TIMEFORMAT="%U %S"; time "$0" replay --no-verify --compressor zstd:level=22 --facts slow.facts --format json -o "$1" slow' \
		"$zdedup" "$1" 2>&1 | awk '{ print int(($1 + $2) * 1000) }'
}
first=$(cpu slow1.json)
second=$(cpu slow2.json)
echo "# CPU ms: $first, then $second"
cmp -s slow1.json slow2.json && [ $((second * 3)) -lt "$first" ]
result "known lengths cost a third of the CPU time, or less" $?

#------------------------------------------------------- policies that scan

# A run is the same with bytes and without, alone and beside others, by known facts.
scans=ksm,ksm:pages=40:every=7:sharers=3,fold:every=500
bad=0
"$zdedup" sweep --dedup "always,$scans" --hash xxh64,crc32c:bits=6 --kernel 7.2,6.1 --jobs 2 \
	--format json -o sweep.json a 2>err || bad=1
"$zdedup" sweep --dedup "always,$scans" --hash xxh64,crc32c:bits=6 --kernel 7.2,6.1 --jobs 1 \
	--facts scans.facts --format json -o one.json a 2>err && cmp -s one.json sweep.json || bad=1
"$zdedup" sweep --dedup "always,$scans" --hash xxh64,crc32c:bits=6 --kernel 7.2,6.1 \
	--facts scans.facts --format json -o one.json a 2>err && cmp -s one.json sweep.json || bad=1
"$zdedup" sweep --verify --dedup "always,$scans" --hash xxh64,crc32c:bits=6 --kernel 7.2,6.1 \
	--format json a 2>err | grep -v '"verify"' >one.json
grep -v '"verify"' sweep.json | cmp -s - one.json || bad=1
result "scans: with bytes and without, known facts, any jobs" $bad
for dedup in ksm fold:every=500; do
	"$zdedup" replay --no-verify --dedup $dedup --format json a >alone.json 2>err &&
		"$zdedup" sweep --dedup "none,$dedup" --format json a >sweep.json 2>err &&
		sed -n 's/^ *"pages_scanned"//p' alone.json >want && [ -s want ] &&
		sed -n 's/^ *"pages_scanned"//p' sweep.json | tail -n 1 | cmp -s - want
	result "$dedup scans as much beside others as alone" $?
done
exits "they found something" 0 replay --dedup ksm a --assert 'dedup.hits > 0' \
	--assert 'dedup.pages_scanned > 9000' --assert 'dedup.full_scans > 10'
exits "so did fold" 0 replay --dedup fold:every=500 a --assert 'dedup.hits > 0' --assert 'dedup.full_scans == 18'
exits "--timing of a scan" 0 replay --timing --dedup ksm --format json a --assert 'timing.stages.scan > 0'
exits "scans in the text" 0 replay --dedup ksm a
said "how much they looked at" out '[0-9]* pages scanned, [0-9]* full scans'
exits "a scan of no page" 2 replay --dedup ksm:pages=0 a
said "is named" err "pages must be a number from 1"
exits "an option that fold has not" 2 replay --dedup fold:pages=5 a
said "those it has" err "fold has no option 'pages' but 'sharers' and 'every'"
exits "an option that always has not" 2 replay --dedup always:every=5 a

#------------------------------------------------------ traces without bytes

"$fingerprint" a same.zdt xxh64 lz4@7.2 zstd:level=1@7.2 lz4@6.1 2>err &&
	"$fingerprint" a other.zdt other lz4@7.2 zstd:level=1@7.2 lz4@6.1 2>err
result "traces of a's facts alone are made" $?

# told FILE: what a report says, without where it comes from
told()
{
	grep -v '"path"\|"format"\|"vantage"' "$1"
}

# facts_alone NAME OPTION...: the facts give the report that the bytes give
facts_alone()
{
	name=$1
	shift
	"$zdedup" replay --no-verify --checkpoint-every 1000 --format json "$@" a >one.json 2>err &&
		"$zdedup" replay --checkpoint-every 1000 --format json "$@" same.zdt >two.json 2>err &&
		told one.json >one.txt && told two.json >two.txt && cmp -s one.txt two.txt
	result "$name" $?
	grep -v '"candidates"\|"compares"\|"false_positives"\|"metadata_bytes"\|"saved\|"ratio_net"' one.txt >one.cut
	"$zdedup" replay --checkpoint-every 1000 --format json "$@" other.zdt 2>err | told /dev/stdin >two.txt
	grep -v '"candidates"\|"compares"\|"false_positives"\|"metadata_bytes"\|"saved\|"ratio_net"' two.txt | cmp -s - one.cut
	result "$name, by the digests of another hash" $?
}
facts_alone "facts instead of bytes" --dedup always
said "what another hash confuses is not known" two.txt '"false_positives": null'
facts_alone "facts, memcgs, zstd" --dedup memcg --compressor zstd:level=1
facts_alone "facts, without dedup" --dedup none
facts_alone "facts, a scan" --dedup ksm:pages=50:every=10
facts_alone "facts, a scan, 6.1" --dedup ksm:pages=50:every=10 --kernel 6.1
# nobody's digests are those of what is stored; the rest is
"$zdedup" replay --no-verify --dedup fold:every=500 --format json a 2>err | told /dev/stdin |
	grep -v '"candidates"\|"compares"\|"false_positives"' >one.txt
bad=0
for t in same other; do
	"$zdedup" replay --dedup fold:every=500 --format json $t.zdt 2>err | told /dev/stdin >two.txt
	grep -q '"false_positives": null' two.txt || bad=1
	grep -v '"candidates"\|"compares"\|"false_positives"' two.txt | cmp -s - one.txt || bad=1
done
result "facts, fold" $bad
facts_alone "facts, 6.1, a limit" --dedup always --kernel 6.1 --totalram 2M
exits "a length that it does not carry" 3 replay --compressor lzo same.zdt
said "is named, and those that it has" err 'same.zdt: carries neither bytes nor the lengths of lzo@7.2 (it has: lz4@7.2, zstd:level=1@7.2, lz4@6.1)'
exits "--verify without bytes" 3 replay --verify same.zdt
said "has nothing to verify with" err 'same.zdt: carries no bytes, so there is nothing to verify with'
exits "--timing without bytes" 3 replay --timing same.zdt
exits "info without bytes" 0 info same.zdt
exits "sweep without bytes" 0 sweep --compressor lz4,zstd:level=1 --dedup none,always --keep-facts same.zdt
[ ! -e same.zdt.facts ]
result "has no file of facts: they are its own" $?
exits "text without bytes" 0 replay --dedup always other.zdt
said "does not claim compares" out 'no digest of this hash'

finish
