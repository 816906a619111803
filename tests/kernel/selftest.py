#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the comparison with real kernels find what it should? Without QEMU: a
console as a guest prints it, beside what the model would report. TAP.
"""

import os
import struct
import sys
import tempfile

sys.dont_write_bytecode = True

import compare  # noqa: E402
import guest  # noqa: E402
import traces  # noqa: E402

CONSOLE = """\x1b[2J
ZD job 0 compressor=lz4 zpool=zsmalloc release=7.2.0 totalram_pages=1000
ZD at 0 stored_pages=0 pool_total_size=0 reject_alloc_fail=7 pswpin=5 swap_cache_hits=0
ZD at 2 stored_pages=2 pool_total_size=8192 reject_alloc_fail=7 pswpin=5 swap_cache_hits=0
ZD at 4 stored_pages=1 pool_total_size=4096 reject_alloc_fail=7 pswpin=5 swap_cache_hits=1
ZD end bad=0 kept=0
ZD job 1 absent=lz4hc
ZD job 2 compressor=lzo zpool=zsmalloc release=7.2.0 totalram_pages=1000
ZD at 0 stored_pages=0
"""

tests = failed = 0


def check(name, good):
    global tests, failed
    tests += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {tests} - {name}")


def model():
    return {2: {"stored_pages": 2, "pool_total_size": 8192, "pswpin": 0},
            4: {"stored_pages": 1, "pool_total_size": 4096, "pswpin": 1}}


def judged(modelled, why=None, console=CONSOLE):
    trace = traces.Trace("t", [(1, 0, 0), (1, 1, 1), (2, 0, 0), (3, 1, 0)],
                         bytes(8192), 2, False)
    row = compare.Row("7.2", "zstd", "zsmalloc", trace)
    row.judge(compare.since_start(guest.parse(console)[0]), modelled, why)
    return row


def comparer():
    jobs = guest.parse(CONSOLE)
    check("three jobs on the console", len(jobs) == 3)
    check("a compressor that the kernel lacks", "absent" in jobs[1]["config"])
    check("a job that did not end", jobs[2]["end"] is None)
    check("equal, counted from the start of the job",
          judged(model()).result == "equal")
    for event in (2, 4):
        for counter in ("stored_pages", "pool_total_size", "pswpin"):
            other = model()
            other[event][counter] += 1
            row = judged(other)
            check(f"one more {counter} after {event} events differs",
                  row.result == "differs" and len(row.found) == 1)
    other = model()
    del other[4]["stored_pages"]
    check("a counter that the model lacks", judged(other).result == "differs")
    other = model()
    other[2]["zswpwb"] = 0
    check("a counter that the kernel lacks", judged(other).result == "differs")
    other = model()
    del other[2]
    check("a checkpoint that the model lacks",
          judged(other).result == "differs")
    check("what the model never reports has to be 0", judged(
        model(), console=CONSOLE.replace("fail=7 pswpin=5 swap_cache_hits=1",
                                         "fail=8 pswpin=5 swap_cache_hits=1")
    ).result == "differs")
    other = model()
    other[2]["pool_total_size"] += 40
    check("within the tolerance", judged(other, "why").result == "tolerated")
    check("without one", judged(other).result == "differs")
    other[2]["pool_total_size"] += 400
    check("beyond the tolerance", judged(other, "why").result == "differs")
    check("inside the spread", compare.Bounded.place(3, 9, 9) == "inside")
    check("below it", compare.Bounded.place(10, 10, 8) == "-2 (-20.0%)")
    check("above it", compare.Bounded.place(8, 12, 13) == "+1 (+10.0%)")


def generator():
    one = traces.random_stream("s", 5, 600, 60)
    two = traces.random_stream("s", 5, 600, 60)
    check("a seed makes the same stream twice",
          (one.events, one.pages) == (two.events, two.pages))
    check("another seed makes another",
          one.pages != traces.random_stream("s", 6, 600, 60).pages)
    held = set()
    over = stale = 0
    for op, slot, _ in one.events:
        over += op == traces.STORE and slot in held
        stale += op == traces.INVALIDATE and slot not in held
        (held.add if op == traces.STORE else
         held.discard if op == traces.INVALIDATE else lambda _: None)(slot)
    check("nothing overwrites, nothing is dropped twice", not over and not stale)
    pages = traces.random_page_set("p", 5, 100, 3)
    check("stored, freed and loaded are checkpoints",
          {99, 132, 198} <= set(pages.checkpoints()))
    with tempfile.TemporaryDirectory() as folder:
        pages.write(folder)
        with open(os.path.join(folder, "image.bin"), "rb") as f:
            image = f.read()
        head = struct.unpack("<5Q", image[:40])
        check("the image's header", head[1:4] == (198, 99, 99) and
              image[head[4]:] == pages.pages)
        check("its last event", struct.unpack(
            "<II", image[4096 + 197 * 8:4096 + 198 * 8]) == (2 << 28 | 98, 0))


comparer()
generator()
print(f"1..{tests}")
sys.exit(1 if failed else 0)
