#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace larger than the memory that its replay takes, beyond the live pool.

usage: large-trace.py ZDEDUP [PAGES [LIVE_SLOTS]]

Makes a trace of PAGES different pages (300000, which is 1.1 GiB of content) and
replays it with and without --verify. A process's memory is what is its own
(anonymous) and what it has mapped of the trace's file, which the kernel can take
back at any time; both are asked for, the first every 5 ms, the second as the peak
of the whole (ru_maxrss). The bound for 16 GiB is 2 GiB beyond the pool: the own
memory has the same part of a smaller trace, the whole never less than MAPPED.
TAP on stdout.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

GIB = 1 << 30
MIB = 1 << 20
PAGE = 4096
# the unpacker's window (traces/zdt-read.c), and what 8192 loads map (trace_next)
MAPPED = 640 * MIB


def anonymous(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def run(arguments):
    """Status, peak of the process, peak of its anonymous memory, CPU seconds."""
    child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)
    own = 0
    while True:
        own = max(own, anonymous(child.pid))
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.005)
    return (child.returncode, usage.ru_maxrss * 1024, own,
            usage.ru_utime + usage.ru_stime)


def bound(pages):
    return 2 * GIB * pages // (16 * GIB // PAGE)


def main():
    zdedup = os.path.abspath(sys.argv[1])
    pages = int(sys.argv[2]) if len(sys.argv) > 2 else 300000
    slots = int(sys.argv[3]) if len(sys.argv) > 3 else pages // 4
    failed = 0
    folder = tempfile.mkdtemp()
    try:
        need = pages * PAGE * 5 // 4
        if shutil.disk_usage(folder).free < need:
            print(f"1..1\nok 1 # SKIP no {need // MIB} MiB in {folder}")
            return 0
        trace = os.path.join(folder, "large.zdt")
        status = run([zdedup, "gen", "--pages", str(pages), "--slots",
                      str(slots), "--seed", "7", "--buffer-compress-percentage",
                      "98", "--buffer-compress-chunk", str(PAGE), "-o", trace])[0]
        if status:
            print(f"Bail out! gen: exit status {status}")
            return 1
        print("1..6")
        n = 0
        for how in "--no-verify", "--verify":
            report = os.path.join(folder, "report.json")
            status, peak, own, cpu = run([zdedup, "replay", how, "--dedup",
                                          "always", "--format", "json", "-o",
                                          report, trace])
            pool = 0
            if not status:
                with open(report) as file:
                    at = json.load(file)["over_time"]["at_peak"]["density"]
                pool = at["pool_bytes"]
            print(f"# {how}: pool {pool / MIB:.0f} MiB, anonymous "
                  f"{own / MIB:.0f}, in all {peak / MIB:.0f}; CPU {cpu:.1f} s")
            for name, good in (
                    ("replays", status == 0),
                    ("own memory beyond the pool", own and
                     own - pool <= bound(pages)),
                    ("with what is mapped", peak - pool <=
                     max(bound(pages), MAPPED))):
                n += 1
                failed += not good
                print(f"{'ok' if good else 'not ok'} {n} - {name}, {how}")
    finally:
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
