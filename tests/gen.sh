#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# zdedup gen: the same bytes from the same seed, what was asked for is what is in
# the trace, copies share what the original shares, nothing left by a failure.
# TAP on stdout.
#
# usage: gen.sh ZDEDUP
set -u

zdedup=${1:?usage: gen.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
samples=$root/traces/samples
enter_work

# between NAME VALUE LOW HIGH
between()
{
	[ -n "$2" ] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]
	status=$?
	[ $status -eq 0 ] || echo "# $2 is not between $3 and $4"
	result "$1" $status
}

# number FIELD: the first value of that name in the JSON in out
number()
{
	sed -n "s/^.*\"$1\": \\([0-9][0-9]*\\).*/\\1/p" out | head -n 1
}

# ops TRACE: the list of its ops directory without the header; the directory stays
ops()
{
	"$zdedup" export --to ops "$1" -o ops >/dev/null 2>err || return 1
	tail -n +2 ops/ops.csv
}

# sharing TRACE: the rows of info's histogram, "COPIES CONTENTS PAGES"
sharing()
{
	"$zdedup" info --format json "$1" | tr -d '\n' |
		sed 's/.*"histogram": *\[//; s/\].*//; s/}/\n/g' |
		sed -n 's/.*"copies": "\([0-9-]*\)".*"contents": \([0-9]*\).*"pages": \([0-9]*\).*/\1 \2 \3/p'
}

#------------------------------------------------------------------ same seed

all="--events 20000 --slots 2000 --zipf 0.99 --cgroups 7 --dedupe-percentage 40
--dedupe-working-set-percentage 10 --zero-percentage 7 --same-filled-percentage 5
--near-percentage 10 --hostile 5 --loads 25 --invalidates 35"
# shellcheck disable=SC2086
exits "everything asked for" 0 gen -o a.zdt --seed 7 $all
cp out said
# shellcheck disable=SC2086
"$zdedup" gen -o b.zdt --seed 7 $all >out 2>err
cmp -s a.zdt b.zdt
result "the same seed gives the same bytes" $?
# shellcheck disable=SC2086
"$zdedup" gen -o c.zdt --seed 8 $all >out 2>err
cmp -s a.zdt c.zdt
[ $? -eq 1 ]
result "another seed does not" $?
exits "a seed is drawn" 0 gen -o d.zdt --events 1000
said "and printed" out '^seed: [0-9][0-9]*$'
seed=$(sed -n 's/^seed: //p' out)
exits "taken back" 0 gen -o e.zdt --events 1000 --seed "$seed"
cmp -s d.zdt e.zdt
result "it gives the same trace again" $?
"$zdedup" gen -o e.zdt --events 1000 >out 2>err
[ "$(sed -n 's/^seed: //p' out)" != "$seed" ]
result "the next one drawn is another" $?
# a digest of the list, so that a machine or a compiler that counts otherwise shows
ops a.zdt >list
want='111267667 578174'
got=$(cksum <list)
[ "$got" = "$want" ]
status=$?
[ $status -eq 0 ] || echo "# events: $got, want $want"
result "the events are those of every machine" $status
want='2675540292 17567744'
got=$(cksum <ops/pages.raw)
[ "$got" = "$want" ]
status=$?
[ $status -eq 0 ] || echo "# pages: $got, want $want"
result "the pages are those of every machine" $status
rm -r ops

#-------------------------------------------- what was asked for is in the trace

# 8000 stores: 560 zero, 400 same-filled, 7040 others, of them 2816 duplicates
exits "info" 0 info --format json a.zdt
between "events" "$(number events)" 20000 20000
between "stores" "$(number stores)" 8000 8000
between "loads" "$(number loads)" 5000 5000
between "invalidates" "$(number invalidates)" 7000 7000
between "zero pages" "$(number zero_pages)" 560 560
between "same-filled pages" "$(number same_filled_pages)" 400 400
# 4224 different data pages, the zero page, at most 64 same-filled ones
between "contents" "$(number unique_pages)" $((4224 + 1 + 50)) $((4224 + 65))
said "near and hostile pages" said ' 4224 new (4[12][0-9] near, 2[01][0-9] hostile)$'
exits "every byte of it is checked, and every load finds its page" 0 \
	replay --verify --dedup always a.zdt --assert 'hits.loads == 5000' \
	--assert 'hits.hit_rate == 1' --assert 'hits.from_device == 0' \
	--assert 'dedup.hits > 1500'
cut -d, -f6 list | sort | uniq -c | sort -k2n >sizes
[ "$(wc -l <sizes)" -eq 7 ] && awk '{ if (NR > 1 && $1 >= last) exit 1; last = $1 }' sizes
result "7 cgroups, each smaller than the one before" $?

# a share of P leaves 4096 * (100 - P) / 100 bytes, and what the compressor adds
for p in 0 25 50 75 100; do
	"$zdedup" gen -o p.zdt --seed 1 --pages 500 --loads 0 --invalidates 0 \
		--buffer-compress-percentage $p --buffer-compress-chunk 4096 >out 2>err
	"$zdedup" replay --format json p.zdt >out 2>err
	ideal=$((500 * 4096 * (100 - p) / 100))
	# what does not compress is stored as a page
	between "buffer-compress-percentage $p" "$(number payload_bytes)" \
		$ideal $((ideal + 500 * 45))
done

# theta: the busiest slot's share of the loads
busiest()
{
	"$zdedup" gen -o z.zdt --seed 3 --events 40000 --slots 1000 --zipf "$1" >out 2>err
	ops z.zdt | awk -F, '$3 == "load" { n[$4]++ }
		END { for (s in n) if (n[s] > max) max = n[s]; print max }'
	rm -r ops
}
flat=$(busiest 0)
steep=$(busiest 1.2)
between "loads without --zipf are even" "$flat" 5 35
between "with it they are not" "$steep" $((3 * flat)) 12000

exits "fio's repeat" 0 gen -o r.zdt --seed 2 --pages 1000 --loads 0 \
	--invalidates 0 --dedupe-percentage 60
exits "its contents" 0 info --format json r.zdt
between "are the stores without the repeated ones" "$(number unique_pages)" 400 400
exits "everything alike" 0 gen -o r.zdt --seed 2 --pages 1000 --dedupe-percentage 100
"$zdedup" info --format json r.zdt >out 2>err
between "is one content" "$(number unique_pages)" 1 1
exits "hostile pages" 0 gen -o h.zdt --seed 4 --events 3000 --hostile 99
exits "come back whole" 0 replay --verify --dedup always h.zdt --assert 'hits.hit_rate == 1'

bad=0
for slots in 1 2 3 17 1000; do
	for mix in "0 0" "50 0" "0 50" "33 33"; do
		loads=${mix% *}
		invalidates=${mix#* }
		if ! { "$zdedup" gen -o s.zdt --seed $slots --events 2001 --slots $slots \
			--loads "$loads" --invalidates "$invalidates" >out 2>err &&
			"$zdedup" info --format json s.zdt >out 2>err &&
			[ "$(number loads)" -eq $((2001 * loads / 100)) ] &&
			[ "$(number invalidates)" -eq $((2001 * invalidates / 100)) ] &&
			"$zdedup" replay s.zdt --assert 'hits.kept_in_memory == 0' \
				--assert "hits.from_pool == $((2001 * loads / 100))" >out 2>err
		}; then
			bad=1
			echo "# $slots slots, $mix"
		fi
	done
done
result "few slots, and shares at their ends" $bad

#---------------------------------------------------------------------- facts

exits "facts" 0 gen --facts -o f.zdt --seed 9 --events 50000 --zero-percentage 5 \
	--same-filled-percentage 5 --dedupe-percentage 20
exits "facts that import takes" 0 import f.zdt -o g.zdt
said "are a trace" out ': 50000 events, [0-9][0-9]* pages$'
[ "$(wc -c <f.zdt)" -lt 2000000 ]
result "without bytes" $?
exits "facts with other lengths" 0 gen --facts -o f.zdt --events 1000 --length lzo@6.1
strings -n 8 f.zdt 2>/dev/null | grep -q '^length=lzo@6.1' ||
	grep -a -q 'length=lzo@6.1' f.zdt
result "carry them" $?
exits "facts, blown up" 0 gen --from f.zdt --times 3 -o g.zdt
said "three times the events" out '3000 events'

#----------------------------------------------------------------- the blow-up

for t in py gcc; do
	"$zdedup" info --format json "$samples/$t" >out 2>err
	for field in events stores loads invalidates zero_pages \
		same_filled_pages resident_duplicate_stores restores; do
		echo "$field $(($(number $field) * 3))"
	done >want
	contents=$(number unique_pages)
	sharing "$samples/$t" | awk '{ print $1, 3 * $2, 3 * $3 }' >rows
	for how in "" "--interleave 1"; do
		# shellcheck disable=SC2086
		exits "$t, three times $how" 0 gen --from "$samples/$t" --times 3 $how --seed 5 -o x.zdt
		"$zdedup" info --format json x.zdt >out 2>err
		for field in events stores loads invalidates zero_pages \
			same_filled_pages resident_duplicate_stores restores; do
			echo "$field $(number $field)"
		done >got
		diff want got >err
		result "$t $how: events and classes, three times" $?
		# one after the other, the peak of one is not that of the others
		[ -z "$how" ] || sharing x.zdt >got
		[ -z "$how" ] || { [ -s rows ] && cmp -s rows got; }
		result "$t $how: who shares with whom, three times" $?
		# all copies have the zero page
		between "$t $how: contents" "$(number unique_pages)" \
			$((3 * contents - 2)) $((3 * contents - 2))
	done
	"$zdedup" replay --format json --no-verify "$samples/$t" >out 2>err
	payload=$(number payload_bytes)
	"$zdedup" replay --format json --no-verify x.zdt >out 2>err
	between "$t: compressed bytes within 0.1 %" "$(number payload_bytes)" \
		$((3 * payload - 3 * payload / 1000)) $((3 * payload + 3 * payload / 1000))
	exits "$t: the copies replay" 0 replay --verify --dedup always x.zdt
done
"$zdedup" gen --from "$samples/gcc" --times 3 --interleave 1 --seed 5 -o y.zdt >out 2>err
cmp -s x.zdt y.zdt
result "the same seed gives the same copies" $?
exits "shared copies" 0 gen --from "$samples/py" --times 2 --shared-copies 30 --seed 1 -o x.zdt
"$zdedup" info --format json "$samples/py" >out 2>err
contents=$(number unique_pages)
"$zdedup" info --format json x.zdt >out 2>err
between "share about so many contents" $((2 * contents - $(number unique_pages))) \
	$((contents * 28 / 100)) $((contents * 32 / 100))

#--------------------------------------------------------------------- failures

exits "gen --help" 0 gen --help
said "has examples" out '^examples:'
exits "no -o" 2 gen
exits "an operand" 2 gen -o x.zdt y
exits "a percentage above 100" 2 gen -o x.zdt --dedupe-percentage 101
exits "a working set that cannot be" 2 gen -o x.zdt --dedupe-percentage 60 --dedupe-working-set-percentage 50
exits "a working set to repeat" 2 gen -o x.zdt --dedupe-mode repeat --dedupe-working-set-percentage 5
exits "a mode that is not there" 2 gen -o x.zdt --dedupe-mode sometimes
exits "no plain page" 2 gen -o x.zdt --near-percentage 60 --hostile 40
exits "more than all stores" 2 gen -o x.zdt --zero-percentage 60 --same-filled-percentage 41
exits "more loads than stores" 2 gen -o x.zdt --loads 50 --invalidates 10
exits "no stores" 2 gen -o x.zdt --loads 50 --invalidates 50
exits "no number" 2 gen -o x.zdt --zipf flat
exits "too steep" 2 gen -o x.zdt --zipf 4.01
exits "three decimals" 2 gen -o x.zdt --zipf 0.999
exits "both --events and --pages" 2 gen -o x.zdt --events 5 --pages 5
exits "--from without --times" 2 gen -o x.zdt --from a.zdt
exits "--times without --from" 2 gen -o x.zdt --times 3
exits "--from with another world's word" 2 gen -o x.zdt --from a.zdt --times 2 --zipf 1
exits "a length without facts" 2 gen -o x.zdt --length lz4@7.2
exits "a length that is no name" 2 gen -o x.zdt --facts --length lz4
exits "a trace that is not there" 3 gen -o x.zdt --from nowhere --times 2
exits "copies of facts in turn" 3 gen -o x.zdt --from f.zdt --times 2 --interleave 4
exits "a directory that is not there" 3 gen -o nowhere/x.zdt --events 10
rm -f x.zdt
(
	# 64 KiB, in 512-byte units: what a full disk does, without one
	trap '' XFSZ
	ulimit -f 128
	"$zdedup" gen -o x.zdt --events 5000 >out 2>err
	[ $? -eq 3 ] && [ "$(wc -l <err)" -eq 1 ]
)
result "a full disk" $?
[ -z "$(find . -name 'x.zdt*')" ]
result "leaves nothing" $?

finish
