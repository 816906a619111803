#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recording swap disk, without a guest: nbdkit serves it, libnbd asks.

What is recorded of each request and what import makes of it; kill -9 at any moment; a full disk; calls that fail. TAP.

usage: record-disk.py ZDEDUP PLUGIN FAULTY_IO
FAULTY_IO: faulty-io.c, built to be preloaded.
ZDEDUP_KILLS=N: kill that many times (5); ZDEDUP_SEED=N: the first seed.
"""

import csv
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

PAGE = 4096
PAGES = 512
EMPTY = bytes(PAGE)

tests = failed = 0


def result(name, problem):
    global tests, failed
    tests += 1
    print(f"{'not ok' if problem else 'ok'} {tests} - {name}")
    if problem:
        failed += 1
        print("# " + str(problem).strip()[:2000].replace("\n", "\n# "))
    sys.stdout.flush()


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(77)


class Server:
    """nbdkit with the plugin, and a connection to it."""

    def __init__(self, folder, *options, limit=0, environment=None):
        self.trace = os.path.join(folder, "swap.zdt")
        self.log = os.path.join(folder, "stderr")
        socket = os.path.join(folder, "socket")

        def prepare():
            if limit:
                # a write beyond it is an error like any other
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                ["nbdkit", "-f", "-U", socket, PLUGIN, self.trace,
                 f"size={PAGES * PAGE}", *options],
                stderr=log, preexec_fn=prepare,
                env={**os.environ, **(environment or {})})
        # the socket is there a moment before somebody listens at it
        for patience in range(1000, -1, -1):
            self.nbd = nbd.NBD()
            try:
                self.nbd.connect_unix(socket)
                return
            except nbd.Error:
                if not patience or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        try:
            self.nbd.shutdown()
        except nbd.Error:
            pass
        self.process.terminate()
        self.process.wait()
        with open(self.log) as log:
            return log.read()


class Model:
    """The events that the trace should hold, in their order."""

    def __init__(self, every):
        self.disk = [EMPTY] * PAGES
        self.used = set()
        self.events = []
        self.every = every
        self.unsafe = self.safe = 0

    def event(self, op, slot, bytes=None):
        self.events.append((op, slot, bytes))

    def answered(self, before, flushed=False):
        """The request that made the events from number before on was answered."""
        for nr in range(before, len(self.events)):
            self.unsafe += 1
            if self.unsafe == self.every:
                self.unsafe, self.safe = 0, nr + 1
        if flushed:
            self.unsafe, self.safe = 0, len(self.events)

    def write(self, data, offset):
        while data:
            page, at = divmod(offset, PAGE)
            piece = data[:PAGE - at]
            old = self.disk[page]
            self.disk[page] = old[:at] + piece + old[at + len(piece):]
            if page:
                self.used.add(page)
                self.event("store", page, self.disk[page])
            elif at + len(piece) == PAGE and \
                    self.disk[0].endswith(b"SWAPSPACE2"):
                for slot in sorted(self.used):
                    self.free(slot)
            data, offset = data[len(piece):], offset + len(piece)

    def free(self, page):
        if page in self.used:
            self.used.remove(page)
            self.event("invalidate", page)

    def discard(self, first, count):
        for page in range(first, first + count):
            self.disk[page] = EMPTY
            self.free(page)

    def read(self, first, count):
        for page in range(first, first + count):
            if page in self.used:
                self.event("load", page, self.disk[page])
        return b"".join(self.disk[first:first + count])


def zdedup(*arguments):
    done = subprocess.run([ZDEDUP, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def events_of(trace, folder):
    out = os.path.join(folder, "ops")
    status, said = zdedup("export", "--to", "ops", trace, "-o", out)
    if status:
        raise RuntimeError(said)
    with open(os.path.join(out, "pages.raw"), "rb") as f:
        pages = f.read()
    events = []
    with open(os.path.join(out, "ops.csv")) as f:
        for row in csv.DictReader(f):
            page = row["page"]
            number = int(page) if page not in ("", "-") else -1
            events.append((row["op"], int(row["slot"]),
                           pages[number * PAGE:(number + 1) * PAGE]
                           if number >= 0 else None))
    return events


def difference(got, want):
    for nr, (a, b) in enumerate(zip(got, want)):
        if a != b:
            return f"event {nr}: {a[:2]} and not {b[:2]}, or other bytes"
    return f"{len(got)} events, want {len(want)}" if len(got) != len(want) \
        else ""


def check_incomplete(server, folder, model):
    """What was lost by a kill or a full disk; returns a problem."""
    status, said = zdedup("info", server.trace)
    if status != 3:
        return f"info of an incomplete file gave {status}: {said}"
    whole = os.path.join(folder, "whole.zdt")
    status, said = zdedup("import", "--salvage", server.trace, "-o", whole)
    if status:
        return said
    got = events_of(whole, folder)
    if len(got) < model.safe:
        return f"{len(got)} events, {model.safe} were acknowledged"
    return difference(got, model.events[:len(got)])


def test_requests(folder):
    for backing in "memory", "file":
        place = os.path.join(folder, backing)
        os.mkdir(place)
        server = Server(place, f"backing={backing}")
        model, n = Model(1), server.nbd
        page = os.urandom

        def write(data, offset):
            n.pwrite(data, offset)
            model.write(data, offset)

        write(page(3 * PAGE), 5 * PAGE)         # one event per page
        write(page(700), 6 * PAGE + 100)        # merged with what is there
        write(page(2 * PAGE), 9 * PAGE + 512)   # two parts, one whole page
        problem = "" if n.pread(4 * PAGE, 5 * PAGE) == model.read(5, 4) else \
            "bytes"
        n.pread(PAGE, 100 * PAGE)               # never written
        n.pread(512, 5 * PAGE + 512)            # not its beginning
        n.pread(PAGE, 0)                        # the header is no slot
        n.trim(2 * PAGE, 6 * PAGE)
        model.discard(6, 2)
        n.trim(100, 5 * PAGE)                   # part of a page: nothing
        n.zero(PAGE, 9 * PAGE)
        model.discard(9, 1)
        n.zero(100, 10 * PAGE)
        model.write(bytes(100), 10 * PAGE)
        n.trim(PAGES * PAGE - PAGE, PAGE)       # as swapon does
        model.discard(1, PAGES - 1)
        write(page(2 * PAGE), 20 * PAGE)
        write(page(PAGE), 0)                    # page 0, no swap header
        write(page(PAGE - 10) + b"SWAPSPACE2", 0)
        problem = problem or (
            "" if n.pread(PAGES * PAGE, 0) == b"".join(model.disk) and
            not model.used else "bytes in the end")
        said = server.end()
        problem = problem or said or difference(
            events_of(server.trace, place), model.events)
        result(f"each request is recorded, backing={backing}", problem)


def test_vantage(folder):
    """What the disk could not see is put in; the guest's events say it all."""
    server = Server(folder)
    n, (a, b, c) = server.nbd, [os.urandom(PAGE) for _ in range(3)]

    def write(slot, page):
        n.pwrite(page, slot * PAGE)

    def read(slot):
        n.pread(PAGE, slot * PAGE)

    for slot, page in (5, a), (6, b):
        write(slot, page)
    for slot in 5, 5, 6, 5:
        read(slot)
    write(5, c)
    read(5)
    n.trim(PAGE, 5 * PAGE)      # nothing is left in zswap
    write(7, a)
    n.trim(PAGE, 7 * PAGE)
    said = server.end()
    out = os.path.join(folder, "slots.zdt")
    status, line = zdedup("import", "--vantage", "slots", server.trace,
                          "-o", out)
    result("a page read again was stored again, unseen",
           status and line or said or
           ("" if " 2 re-stores " in line else line) or
           difference(events_of(out, folder), [
               ("store", 5, a), ("store", 6, b), ("load", 5, a),
               ("store", 5, a), ("load", 5, a), ("load", 6, b),
               ("store", 5, a), ("load", 5, a), ("store", 5, c),
               ("load", 5, c), ("store", 7, a), ("invalidate", 7, None)]))
    status, line = zdedup("replay", server.trace)
    result("replay puts the same in", "" if not status and
           "\n2 stores were put in" in line and "Loads: 5 from the pool " in line
           else line)
    status, line = zdedup("replay", server.trace, "--kernel", "6.1")
    result("replay puts nothing in for a kernel that kept what was read",
           "" if not status and "put in" not in line else line)
    status, line = zdedup("info", out)
    result("it still says that a disk saw it",
           "" if "Seen from the swap disk" in line else line)
    shutil.rmtree(os.path.join(folder, "ops"))
    test_guest(folder, server.trace, a, b, c)


def guest_lines(*events):
    return "".join(f"  kswapd0-51 [000] .....  {9 + nr}.5: {name}: "
                   f"(swap_x+0x4/0x300) e={slot}\n"
                   for nr, (name, slot) in enumerate(events))


def test_guest(folder, trace, a, b, c):
    lines = os.path.join(folder, "guest.trace")
    out = os.path.join(folder, "joined.zdt")
    text = guest_lines(
        # 6 goes out before 5, and 8 is a zero page
        ("wp", 6), ("wp", 5), ("zs", 5), ("zs", 6), ("wp", 8),
        ("rf", 5), ("rf", 5), ("rf", 8), ("iv", 8), ("wp", 5), ("zs", 5),
        ("iv", 6), ("iv", 5), ("iv", 9),
        ("wp", 7), ("zs", 7), ("wp", 7), ("zs", 7)) + "# lost: 3\n"
    with open(lines, "w") as f:
        f.write(text + "  cut")
    status, said = zdedup("import", "--events", lines, trace, "-o", out)
    want = [("store", 6, b), ("store", 5, a), ("store", 8, EMPTY),
            ("load", 5, a), ("store", 5, a), ("load", 5, a),
            ("load", 8, EMPTY), ("store", 5, c), ("invalidate", 6, None),
            ("invalidate", 5, None), ("store", 7, a)]
    problem = said if status else difference(events_of(out, folder), want)
    for word in ("1 re-stores ", "2 frees ", "1 stores of zero pages",
                 "1 stores had no write, 0 writes no store", "lost 3 lines"):
        problem = problem or ("" if word in said else f"no '{word}': {said}")
    result("the guest's events with the disk's bytes", problem)

    for name, word, bad in (
            ("another line", "no event of record-guest",
             text.replace("wp: (swap_x", "wp (swap_x", 1)),
            ("a second swap device", "second swap device",
             text + guest_lines(("wp", 5 | 1 << 58))),
            ("slot 0", "swap slot", text + guest_lines(("wp", 0))),
            ("an unknown event", "swap slot", text + guest_lines(("qq", 5))),
            ("nothing", "no events", "# tracer: nop\n")):
        with open(lines, "w") as f:
            f.write(bad)
        status, said = zdedup("import", "--events", lines, trace, "-o", out)
        result(f"guest's events with {name} are refused",
               "" if status == 3 and said.count("\n") == 1 and
               said.startswith("zdedup: ") and word in said else
               f"{status}: {said}")
    status, said = zdedup("import", "--vantage", "slots",
                          os.path.join(folder, "joined.zdt"), "-o", out)
    result("a trace that no disk saw is not converted",
           "" if status == 3 and "swap disk" in said else f"{status}: {said}")


def test_record_vm(folder):
    status, said = zdedup("record", "vm", "--print", "--size", "64M", "-o",
                          "my swap.zdt", "--", "-m", "512", "-append", "a b")
    words = ("size=67108864", "'trace=my swap.zdt'", "qemu-system-",
             "serial=zdedup-swap", "mkswap", "zswap/parameters/enabled")
    result("record vm --print says what to run, and what to type",
           said if status else
           " ".join(w for w in words if w not in said))
    there = os.path.join(folder, "there.zdt")
    with open(there, "w"):
        pass
    status, said = zdedup("record", "vm", "-o", there, "--", "/bin/true")
    result("record vm replaces no file",
           "" if status == 3 and "there already" in said else said)
    # a QEMU that ends at once: everything is in place and goes away again
    trace = os.path.join(folder, "empty.zdt")
    status, said = zdedup("record", "vm", "-o", trace, "--", "/bin/sh", "-c",
                          "exit 7")
    info, line = zdedup("info", trace)
    result("record vm gives QEMU's status and a whole trace",
           "" if status == 7 and not info else f"{status}: {said}{line}")


def random_requests(server, model, rng):
    """Until the server is gone."""
    n = server.nbd
    try:
        while True:
            before = len(model.events)
            first = rng.randrange(PAGES - 4)
            count = rng.randint(1, 4)
            what = rng.random()
            flushed = what > 0.97
            if what < 0.6:
                data = rng.randbytes(count * PAGE)
                flushed = rng.random() < 0.02
                model.write(data, first * PAGE)
                n.pwrite(data, first * PAGE,
                         nbd.CMD_FLAG_FUA if flushed else 0)
            elif what < 0.9:
                # first: a read that gets no answer may have been recorded
                want = model.read(first, count)
                if n.pread(count * PAGE, first * PAGE) != want:
                    return "other bytes were read"
            elif what < 0.97:
                model.discard(first, count)
                n.trim(count * PAGE, first * PAGE)
            else:
                n.flush()
            model.answered(before, flushed)
    except nbd.Error:
        return ""


def test_kill(folder, seed):
    rng = random.Random(seed)
    model = Model(rng.choice((1, 7, 64, 1024)))
    server = Server(folder, f"every={model.every}")
    timer = threading.Timer(rng.random() * 0.5, server.kill)
    timer.start()
    problem = random_requests(server, model, rng)
    timer.join()
    return problem or check_incomplete(server, folder, model), model


def test_kills(folder, kills):
    first = int(os.environ.get("ZDEDUP_SEED", random.randrange(1 << 32)))
    problems, events, safe = [], 0, 0
    seed = first
    # on a busy machine the first kills may come before anything was acknowledged
    while seed < first + kills or (not safe and seed < first + 10 * kills):
        place = os.path.join(folder, str(seed))
        os.mkdir(place)
        problem, model = test_kill(place, seed)
        events += len(model.events)
        safe += model.safe
        if problem:
            problems.append(f"ZDEDUP_SEED={seed}: {problem}")
        shutil.rmtree(place)
        seed += 1
    result(f"{kills} kill -9: what was acknowledged is there",
           "\n".join(problems) or (not safe and "nothing was acknowledged"))
    print(f"# seeds from {first}; {events} events, {safe} acknowledged")


def test_trace_full(folder):
    """The trace cannot grow: the disk goes on, a flush is refused, the user told."""
    server = Server(folder, "every=16", limit=1 << 20)
    model, n, problem, refused = Model(16), server.nbd, "", 0
    for nr in range(3 * PAGES):
        slot = 1 + nr % (PAGES - 1)
        data = os.urandom(PAGE)
        before = len(model.events)
        model.write(data, slot * PAGE)
        n.pwrite(data, slot * PAGE)
        try:
            n.flush()
            model.answered(before, True)
            if refused:
                problem = "a flush was acknowledged after the loss"
        except nbd.Error:
            refused += 1
    if n.pread(PAGES * PAGE, 0) != b"".join(model.disk):
        problem = "the disk has other bytes"
    said = server.end()
    if said.count("INCOMPLETE") != 1:
        problem = problem or f"not reported once: {said}"
    if not refused or model.safe < 100:
        problem = problem or f"{refused} flushes refused, {model.safe} events safe"
    result("a trace that cannot grow: the disk goes on, the loss is reported once",
           problem or check_incomplete(server, folder, model))


def fail_call(folder, how, nr):
    """The nr-th call that writes fails. Returns whether there was one, and a problem."""
    calls = os.path.join(folder, "calls")
    try:
        # meson's MALLOC_PERTURB_ would fill zstd's window each time
        server = Server(folder, "every=4", environment={
            "MALLOC_PERTURB_": "0", "LD_PRELOAD": FAULTY_IO,
            "FAULTY_HOW": how, "FAULTY_AT": str(nr), "FAULTY_CALLS": calls})
    except nbd.Error:
        # the disk is not there, and nothing is in the way of a second try
        return True, "" if not os.path.exists(
            os.path.join(folder, "swap.zdt")) else "an empty trace is left"
    # only what FUA acknowledged has to be there
    model, n, refused = Model(1 << 30), server.nbd, 0
    for number in range(12):
        before, fua = len(model.events), number % 4 == 3
        slot, data = 1 + number % 7, os.urandom(PAGE)
        model.write(data, slot * PAGE)
        try:
            n.pwrite(data, slot * PAGE, nbd.CMD_FLAG_FUA if fua else 0)
            model.answered(before, fua)
        except nbd.Error:
            refused += 1
    said, met = server.end(), os.path.exists(calls)
    if "INCOMPLETE" in said:
        return met, check_incomplete(server, folder, model)
    if refused or met and how == "EIO":
        return met, f"no loss was reported, {refused} writes refused: {said}"
    return met, difference(events_of(server.trace, folder), model.events)


def test_failing_calls(folder):
    for how in "EIO", "ENOSPC", "SHORT":
        problem, nr, met = "", 0, True
        while met and not problem and nr < 100:
            nr += 1
            place = os.path.join(folder, f"{how}-{nr}")
            os.mkdir(place)
            met, problem = fail_call(place, how, nr)
            shutil.rmtree(place)
        result(f"each of {nr - 1} calls fails ({how}): what FUA acknowledged is there",
               problem and f"call {nr}: {problem}" or
               (nr < 10 or met) and f"{nr} calls")


def test_disk_full(folder):
    """No room for the disk's own bytes: a write fails as on a disk."""
    name = "a disk that cannot grow: its writes fail, what it has is served"
    small = os.path.join(folder, "small")
    os.mkdir(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", small],
                      stderr=subprocess.DEVNULL).returncode:
        global tests
        tests += 1
        print(f"ok {tests} - {name} # SKIP a small file system takes root to mount")
        return
    try:
        server = Server(folder, "backing=file", environment={"TMPDIR": small})
        n, good, refused, model = server.nbd, {}, 0, Model(1024)
        for slot in range(1, PAGES):
            data = os.urandom(PAGE)
            try:
                n.pwrite(data, slot * PAGE)
                good[slot] = data
                model.write(data, slot * PAGE)
            except nbd.Error as error:
                refused += error.errnum == 28 or error.errno == "ENOSPC"
        problem = "no write failed with ENOSPC" if not refused else ""
        for slot, data in good.items():
            model.read(slot, 1)
            if n.pread(PAGE, slot * PAGE) != data:
                problem = problem or f"slot {slot} has other bytes"
        said = server.end()
        # the writer's own temporary file is on the same file system
        if "INCOMPLETE" in said:
            problem = problem or check_incomplete(server, folder, model)
        else:
            problem = problem or difference(
                events_of(server.trace, folder), model.events)
        result(name, problem or (not good and "nothing was written"))
    finally:
        subprocess.run(["umount", small])


def main():
    os.environ["TMPDIR"] = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="zdedup-record-") as work:
        for nr, test in enumerate((
                test_requests, test_vantage, test_record_vm,
                test_trace_full, test_disk_full, test_failing_calls,
                lambda place: test_kills(
                    place, int(os.environ.get("ZDEDUP_KILLS", "5"))))):
            place = os.path.join(work, str(nr))
            os.mkdir(place)
            test(place)
    print(f"1..{tests}")
    sys.exit(failed != 0)


if len(sys.argv) != 4:
    sys.exit(__doc__)
ZDEDUP, PLUGIN, FAULTY_IO = (os.path.abspath(a) for a in sys.argv[1:])
if not shutil.which("nbdkit"):
    skip_all("there is no nbdkit")
try:
    import nbd
except ImportError:
    skip_all("there is no libnbd for Python (python3-libnbd)")
main()
