#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# zdedup compare: what differs between two reports, and what is no report. TAP on
# stdout.
#
# usage: compare.sh ZDEDUP
set -u

zdedup=${1:?usage: compare.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
enter_work

"$zdedup" gen --events 6000 --slots 600 --cgroups 3 --dedupe-percentage 30 --dedupe-mode working_set \
	--seed 5 -o a.zdt >out 2>err || exit 99
"$zdedup" gen --events 6000 --slots 600 --cgroups 3 --dedupe-percentage 31 --dedupe-mode working_set \
	--seed 5 -o b.zdt >out 2>err || exit 99
replay()
{
	report=$1
	shift
	"$zdedup" replay --no-verify --format json -o "$report" "$@" || exit 99
}
replay none.json a.zdt
replay always.json --dedup always a.zdt
replay slow.json --timing --dedup always --checkpoint-every 1000 a.zdt
replay slow2.json --timing --dedup always --checkpoint-every 1000 a.zdt
replay other.json --dedup always b.zdt
replay hash.json --dedup always --hash crc32c a.zdt

#------------------------------------------------------------- usage and words

exits "--help" 0 compare --help
said "--help has examples" out '^examples:'
exits "one report" 2 compare none.json
exits "three" 2 compare none.json none.json none.json
exits "a format that is not there" 2 compare --format csv none.json none.json
exits "a tolerance that is no number" 2 compare --tolerance much none.json none.json
exits "a tolerance of more than all" 2 compare --tolerance 101 none.json none.json
exits "a tolerance below 0" 2 compare --tolerance -1 none.json none.json

#-------------------------------------------------------------------- replays

exits "a report and itself" 0 compare always.json always.json
said "is equal" out '^Equal: [0-9]\{2,\} figures of 1 run compared'
exits "measured times" 0 compare slow.json slow2.json
"$zdedup" compare always.json other.json >out 2>err
[ $? -eq 1 ] && [ ! -s err ]
result "another trace differs: exit 1, and no error" $?
said "in the path, which is no figure" out '^  trace.path  *a.zdt  *b.zdt$'
said "in a counter" out '^  trace.unique_pages '
"$zdedup" compare none.json always.json >out 2>err
[ $? -eq 1 ]
result "without dedup and with it: exit 1" $?
said "what they were given" out '^  config.dedup  *none  *always$'
said "what only one has, in one line" out '^  baseline  *-  *there$'
# field NAME REPORT: the first of that name below "density"
field()
{
	awk -v want="\"$1\":" '/^  "density"/ { on = 1 } on && $1 == want { gsub(/[^0-9.]/, "", $2); print $2; exit }' "$2"
}
a=$(field pool_bytes none.json)
b=$(field pool_bytes always.json)
want=$(awk -v a="$a" -v b="$b" 'BEGIN { printf "%d %d %d %.4f", a, b, b - a, (b - a) * 100 / a }')
got=$(awk '$1 == "density.pool_bytes" { print $2, $3, $4, $5 }' out)
echo "# $got"
[ "$got" = "$want" ]
result "and by how much, absolutely and relatively" $?
[ "$(awk '$1 == "density.ratio" { print $2 " " $3 }' out)" = "$(field ratio none.json) $(field ratio always.json)" ]
result "fractions as they stand in the reports" $?
exits "figures that are the same, of another hash" 0 compare always.json hash.json
said "are told what they were given" out '^  config.hash  *xxh64  *crc32c$'
sed 's/"zswpin": [0-9]*/"zswpin": 1000/' always.json >p.json
sed 's/"zswpin": [0-9]*/"zswpin": 1004/' always.json >q.json
for t in 0 0.39 0.398; do
	"$zdedup" compare --tolerance $t p.json q.json >out 2>err
	[ $? -eq 1 ]
	result "0.4 % of the smaller, tolerance $t" $?
done
exits "tolerance 0.399" 0 compare --tolerance 0.399 p.json q.json
exits "the other way round" 0 compare --tolerance 0.399 q.json p.json
sed 's/"events": [0-9]*/"events": null/' always.json >p.json
"$zdedup" compare --tolerance 100 always.json p.json >out 2>err
[ $? -eq 1 ]
result "nothing is no number, whatever the tolerance" $?
grep -v '"event": 3000' slow.json >p.json
"$zdedup" compare slow.json p.json >out 2>err
[ $? -eq 1 ] && grep -q '^  checkpoints\[2\]\.event ' out
result "a checkpoint" $?
"$zdedup" compare p.json slow.json >out 2>err
[ $? -eq 1 ] && grep -q '^  checkpoints\[2\]\.event ' out
result "and when it is the other that has it" $?

#--------------------------------------------------------------------- sweeps

"$zdedup" sweep --compressor lz4,zstd --dedup none,always --format json -o s1.json a.zdt || exit 99
"$zdedup" sweep --dedup always,none --compressor zstd,lz4 --format json -o s2.json a.zdt || exit 99
"$zdedup" sweep --compressor lz4,zstd --dedup none,always --format json -o s3.json b.zdt || exit 99
"$zdedup" sweep --compressor lz4,zstd --dedup none,always --format json -o s4.json a.zdt b.zdt || exit 99
"$zdedup" sweep --compressor lz4,zstd --dedup none,always --format json -o s5.json b.zdt a.zdt || exit 99
exits "runs in another order" 0 compare s1.json s2.json
said "4 of them" out ' of 4 runs compared'
"$zdedup" compare s1.json s3.json >out 2>err
[ $? -eq 1 ] && [ "$(grep -c '^a.zdt ' out)" -eq 4 ]
result "of another trace, matched by what they were given" $?
exits "two traces in another order" 0 compare s4.json s5.json
said "8 runs" out ' of 8 runs compared'
"$zdedup" compare s1.json s4.json >out 2>err
[ $? -eq 1 ] && [ "$(grep -c '^only in s4.json: b.zdt ' out)" -eq 4 ] && grep -q ' of 4 runs compared' out &&
	! grep -q '^a.zdt' out
result "runs that one of them has" $?
"$zdedup" compare always.json s1.json >out 2>err
[ $? -eq 1 ] && [ "$(grep -c '^only in s1.json: ' out)" -eq 3 ] && grep -q ' of 1 run compared' out &&
	! grep -q 'counters' out
result "a replay and a sweep that has it" $?

#----------------------------------------------------------------------- json

"$zdedup" compare --format json -o c.json none.json always.json
[ $? -eq 1 ] && python3 - <<'END' 2>err
import json
c = json.load(open("c.json"))
none, always = json.load(open("none.json")), json.load(open("always.json"))
assert c["schema"] == "zdedup.compare/1" and c["equal"] is False and len(c["runs"]) == 1
run = c["runs"][0]
assert run["config"] == [{"field": "config.dedup", "a": "none", "b": "always"}], run["config"]
rows = {r["field"]: r for r in run["figures"]}
for block in ("counters", "density", "hits", "dedup"):
    for name, a in none[block].items():
        b = always[block][name]
        row = rows.pop(block + "." + name, None)
        assert (row is None) == (a == b), (block, name)
        if row is None:
            continue
        assert row["a"] == a and row["b"] == b, row
        if a is not None and b is not None:
            assert abs(row["difference"] - (b - a)) < 1e-9, row
            assert (row["percent"] is None) == (a == 0)
assert rows.pop("baseline")["a"] is None
assert all(r.startswith("over_time.") for r in rows), rows
END
result "JSON has each difference, and no more" $?
exits "and what is equal" 0 compare --format json s1.json s2.json
said "as such" out '"equal": true'

#------------------------------------------------------------------ bad input

exits "a report that is not there" 3 compare none.json nowhere.json
said "is named" err 'nowhere.json'
head -c 700 none.json >cut.json
exits "half a report" 3 compare none.json cut.json
said "is named" err 'cut.json: is not JSON'
: >empty.json
exits "an empty file" 3 compare empty.json none.json
exits "no JSON" 3 compare a.zdt none.json
"$zdedup" info --format json a.zdt >info.json
exits "the report of another command" 3 compare info.json none.json
said "is no report of a replay" err 'info.json: is no JSON report of replay or sweep'
echo '{"schema": "zdedup.sweep/1", "runs": []}' >p.json
exits "a sweep of nothing" 3 compare p.json none.json
echo '{"schema": "zdedup.sweep/1", "runs": [{"schema": "zdedup.replay/1"}]}' >p.json
exits "a run without a configuration" 3 compare p.json none.json
echo '[[1], 2]' >p.json
exits "JSON that is no object" 3 compare p.json none.json
sed 's/"zswpin": [0-9]*/"zswpin": 1e300/' always.json >p.json
exits "a number beyond all" 3 compare p.json always.json
deep=$(printf '%900s' '' | tr ' ' '[')$(printf '%900s' '' | tr ' ' ']')
sed "1s/{/{ \"deep\": $deep,/" always.json >p.json
exits "brackets in brackets" 3 compare p.json p.json
sed 's,zdedup.replay/1,zdedup.replay/2,' always.json >p.json
exits "a report of another version" 3 compare p.json p.json
exits "a folder that is not there" 3 compare -o no/where none.json none.json

finish
