#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fingerprint traces: replayed, they say what the content says; what is in them,
# and what is not. The exports for cache simulators. TAP on stdout.
#
# usage: fingerprint.sh ZDEDUP
set -u
export LC_ALL=C

zdedup=${1:?usage: fingerprint.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
data=${ZDEDUP_SHARED:-$root/../shared}/data
enter_work

# has FILE HEX: the bytes are somewhere in the file
has()
{
	od -An -v -tx1 "$1" | tr -d ' \n' | grep -q "$2"
}

# report TRACE OPTION...: all that a replay says but where it came from
report()
{
	"$zdedup" replay --format json --no-verify "$@" >json 2>err || return 1
	grep -v -e '"path"' -e '"format"' json
}

# same NAME CONTENT FINGERPRINT OPTION...: but for what depends on the very hash
same()
{
	name=$1
	content=$2
	print=$3
	shift 3
	very='"candidates"|"compares"|"false_positives"'
	{ report "$content" "$@" | grep -vE "$very" >a.json; } &&
	{ report "$print" "$@" | grep -vE "$very" >b.json; } &&
	grep -q '"stored_pages"' a.json && cmp -s a.json b.json
	bad=$?
	[ $bad -eq 0 ] || diff a.json b.json | head -n 8 | sed 's/^/# /'
	result "$name: $*" $bad
}

# equal NAME CONTENT FINGERPRINT OPTION...: all of it
equal()
{
	name=$1
	content=$2
	print=$3
	shift 3
	report "$content" "$@" >a.json && report "$print" "$@" >b.json &&
	grep -q '"candidates": [0-9]' b.json && cmp -s a.json b.json
	bad=$?
	[ $bad -eq 0 ] || diff a.json b.json | head -n 8 | sed 's/^/# /'
	result "$name, digests of the hash: $*" $bad
}

# the compressors and policies that the project names
replays()
{
	for compressor in lz4 zstd lzo; do
		for policy in none always memcg; do
			same "$1" "$2" "$3" --compressor $compressor --dedup $policy
		done
	done
}

printf '0123456789abcdef' >key
printf '0123456789abcdeF' >key2

#----------------------------------------------------------------- one page each

# a zero page, a same-filled one, text twice, one that no compressor shrinks;
# memcgs, two devices, a folio
mkdir made
cat >made/ops.csv <<END
seq,time_us,op,slot,page,type,memcg,folio
0,10,store,1,0,0,0,0
1,11,store,2,1,0,7,0
2,12,store,3,2,0,7,0
3,13,store,4,3,0,8,0
4,14,store,5,4,0,8,0
5,15,store,8,5,1,7,5
6,15,store,9,4,1,7,5
7,15,store,10,1,1,7,5
8,20,load,3,2,0,7,0
9,21,invalidate,4,,0,8,0
10,22,store,3,6,0,9,0
11,23,load,9,4,1,7,0
12,24,store,11,6,1,9,0
END
{
	head -c 4096 /dev/zero
	i=0
	while [ $i -lt 512 ]; do printf 'WordWord'; i=$((i + 1)); done
	text 1
	text 1
	head -c 4096 "$root/traces/samples/gcc/pages.raw.zst"
	text 2
	text 3
} >made/pages.raw

exits "made" 0 export --to fingerprint --key-file key made -o made.zdt
said "says what it wrote" out '^made.zdt: 13 events, 6 contents, 18 lengths of each, digests by hmac-sha256-128:keyed$'
[ "$(od -An -tu1 -j20 -N1 made.zdt | tr -d ' ')" = 2 ]
result "facts, no bytes" $?
exits "no ops directory comes of it" 3 export --to ops made.zdt -o never
exits "nor another fingerprint" 3 export --to fingerprint --key-file key made.zdt -o never
for kernel in 7.2 6.12 6.1; do
	for compressor in lz4 lz4hc lzo lzo-rle zstd deflate; do
		for policy in none always memcg; do
			same made made made.zdt --kernel $kernel --compressor $compressor --dedup $policy
		done
	done
done
exits "with the digests of a hash" 0 export --to fingerprint --digest crc32c made -o crc.zdt
equal made made crc.zdt --hash crc32c --dedup always
exits "what it does not carry" 3 replay --compressor liblz4 made.zdt
said "is named" err 'liblz4@7.2'

# words and digests: the trace is small, so its facts are there to be seen
exits "without the word" 0 export --to fingerprint --key-file key --lengths lz4@7.2 made -o plain.zdt
! has plain.zdt 576f7264
result "a same-filled page's word is not in the file" $?
exits "with it" 0 export --to fingerprint --key-file key --lengths lz4@7.2 --keep-words made -o words.zdt
has words.zdt 576f7264576f7264
result "it is with --keep-words" $?
if command -v openssl >/dev/null; then
	mac=$(text 1 | openssl dgst -sha256 -mac HMAC -macopt key:0123456789abcdef | sed 's/.*= *//' | cut -c1-32)
	[ ${#mac} -eq 32 ] && has plain.zdt "$mac"
	result "the digest is openssl's HMAC-SHA-256, cut to 128 bits" $?
	exits "another key" 0 export --to fingerprint --key-file key2 --lengths lz4@7.2 made -o other.zdt
	! has other.zdt "$mac"
	result "makes other digests" $?
else
	skip "no openssl, so no other HMAC to compare with"
fi
exits "the same again" 0 export --to fingerprint --key-file key --lengths lz4@7.2 made -o again.zdt
cmp -s plain.zdt again.zdt
result "is the same file" $?

#------------------------------------------------------------------ what is wrong

printf '0123456789abcde' >short
head -c 65537 /dev/zero >long
exits "a key of 15 bytes" 3 export --to fingerprint --key-file short made -o never
said "says so" err 'short: holds 15 bytes, a key has at least 16'
exits "a key of 64 KiB and a byte" 3 export --to fingerprint --key-file long made -o never
exits "no key file there" 3 export --to fingerprint --key-file nowhere made -o never
exits "a directory" 3 export --to fingerprint --key-file made made -o never
exits "neither key nor digest" 2 export --to fingerprint made -o never
exits "both" 2 export --to fingerprint --key-file key --digest xxh64 made -o never
exits "unknown hash" 2 export --to fingerprint --digest md6 made -o never
exits "unknown compressor" 2 export --to fingerprint --key-file key --lengths lz5 made -o never
exits "unknown kernel" 2 export --to fingerprint --key-file key --lengths lz4@5.4 made -o never
exits "twice the same" 2 export --to fingerprint --key-file key --lengths lz4,lz4@7.2 made -o never
exits "an empty name" 2 export --to fingerprint --key-file key --lengths lz4, made -o never
exits "--key-file for another format" 2 export --to ops --key-file key made -o never
exits "--lengths for another format" 2 export --to ops --lengths lz4 made -o never
exits "no such directory" 3 export --to fingerprint --key-file key made -o no/where
[ ! -e never ] && [ -z "$(find . -name '*.??????' ! -name '*.json')" ]
result "nothing is left behind" $?

#--------------------------------------------------------------- cache simulators

printf '1 W 100\n2 W 200\n1 R 0\n2 W 300\n7 R 0\n1 R 0\n' >swap.txt
exits "csv" 0 export --to libcachesim-csv swap.txt -o swap.csv
said "says what it left out" out ': 5 requests of 3 objects, sizes of clen; left out: 0 of zero pages, 0 invalidates, 1 loads of empty slots$'
cmp -s swap.csv - <<END
time,obj_id,obj_size,op,slot,type
0,1,100,store,1,0
0,2,200,store,2,0
0,1,100,load,1,0
0,3,300,store,2,0
0,1,100,load,1,0
END
result "line for line" $?
exits "lengths of a compressor unknown are not lz4's" 3 replay swap.txt
said "says what takes them" err "has: clen; --compressor clen takes these"
exits "they can be replayed" 0 replay swap.txt --compressor clen --format json \
	--assert "density.payload_bytes == 300" --assert "dedup.hits == 0"
said "says that no kernel made them" out '"codec_exact": false'
exits "not where pages are compressed here" 3 replay made --compressor clen
exits "csv comes back" 0 export --to libcachesim-csv swap.csv -o again.csv
cmp -s swap.csv again.csv
result "the same" $?
exits "oracleGeneral" 0 export --to oracle-general swap.txt -o swap.oracle
# 32-bit words: time, object (2), size, next (2)
od -An -v -w24 -tu4 --endian=little swap.oracle | tr -s ' ' >words
cmp -s words - <<END
 0 1 0 100 3 0
 0 2 0 200 4294967295 4294967295
 0 1 0 100 5 0
 0 3 0 300 4294967295 4294967295
 0 1 0 100 4294967295 4294967295
END
result "record for record, with the next request" $?
exits "from a .zdt" 0 import swap.txt -o swap.zdt
exits "export of it" 0 export --to oracle-general swap.zdt -o zdt.oracle
cmp -s swap.oracle zdt.oracle
result "the same records" $?
# more than a block of records, two objects in turn
awk 'BEGIN { for (i = 0; i < 5000; i++) print "12345678 1 p " i % 3 * 8 " 8 W 6 0 0000000000000000000000000000000" i % 2 }' >fiu.txt
exits "no lengths, no sizes" 3 export --to oracle-general fiu.txt -o never
said "says so" err 'carries neither bytes nor lengths'
awk 'BEGIN { print "time,obj_id,obj_size"; for (i = 0; i < 9000; i++) print i ",", i % 2 ",", 64 }' | tr -d ' ' >many.csv
exits "many" 0 export --to oracle-general many.csv -o many.oracle
# each object's first request is a store, each later one a load and a store
od -An -v -w24 -tu4 --endian=little many.oracle |
	awk '{ o[NR] = $2; n[NR] = $5 } END {
		for (i = NR; i; i--) {
			want = o[i] in next_of ? next_of[o[i]] : 4294967295
			if (n[i] != want) exit 1
			next_of[o[i]] = i
		}
		exit NR != 17998
	}'
result "next requests over blocks of records" $?
exits "of zero pages and invalidates" 0 export --to oracle-general --lengths zstd made -o made.oracle
said "is told" out ': 11 requests of 5 objects, sizes of zstd@7.2; left out: 1 of zero pages, 1 invalidates, 0 loads'
exits "one size an object" 2 export --to oracle-general --lengths lz4,zstd made -o never
mkfifo pipe
exits "a pipe cannot be read again" 3 export --to oracle-general made -o pipe
exits "no such directory" 3 export --to libcachesim-csv made -o no/where

#----------------------------------------------------------------- the recordings

for sample in py gcc vmfarm-a.raw.zst; do
	content=$root/traces/samples/$sample
	exits "sample $sample" 0 export --to fingerprint --key-file key --lengths lz4,zstd,lzo "$content" -o sample.zdt
	replays "sample $sample" "$content" sample.zdt
	same "sample $sample" "$content" sample.zdt --dedup always --totalram 64M
	same "sample $sample" "$content" sample.zdt --dedup none --totalram 64M --kernel 6.1 --zpool zbud
	same "sample $sample" "$content" sample.zdt --dedup always --kernel 6.12 --compressor zstd
done
exits "sample gcc, digests of the hash" 0 export --to fingerprint --digest xxh64 --lengths lz4 "$root/traces/samples/gcc" -o hash.zdt
equal "sample gcc" "$root/traces/samples/gcc" hash.zdt --dedup always

for name in redis py gcc; do
	if [ ! -r "$data/$name/pages.raw.zst" ]; then
		skip "no $data/$name, so no whole recording is compared"
		continue
	fi
	exits "$name" 0 export --to fingerprint --key-file key --lengths lz4,zstd,lzo "$data/$name" -o whole.zdt
	replays "$name" "$data/$name" whole.zdt
done

finish
