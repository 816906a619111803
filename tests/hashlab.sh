#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# zdedup hashlab: its counts on a sample and on pages made for the purpose, the
# sets of chosen pages, that runs repeat, and what it refuses. TAP on stdout.
#
# usage: hashlab.sh ZDEDUP
set -u

zdedup=${1:?usage: hashlab.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
enter_work

# cells SET HASH COLUMN...: of the CSV in the file out, in one line
cells()
{
	awk -F, -v set="$1" -v hash="$2" -v want="$(shift 2; echo "$*")" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		$1 == set && $2 == hash {
			n = split(want, name, " ")
			for (i = 1; i <= n; i++)
				printf "%s%s", $column[name[i]], i < n ? " " : "\n"
		}' out
}

# has NAME SET HASH "COLUMN..." "VALUE..."
has()
{
	# shellcheck disable=SC2086 # columns are words
	got=$(cells "$2" "$3" $4)
	[ "$got" = "$5" ] || echo "# $4: '$got', want '$5'"
	[ "$got" = "$5" ]
	result "$1" $?
}

#------------------------------------------------------------------- a trace

# Pages a b c 0; a thrice and b twice at once, a again after it was gone, the
# same over itself, and zero pages, which no index sees.
mkdir t
{ text 1; text 2; text 3; head -c 4096 /dev/zero; } >t/pages.raw
cat >t/ops.csv <<END
seq,time_us,op,slot,page
0,0,store,1,0
1,0,store,2,0
2,0,store,3,0
3,0,store,4,1
4,0,store,5,3
5,0,store,4,1
6,0,load,1,0
7,0,invalidate,2,
8,0,invalidate,3,
9,0,store,1,0
10,0,store,6,2
11,0,store,4,3
12,0,store,7,1
END
exits "a trace as CSV" 0 hashlab t --format csv
for hash in xxh64 xxh3-64 xxh3-128 xxh3-128-seed crc32c jhash2 siphash-1-3 siphash-2-4-128; do
	has "$hash: duplicates are true pairs, what is gone is none" trace $hash \
		"digests pairs false_pairs candidates false_candidates compares hits longest_equal most_candidates" \
		"8 3 0 3 0 3 3 1 1"
done
# with no bits all digests are equal: what stores meet can be counted by hand
exits "a digest of no bits" 0 hashlab t --hash xxh64:bits=0 --format csv
has "meets every live content" trace xxh64:bits=0 \
	"digests pairs false_pairs longest_equal longest_chain" "8 10 7 3 3"
# newest first: b over itself is found before a is looked at
has "and the model compares them" trace xxh64:bits=0 \
	"candidates false_candidates compares hits" "10 6 9 3"

if command -v zstd >/dev/null; then
	for sample in py gcc; do
		exits "sample $sample" 0 hashlab "$root/traces/samples/$sample" --format json -o $sample.json
		exits "sample $sample again" 0 hashlab "$root/traces/samples/$sample" --format json -o again.json
		cmp -s $sample.json again.json
		result "sample $sample: the same bytes twice" $?
	done
	exits "sample gcc as CSV" 0 hashlab "$root/traces/samples/gcc" --format csv
	has "gcc: xxh64 errs nowhere" trace xxh64 \
		"digests false_pairs false_candidates" "11081 0 0"
	has "gcc: CRC-32C does once" trace crc32c \
		"digests false_pairs false_candidates longest_equal" "11081 1 1 2"
	"$zdedup" replay --dedup always --no-verify --format json "$root/traces/samples/gcc" >replay.json 2>err
	hits=$(cells trace xxh64 hits)
	grep -q "\"hits\": $hits," replay.json
	result "gcc: hits as a replay has them" $?
else
	skip "no zstd, so the samples are not unpacked"
fi

#-------------------------------------------------------------- JSON's fields

exits "JSON" 0 hashlab t --adversarial --format json
for field in schema trace bounds seed sets rows digests pairs false_pairs candidates \
	false_candidates compares hits longest_equal longest_chain longest_walk \
	most_candidates keyed made_for_this; do
	said "has $field" out "\"$field\": "
done
said "names its schema" out '"schema": "zdedup.hashlab/1"'
grep -q timing out
[ $? -eq 1 ]
result "no timing unless asked for" $?
exits "--timing" 0 hashlab t --hash crc32c,xxh64 --timing --format json
said "has it" out '"ns_per_page": [0-9]'
[ "$(grep -c '"hash": "xxh64"' out)" -eq 2 ]
result "for each hash" $?
exits "text" 0 hashlab t --adversarial
said "marks what a set is made for" out '^\* crc32c '

#---------------------------------------------------------------- chosen pages

exits "--adversarial" 0 hashlab --adversarial --format csv
for pair in crc32c:crc32c jhash2:jhash2 xxh64:xxh64 xxh3:xxh3-64 xxh3:xxh3-128; do
	set=${pair%%:*}
	hash=${pair#*:}
	has "$set: 256 different pages of one $hash" $set $hash \
		"made_for_this digests false_pairs longest_equal hits" \
		"one_digest 256 32640 256 0"
	has "$set: a store compares 8 at most" $set $hash \
		"candidates false_candidates most_candidates longest_walk longest_chain" \
		"2012 2012 8 8 256"
	for other in xxh64 xxh3-64 xxh3-128 crc32c jhash2; do
		case $set:$other in
		"$set:$hash" | xxh3:xxh3-*) continue ;;
		esac
		has "$set: nothing to $other" $set $other "false_pairs longest_equal" "0 1"
	done
done
has "crc32c-bucket: no digest twice" crc32c-bucket crc32c \
	"made_for_this false_pairs candidates longest_walk" "one_bucket 0 0 0"
[ "$(cells crc32c-bucket crc32c longest_chain)" -le 16 ]
result "crc32c-bucket: and no bucket has many of them" $?
for set in top-bits top-bits-32 single-byte permuted-words permuted-blocks crc32c \
	crc32c-bucket jhash2 xxh64 xxh3; do
	for hash in siphash-1-3 siphash-2-4-128 xxh3-128-seed; do
		has "$set: $hash stands" $set $hash \
			"keyed made_for_this digests false_pairs longest_equal" \
			"true  256 0 1"
		[ "$(cells $set $hash longest_chain)" -le 16 ]
		result "$set: $hash has short chains" $?
	done
done
cp out one.csv
exits "--adversarial again" 0 hashlab --adversarial --format csv
cmp -s one.csv out
result "the same bytes" $?
exits "another key" 0 hashlab --adversarial --hash siphash-1-3 --seed 7 --format csv
has "stands, too" xxh64 siphash-1-3 "keyed false_pairs" "true 0"
exits "few bits" 0 hashlab --adversarial --hash siphash-1-3:bits=4 --format csv
[ "$(cells xxh64 siphash-1-3:bits=4 false_pairs)" -gt 0 ]
result "are few for any hash" $?
[ "$(cells xxh64 siphash-1-3:bits=4 most_candidates)" -eq 8 ]
result "and bounded all the same" $?

#--------------------------------------------------------------------- refusals

exits "--help" 0 hashlab --help
said "has examples" out '^examples:'
exits "nothing" 2 hashlab
exits "an unknown hash" 2 hashlab t --hash xxh46
said "the nearest is named" err "unknown hash 'xxh46' (did you mean 'xxh64'?)"
exits "one of two" 2 hashlab t --hash crc32c,md5
exits "an empty word" 2 hashlab t --hash crc32c,
exits "an unknown format" 2 hashlab t --format tape
exits "an unknown input format" 2 hashlab t --input-format tape
exits "two traces" 2 hashlab t t
exits "no such trace" 3 hashlab nowhere
exits "no such directory" 3 hashlab t -o no/where
head -c 32 t/pages.raw >key
"$zdedup" export --to fingerprint --key-file key t -o prints.zdt >out 2>err
exits "a trace without pages" 3 hashlab prints.zdt
said "says why" err 'holds no pages'
[ -z "$(find . -name 'where*')" ]
result "nothing is left" $?

finish
