#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest that is recorded: real programs that want more memory than
# there is, all at once. ZD_SCALE is in percent; what is missing is left out.
cd /tmp || exit 1
scale=${ZD_SCALE:-100}

# a dump of two processes and what they share, for the importer
if [ -x /usr/sbin/criu ] && [ -x /out/record-helper ]; then
	ip link set lo up # criu looks what TCP can do
	cp /out/record-helper . && mkdir dump
	setsid ./record-helper file 600 bare >pids 2>/dev/null </dev/null &
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ -s pids ] && break
		sleep 1
	done
	criu dump -t "$(cut -d ' ' -f 1 pids)" -D dump -o log
	echo "RECORD criu $?"
	cp -r dump /out
fi

# an interpreter: records as JSON, read and changed again
/usr/bin/python3 - "$scale" <<'EOT' &
import json, random, sys
rng = random.Random(1)
records = [json.dumps({"id": i, "name": f"user {i * 7919 % 10007}",
                       "tags": [rng.choice("abcdefgh") * 9 for _ in range(6)],
                       "score": rng.random()})
           for i in range(700 * int(sys.argv[1]))]
parsed = [json.loads(r) for r in records[::2]]
for turn in range(2):
    for r in parsed:
        r["score"] += turn
print("RECORD python", len(records), sum(len(r["tags"]) for r in parsed))
EOT

# a compiler
if [ -x /usr/bin/gcc ]; then
	awk -v n="$((scale * 3))" 'BEGIN {
		for (i = 0; i < n; i++)
			printf "struct s%d { int a[%d]; struct s%d *n; };\nint f%d(struct s%d *s, int k) { int t = 0; for (int i = 0; i < k; i++) t += s->a[i %% %d] * (i ^ %d); return s->n ? f%d(s->n, t) : t; }\n",
				i, i % 60 + 1, i, i, i, i % 60 + 1, i * 77, i }' >big.c
	/usr/bin/gcc -O2 -g -c big.c -o big.o && echo "RECORD gcc $(wc -c <big.o)" &
fi

# a key-value server; Debian's redis-tools has its program under another name
if [ -x /usr/bin/redis-check-rdb ]; then
	ln -s /usr/bin/redis-check-rdb redis-server
	./redis-server --save '' --dir /tmp --daemonize yes \
		--unixsocket /tmp/redis.sock --port 0 >/dev/null
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ -S redis.sock ] && break
		sleep 1
	done
	/usr/bin/redis-benchmark -s redis.sock -t set,get -r "$((scale * 150))" \
		-n "$((scale * 200))" -d 700 -q >redis.log 2>&1 &&
		echo "RECORD redis $(tr '\r' '\n' <redis.log | grep -c 'per second')" &
fi
# the server goes to the background by itself, the rest is waited for
wait
