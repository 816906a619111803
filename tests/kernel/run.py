#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kernels beside the model: boots 6.1, 6.12 and 7.2 in QEMU, feeds them
page sets and streams, and compares zswap's counters with those of `zdedup
replay` at every checkpoint. TAP on stdout; docs/FIDELITY.md with --write.
"""

import argparse
import concurrent.futures
import datetime
import itertools
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

import compare  # noqa: E402
import guest  # noqa: E402
import traces  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
COMPRESSORS = ("lz4", "lzo", "lzo-rle", "deflate", "zstd", "lz4hc")
BEGIN, END = "<!-- {}: generated -->\n", "<!-- {}: end -->\n"


class Tap:
    """One line a test, from several threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.count = self.failed = 0

    def say(self, ok, name, skip=None, notes=()):
        with self.lock:
            self.count += 1
            self.failed += not ok
            end = f" # SKIP {skip}" if skip is not None else ""
            print(f"{'' if ok else 'not '}ok {self.count} - {name}{end}")
            for note in notes:
                for line in note.splitlines():
                    print(f"#   {line}")
            sys.stdout.flush()


def arguments():
    parser = argparse.ArgumentParser(
        prog="kernel-test", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--zdedup", default=f"{ROOT}/build-test/zdedup")
    add("--cache", metavar="DIR",
        default=os.path.join(os.environ.get("XDG_CACHE_HOME") or
                             os.path.expanduser("~/.cache"), "zdedup"),
        help="where the kernels are kept")
    add("--seed", type=int, help="of the generated pages; default: a new one")
    add("--all", action="store_true",
        help="every kernel x compressor x allocator x data; hours")
    add("--limits", action="store_true",
        help="streams with a small pool, instead of the comparison")
    add("--repeat", type=int, default=3, help="runs of a kernel with --limits")
    add("--write", action="store_true", help="write docs/FIDELITY.md")
    add("--only", metavar="WORD", default=[], action="append",
        help="only tests whose name has this in it")
    add("--jobs", type=int, default=2, help="guests at a time")
    add("--minutes", type=float,
        help="begin no guest after that; 11, without end for --all")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = secrets.randbelow(10 ** 9)
    if options.minutes is None:
        options.minutes = 10 ** 6 if options.all else 11
    os.makedirs(options.cache, exist_ok=True)
    return options


def shared():
    """../shared/data of a developer's machine, or None."""
    folder = os.environ.get("ZDEDUP_SHARED") or os.path.join(
        os.path.dirname(ROOT), "shared")
    folder = os.path.join(folder, "data")
    return folder if os.path.isdir(folder) else None


def data(options):
    """The traces of a run, as functions: not all are in memory at once."""
    samples = f"{ROOT}/traces/samples"
    seed, n = options.seed, 4000 if options.all else 1600
    free = 2 + seed % 4
    limit = 10 ** 9 if options.all else 8000
    sets = [
        lambda: traces.random_page_set(f"pages of seed {seed}", seed, n, free),
        lambda: traces.random_stream(f"stream of seed {seed}", seed,
                                     3 * n, n // 4),
        lambda: traces.page_set(
            "vmfarm-a", traces.read(f"{samples}/vmfarm-a.raw"), 3),
        lambda: traces.stream("gcc", f"{samples}/gcc", limit),
        lambda: traces.stream("py", f"{samples}/py", limit),
    ]
    if not options.all:
        return sets
    sets += [
        lambda: traces.random_page_set(f"pages of seed {seed + 1}", seed + 1,
                                       n, 0),
        lambda: traces.page_set(
            "vmfarm-a", traces.read(f"{samples}/vmfarm-a.raw"), 0),
    ]
    if shared():
        sets += [lambda name=name, free=free: traces.page_set(
            f"shared {name}", traces.read(f"{shared()}/{name}.raw"), free)
            for name in ("mix", "adv", "vmfarm-a") for free in (0, 3)]
        sets += [lambda name=name: traces.stream(
            f"shared {name}", f"{shared()}/{name}", 60000)
            for name in ("gcc", "py", "redis")]
    return sets


def pairs(kernel, options, number):
    """The (compressor, allocator) of a kernel for the number-th data.

    The everyday table takes every pair for the generated data, and for the
    others each compressor with one allocator, in turn.
    """
    zpools = guest.KERNELS[kernel][1]
    every = [(c, z) for z in zpools for c in COMPRESSORS
             if options.all or c != "lz4hc" or (z == "zsmalloc" and not number)]
    if options.all or number < 1:
        return every
    return [(c, zpools[(i + number) % len(zpools)])
            for i, c in enumerate(COMPRESSORS) if c != "lz4hc"]


def wanted(options, name):
    return all(word in name for word in options.only)


class Run:
    """What all tasks of a run share."""

    def __init__(self, options, kernels, missing):
        self.options, self.kernels = options, kernels
        self.tap = Tap()
        self.scratch = tempfile.mkdtemp(prefix="zdedup-kernel-")
        self.libs = {} if not kernels else compare.fetch_libzstd(
            HERE, options.cache)
        self.deadline = time.monotonic() + 60 * options.minutes
        self.begin = time.monotonic()
        for kernel, why in missing.items():
            self.tap.say(True, kernel, skip=why)

    def skip(self, rows, why):
        for row in rows:
            row.result, row.note = "skipped", why
            self.tap.say(True, row.name(), skip=why)

    def unable(self):
        if time.monotonic() > self.deadline:
            return f"no time left of {self.options.minutes:g} minutes"
        return None

    def boot(self, kernel, trace, folder, jobs, memory, maxpool):
        """The jobs that the guest did, and why it did no more."""
        # software emulation of the slowest compressor takes 4 ms a page
        timeout = 180 + len(jobs) * (20 + len(trace.events) // 100)
        with tempfile.TemporaryDirectory(dir=self.scratch) as scratch:
            try:
                return guest.boot(self.kernels[kernel], trace,
                                  f"{folder}/image.bin", jobs, memory,
                                  maxpool, timeout, scratch), ""
            except guest.Failed as failure:
                return failure.jobs, str(failure)

    def finish(self, label):
        shutil.rmtree(self.scratch)
        if not self.tap.count:
            self.tap.say(True, label, skip="nothing was selected")
        print(f"1..{self.tap.count}")
        seconds = time.monotonic() - self.begin
        print(f"# {label}: {seconds:.0f} s, seed {self.options.seed}")
        return 1 if self.tap.failed else 0


def judge(run, row, done, why, folder):
    """One comparison, and its TAP line."""
    if done is None or (done["end"] is None and "absent" not in done["config"]):
        row.note = "the guest failed"
        run.tap.say(False, row.name(), notes=[why])
        return
    if "absent" in done["config"]:
        run.skip([row], "this kernel has no such compressor")
        return
    row.release = "{release} ({build})".format(**done["config"])
    if done["end"]["bad"] or done["end"]["kept"]:
        row.note = "the guest's memory: {bad} bad, {kept} kept".format(
            **done["end"])
        run.tap.say(False, row.name(), notes=[row.note])
        return
    if (done["config"]["compressor"], done["config"]["zpool"]) != \
            (row.compressor, row.zpool):
        row.note = f"the guest ran {done['config']}"
        run.tap.say(False, row.name(), notes=[row.note])
        return
    try:
        modelled, row.codec = compare.model(
            run.options.zdedup, row.trace, folder, row.kernel, row.compressor,
            row.zpool, run.libs)
    except compare.ModelFailed as failure:
        row.note = str(failure)
        run.tap.say(False, row.name(), notes=[row.note])
        return
    row.judge(compare.since_start(done), modelled,
              compare.tolerated(row.kernel, row.compressor, run.libs))
    end = f" ({row.result}: {row.note})" if row.note else ""
    run.tap.say(row.result in ("equal", "tolerated"), row.name() + end,
                notes=row.diagnostics())


def one_guest(run, kernel, trace, folder, rows):
    why = run.unable()
    if why:
        return run.skip(rows, why)
    mode = "batch" if trace.batch else "single"
    done, why = run.boot(kernel, trace, folder,
                         [(row.compressor, row.zpool, mode) for row in rows],
                         1024, 90)
    for i, row in enumerate(rows):
        judge(run, row, done[i] if i < len(done) else None, why, folder)
    return None


def compare_all(run):
    options = run.options
    rows = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for number, make in enumerate(data(options)):
            trace = make()
            folder = f"{run.scratch}/{number}"
            tasks = []
            for kernel in run.kernels:
                mine = [compare.Row(kernel, c, z, trace)
                        for c, z in pairs(kernel, options, number)]
                mine = [row for row in mine if wanted(options, row.name())]
                # a few to a guest, so that none runs for too long
                parts = [mine[i:i + 8] for i in range(0, len(mine), 8)]
                tasks += [(kernel, part) for part in parts]
                rows += mine
            if not tasks:
                continue
            trace.write(folder)
            trace.pages = b""
            jobs = [pool.submit(one_guest, run, kernel, trace, folder, part)
                    for kernel, part in tasks]
            for job in jobs:
                job.result()
            shutil.rmtree(folder)
    return rows


# Where a small pool is filled by the bundled streams: megabytes of the guest,
# max_pool_percent.
LIMITS = ((700, 2), (500, 1))


def one_bounded(run, bounded, folder, memory, percent):
    """The repeats of one kernel, and the model with the same limit."""
    job = (bounded.compressor, bounded.zpool,
           "wait" if bounded.waits else "race")
    for _ in range(1 if bounded.waits else run.options.repeat):
        why = run.unable()
        if why:
            bounded.note = why
            return run.tap.say(True, bounded.name(), skip=why)
        done, why = run.boot(bounded.kernel, bounded.trace, folder, [job],
                             memory, percent)
        if not done or not done[0]["end"] or done[0]["end"]["bad"]:
            bounded.note = why or "contents came back wrong"
            return run.tap.say(False, bounded.name(), notes=[bounded.note])
        bounded.add(compare.since_start(done[0])[len(bounded.trace.events)])
    config = done[0]["config"]
    bounded.release = "{release} ({build})".format(**config)
    try:
        modelled, _ = compare.model(
            run.options.zdedup, bounded.trace, folder, bounded.kernel,
            bounded.compressor, bounded.zpool, run.libs,
            ("--totalram", str(int(config["totalram_pages"]) * 4096),
             "--max-pool-percent", str(percent)))
    except compare.ModelFailed as failure:
        bounded.note = str(failure)
        return run.tap.say(False, bounded.name(), notes=[bounded.note])
    bounded.model(modelled[len(bounded.trace.events)])
    return run.tap.say(bounded.sound(), bounded.name(),
                       notes=bounded.diagnostics())


def compare_limits(run):
    samples = f"{ROOT}/traces/samples"
    rows = []
    with concurrent.futures.ThreadPoolExecutor(run.options.jobs) as pool:
        for name in ("py", "gcc"):
            trace = traces.stream(name, f"{samples}/{name}", 10 ** 9)
            folder = f"{run.scratch}/{name}"
            trace.write(folder)
            trace.pages = b""
            jobs = []
            for (memory, percent), kernel, waits in itertools.product(
                    LIMITS, run.kernels, (False, True)):
                bounded = compare.Bounded(
                    kernel, "lz4", "zsmalloc", trace,
                    f"{percent} % of {memory} MiB", waits)
                if not wanted(run.options, bounded.name()):
                    continue
                rows.append(bounded)
                jobs.append(pool.submit(one_bounded, run, bounded, folder,
                                        memory, percent))
            for job in jobs:
                job.result()
            shutil.rmtree(folder)
    return rows


def write(options, section, lines):
    """Puts a table in place of the section's old one."""
    path = f"{ROOT}/docs/FIDELITY.md"
    with open(path) as f:
        text = f.read()
    begin, end = BEGIN.format(section), END.format(section)
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    words = {"comparison": "--all" if options.all else "", "limits": "--limits"}
    only = [f"--only '{word}'" for word in options.only]
    command = " ".join(filter(None, [
        "./quickstart kernel-test", words[section], *only,
        f"--seed {options.seed} --write"]))
    made = (f"Made by `{command}` on "
            f"{datetime.date.today().isoformat()}.\n\n")
    with open(path + ".part", "w") as f:
        f.write(head + begin + made + "\n".join(lines) + "\n" + end + tail)
    os.replace(path + ".part", path)


def summary(rows):
    """How many of each result, as a sentence."""
    words = ("equal", "tolerated", "differs", "failed", "skipped")
    counts = [(w, sum(row.result == w for row in rows)) for w in words]
    return f"{len(rows)} comparisons: " + ", ".join(
        f"{n} {w}" for w, n in counts if n) + "."


def end_on_signal(run):
    """The threads wait for guests of minutes; who stops us does not."""
    def stop(number, _):
        guest.end()
        shutil.rmtree(run.scratch, ignore_errors=True)
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def main():
    options = arguments()
    print(f"# seed {options.seed} (again: ./quickstart kernel-test "
          f"--seed {options.seed})", flush=True)
    kernels, missing = guest.prepare(options.cache)
    run = Run(options, kernels, missing)
    end_on_signal(run)
    if options.limits:
        rows = compare_limits(run)
        lines = list(compare.bounded_table(rows))
    else:
        rows = compare_all(run)
        lines = [summary(rows), ""] + list(compare.table(rows))
    status = run.finish("limits" if options.limits else "kernels")
    if options.write and kernels:
        write(options, "limits" if options.limits else "comparison", lines)
    return status


if __name__ == "__main__":
    sys.exit(main())
