#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# zdedup advise: the verdict follows from the runs that it shows, and says what it
# does not know. TAP on stdout.
#
# usage: advise.sh ZDEDUP
set -u

zdedup=${1:?usage: advise.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
enter_work

gen()
{
	"$zdedup" gen --seed 3 "$@" >out 2>err || exit 99
}
gen --events 30000 --slots 3000 --cgroups 4 --dedupe-percentage 40 --dedupe-mode working_set -o shared.zdt
gen --events 30000 --slots 3000 --zipf 0.9 -o own.zdt
gen --pages 12000 --slots 12000 --loads 0 --invalidates 0 --buffer-compress-percentage 5 -o noise.zdt
gen --facts --events 30000 --slots 3000 --length zstd@7.2 -o facts.zdt
# words of a small alphabet: zstd finds what lz4 does not
awk 'BEGIN {
	srand(1)
	for (p = 0; p < 40; p++)
		for (i = 0; i < 4096; i++)
			printf "%c", 97 + int(8 * rand() * rand())
}' >few.raw
head -c 4096 /dev/zero >zero.raw

#------------------------------------------------------------- usage and words

exits "--help" 0 advise --help
said "--help has examples" out '^examples:'
exits "no trace" 2 advise
exits "two traces" 2 advise own.zdt shared.zdt
exits "a format that is not there" 2 advise --format csv own.zdt
exits "a kernel that is not there" 2 advise --kernel 2.4 own.zdt
exits "an allocator that is not there" 2 advise --zpool slob own.zdt
exits "a trace that is not there" 3 advise nowhere
exits "a folder that is not there" 3 advise -o no/where own.zdt
head -c 20000 own.zdt >cut.zdt
exits "half a trace" 3 advise -o cut.txt cut.zdt
[ -z "$(ls cut.txt* 2>/dev/null)" ]
result "leaves no advice" $?

#-------------------------------------------------------------------- verdicts

exits "a shared working set" 0 advise shared.zdt
said "is worth it" out '^  Dedup  *worth it: always would save [0-9.]* % of the pool'
said "isolation is there" out '^What isolation costs'
said "lz4, when none is better" out '^  Compressor  lz4: .*none of the others takes 10 % less'
said "a pool" out '^  Pool  *[0-9.]* [KM]iB: the smallest that answers 99 % of the loads'
said "CPU time is said to be missing" out 'CPU time was not measured'
exits "pages of one's own" 0 advise own.zdt
said "are not worth it" out '^  Dedup  *not worth it: [a-z-]* would cost'
said "no memcgs, which is said" out 'names no memcg'
exits "one page set" 0 advise noise.zdt
said "no loads: no pool" out '^  Pool  *not known'
said "and why" out 'The trace has no loads'
said "zswap itself does not pay" out 'hardly compress'
exits "words of a small alphabet" 0 advise few.raw
said "the smaller compressor" out '^  Compressor  zstd: .* less memory than lz4'
said "few stores" out 'Only 40 stores'
said "what an image cannot tell" out 'Seen at one moment'
exits "zero pages" 0 advise zero.raw
said "there is nothing to save" out 'nothing reached the pool'
exits "a trace without bytes" 0 advise facts.zdt
said "what lengths it lacks" out 'neither bytes nor the lengths of lz4\.'
said "no curve" out 'no curve of pool sizes'
exits "nor those of another kernel" 3 advise --kernel 6.1 facts.zdt
exits "6.1" 0 advise --kernel 6.1 own.zdt

#------------------------------------------------- JSON, and the same as sweep

exits "JSON" 0 advise --totalram 64M --format json -o advice.json shared.zdt
"$zdedup" advise --totalram 64M --jobs 1 --format json shared.zdt | cmp -s - advice.json
result "the same by one thread" $?
"$zdedup" sweep --compressor lz4,lzo-rle,zstd --dedup none,always,second-sight --format json -o sweep.json shared.zdt &&
	"$zdedup" compare --format json advice.json sweep.json >out 2>err
[ $? -eq 3 ]
result "is no report of a sweep" $?
"$zdedup" curve --dedup always --format json shared.zdt >curve.json
python3 - <<'END' 2>err
import json
a, sweep = json.load(open("advice.json")), json.load(open("sweep.json"))
curve = json.load(open("curve.json"))
assert a["schema"] == "zdedup.advise/1"
key = lambda r: (r["config"]["compressor"], r["config"]["dedup"], r["config"]["domain"])
runs = {key(r): r for r in a["sweep"]["runs"]}
for r in sweep["runs"]:
    assert runs.pop(key(r)) == r, key(r)
assert sorted(runs) == [(c, "always", "memcg") for c in ("lz4", "lzo-rle", "zstd")]
runs = {key(r): r for r in a["sweep"]["runs"]}
v = a["verdict"]
none, always = runs["lz4", "none", "global"], runs["lz4", "always", "global"]
second = runs["lz4", "second-sight", "global"]
net = lambda r, when: r["over_time"][when]["dedup"]["saved_percent_net"]
assert net(always, "mean") > net(second, "mean")
assert v["dedup"] == {
    "judgement": "worth it", "policy": "always", "compared_policy": "always",
    "certain": True, "saved_percent_net": net(always, "mean"),
    "at_peak": net(always, "at_peak"), "mean": net(always, "mean"),
    "last": net(always, "last")}, v["dedup"]
assert v["compressor"]["name"] == "lz4"
assert v["compressor"]["density"] == none["over_time"]["mean"]["density"]["ratio_net"]
assert v["compressor"]["smaller_percent"] == 0
peak = always["over_time"]["at_peak"]["density"]
size = next(p["size"] for p in curve["points"] if p["hit_rate"] >= 0.99)
want = size * peak["pool_bytes"] // peak["payload_bytes"]
assert v["pool"]["bytes"] == want, (v["pool"], want)
assert abs(v["pool"]["percent_of_totalram"] - want * 100 / (64 << 20)) < 1e-4
END
result "the verdict is that of the runs and the curve" $?
# 39 pages that stay, and one that goes out and comes back all the time
mkdir back && cp few.raw back/pages.raw
awk 'BEGIN {
	print "seq,time_us,op,slot,page"
	for (seq = 0; seq < 39; seq++)
		printf "%d,%d,store,%d,%d\n", seq, seq, seq, seq
	for (; seq < 6000; seq += 2) {
		printf "%d,%d,store,100,39\n", seq, seq
		printf "%d,%d,load,100,39\n", seq + 1, seq + 1
	}
}' >back/ops.csv
exits "one page comes back" 0 advise --format json -o back.json back
python3 - <<'END' 2>err
import json
a = json.load(open("back.json"))
peak = max(r["over_time"]["at_peak"]["density"]["pool_bytes"] for r in a["sweep"]["runs"])
assert 0 < a["verdict"]["pool"]["bytes"] * 8 < peak, (a["verdict"]["pool"], peak)
assert a["verdict"]["pool"]["hit_percent"] >= 99
END
result "a pool for it is enough" $?
exits "JSON of a page set" 0 advise --format json few.raw
said "has no pool" out '"pool": null'
said "and the least of the memory" out '"name": "zstd"'

finish
