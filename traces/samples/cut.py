#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cut a small sample from a recorded trace.

    cut.py ops DIR N OUT              the first N events of an ops directory
    cut.py raw FILE START+COUNT... OUT.raw.zst
                                      ranges of pages of a raw page image
    cut.py measure TRACE              the figures that README.md gives

DIR and FILE are unpacked. The same input gives the same bytes, with the same
zstd: the command is run with one thread and writes no names or times. Needs
Python 3 and zstd(1).
"""
import hashlib
import os
import subprocess
import sys

PAGE = 4096
ZSTD = ["zstd", "-q", "-19", "--long=27", "--single-thread", "--no-check"]


def pack(chunks, path):
    """Compress to a new name first: nothing half-written is left as a sample."""
    part = path + ".part"
    with open(part, "wb") as out:
        # stdin is a pipe: the frame carries no size and depends on bytes alone
        z = subprocess.Popen(ZSTD + ["-c"], stdin=subprocess.PIPE, stdout=out)
        for chunk in chunks:
            z.stdin.write(chunk)
        z.stdin.close()
        if z.wait():
            os.unlink(part)
            sys.exit(f"{path}: zstd failed")
    os.replace(part, path)


def cut_ops(directory, count, out):
    lines, old = [], []
    number = {}
    with open(os.path.join(directory, "ops.csv"), newline="") as f:
        header = f.readline()
        if header != "seq,time_us,op,slot,page\n":
            sys.exit(f"{directory}/ops.csv: not the five columns (line 1)")
        lines.append(header)
        for line in f:
            if len(lines) > count:
                break
            seq, time_us, op, slot, page = line.rstrip("\n").split(",")
            if page:
                # numbered by first use, as in the recording
                if page not in number:
                    number[page] = len(old)
                    old.append(int(page))
                page = number[page]
            lines.append(f"{seq},{time_us},{op},{slot},{page}\n")

    os.makedirs(out, exist_ok=True)
    with open(os.path.join(directory, "pages.raw"), "rb") as pages:
        def chunks():
            for p in old:
                pages.seek(p * PAGE)
                yield pages.read(PAGE)
        pack(chunks(), os.path.join(out, "pages.raw.zst"))
    pack([line.encode() for line in lines], os.path.join(out, "ops.csv.zst"))


def cut_raw(image, ranges, out):
    with open(image, "rb") as pages:
        def chunks():
            for r in ranges:
                start, count = map(int, r.split("+"))
                pages.seek(start * PAGE)
                yield pages.read(count * PAGE)
        pack(chunks(), out)


def unpacked(path):
    """The bytes of a file, or of its .zst"""
    if os.path.exists(path) and not path.endswith(".zst"):
        with open(path, "rb") as f:
            return f.read()
    if not path.endswith(".zst"):
        path += ".zst"
    return subprocess.run(["zstd", "-q", "-d", "--long=27", "-c", path],
                          check=True, stdout=subprocess.PIPE).stdout


def events(trace):
    """(op, slot, page) and the pages"""
    if os.path.isdir(trace):
        data = unpacked(os.path.join(trace, "pages.raw"))
        rows = unpacked(os.path.join(trace, "ops.csv")).decode().split("\n")
        rows = [r.split(",") for r in rows[1:] if r]
        return [(r[2], int(r[3]), r[4]) for r in rows], data
    data = unpacked(trace)
    return [("store", i + 1, i) for i in range(len(data) // PAGE)], data


def measure(trace):
    stream, data = events(trace)
    digest = []
    zero = same = 0
    for p in range(len(data) // PAGE):
        page = data[p * PAGE:(p + 1) * PAGE]
        # pages of one repeated word need no dedup and are none of it
        filled = page == page[:8] * (PAGE // 8)
        digest.append((filled, any(page[:8]), hashlib.sha256(page).digest()))
    ops = dict.fromkeys(("store", "load", "invalidate"), 0)
    slots, live = {}, {}
    duplicates = 0
    stored = set()
    for op, slot, page in stream:
        ops[op] += 1
        gone = slots.pop(slot, None)
        if gone:
            live[gone] -= 1
        if op != "store":
            continue
        filled, word, d = digest[int(page)]
        stored.add(d)
        if filled:
            zero += not word
            same += word
            continue
        # another slot holds this content at this moment: what dedup can find
        duplicates += live.get(d, 0) > 0
        live[d] = live.get(d, 0) + 1
        slots[slot] = d
    print(f"{trace}: {len(stream)} events: {ops['store']} stores, "
          f"{ops['load']} loads, {ops['invalidate']} invalidates; "
          f"{len(stored)} contents; {zero} zero, {same} same-filled stores; "
          f"{duplicates} stores ({100 * duplicates / max(ops['store'], 1):.2f} %) "
          "of a content that another slot held")


def main(argv):
    if len(argv) == 5 and argv[1] == "ops" and argv[3].isdigit():
        cut_ops(argv[2], int(argv[3]), argv[4])
    elif len(argv) > 4 and argv[1] == "raw":
        cut_raw(argv[2], argv[3:-1], argv[-1])
    elif len(argv) == 3 and argv[1] == "measure":
        measure(argv[2])
    else:
        sys.exit(__doc__)


main(sys.argv)
