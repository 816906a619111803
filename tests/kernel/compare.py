# SPDX-License-Identifier: GPL-2.0-or-later
"""The model's counters beside the kernel's, and the tables of both."""

import json
import os
import subprocess

# The state of the pool; all others only grow, over several jobs of one guest.
GAUGES = ("stored_pages", "pool_total_size", "same_filled_pages",
          "stored_incompressible_pages")
# The guest's own, no counter of the kernel.
EXTRA = "swap_cache_hits"
# Counters of the kernel that are about other things.
IGNORED = ("swpout_fallback",)

# The libzstd whose encoder is the one in the kernel; None: the system's.
ZSTD = {"6.1": "1.4.10", "6.12": None, "7.2": "1.5.7"}

# Of the pool, and of the stores.
TOLERANCE = {"lz4hc": 0.03, "zstd": 0.01}


class ModelFailed(Exception):
    pass


def tolerated(kernel, compressor, libs):
    """Why this pair cannot be equal to the byte, or None."""
    if compressor == "lz4hc":
        return "the kernel's lz4hc encoder is not liblz4's"
    if compressor == "zstd" and ZSTD[kernel] and kernel not in libs:
        return f"without libzstd {ZSTD[kernel]}"
    return None


def model(zdedup, trace, folder, kernel, compressor, zpool, libs, more=()):
    """{event: counters}, and the codec, of zdedup replay."""
    name = compressor
    if compressor == "zstd" and kernel in libs:
        name = f"zstd:lib={libs[kernel]}"
    run = subprocess.run(
        [zdedup, "replay", folder, "--kernel", kernel, "--compressor", name,
         "--zpool", zpool, "--checkpoint-every", str(trace.every),
         "--format", "json", *more],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    if run.returncode:
        raise ModelFailed(run.stderr.strip() or f"status {run.returncode}")
    report = json.loads(run.stdout)
    at = {c["event"]: c["counters"] for c in report["checkpoints"]}
    at[len(trace.events)] = report["counters"]
    return at, report["config"].get("codec_version") or ""


def since_start(job):
    """{event: counters} of a guest's job, without what was before it."""
    start = job["at"].get(0, {})
    return {event: {name: value if name in GAUGES or name == EXTRA
                    else value - start.get(name, 0)
                    for name, value in counters.items() if name not in IGNORED}
            for event, counters in job["at"].items() if event}


def differences(trace, guest, modelled):
    """[(event, counter, kernel's, model's)] and how many were compared.

    A page that was written to the device lies in the guest's swap cache until
    memory is short; the model reads it from the device. So the loads that the
    swap cache served are added to the kernel's pswpin. A counter that the
    model does not report is one of what cannot happen in it, and must be 0 in
    the kernel.
    """
    found, compared = [], 0
    for event in trace.checkpoints():
        if event not in guest or event not in modelled:
            found.append((event, "the checkpoint", event in guest,
                          event in modelled))
            continue
        kernel = dict(guest[event])
        kernel["pswpin"] += kernel.pop(EXTRA)
        ours = modelled[event]
        for name in sorted(kernel.keys() | ours.keys()):
            compared += 1
            want, have = kernel.get(name), ours.get(name)
            if want != have and not (have is None and want == 0):
                found.append((event, name, want, have))
    return found, compared


def within(found, trace, tolerance):
    """Is each difference within the tolerance? Counts: of all stores."""
    stores = sum(op == 1 for op, _, _ in trace.events)
    for _, name, want, have in found:
        if not isinstance(want, int) or not isinstance(have, int):
            return False
        of = want if name == "pool_total_size" else stores
        if abs(want - have) > tolerance * of:
            return False
    return True


class Row:
    """One comparison: kernel x compressor x allocator x data."""

    def __init__(self, kernel, compressor, zpool, trace):
        self.kernel, self.compressor, self.zpool = kernel, compressor, zpool
        self.trace = trace
        self.release = self.codec = self.note = ""
        self.found, self.compared = [], 0
        self.result = "failed"
        self.pool = self.stored = None

    def name(self):
        return (f"{self.kernel} {self.compressor} {self.zpool}: "
                f"{self.trace.name}")

    def judge(self, guest, modelled, why):
        """why: the reason for which they cannot be equal, or None."""
        self.found, self.compared = differences(self.trace, guest, modelled)
        both = [e for e in self.trace.checkpoints()
                if e in guest and e in modelled]
        if both:
            # where the pools differ most, else where the kernel's is largest
            event = max(both, key=lambda e: (
                abs(guest[e]["pool_total_size"] -
                    modelled[e]["pool_total_size"]),
                guest[e]["pool_total_size"]))
            self.pool = (guest[event]["pool_total_size"],
                         modelled[event]["pool_total_size"])
            self.stored = (guest[event]["stored_pages"],
                           modelled[event]["stored_pages"])
        if not self.found:
            self.result = "equal"
        elif why and within(self.found, self.trace,
                            TOLERANCE[self.compressor]):
            self.result, self.note = "tolerated", why
        else:
            self.result = "differs"

    def diagnostics(self, most=12):
        for event, name, want, have in self.found[:most]:
            yield f"after {event} events {name}: kernel {want}, model {have}"
        if len(self.found) > most:
            yield f"and {len(self.found) - most} more"

    def others(self):
        """The counters beside the pool's size that differ, in few words."""
        last = {name: (want, have) for _, name, want, have in self.found
                if name != "pool_total_size"}
        if not last:
            return "equal"
        return ", ".join(f"{n} {w} / {h}" for n, (w, h) in last.items())

    def markdown(self):
        left = (f"| {self.release or self.kernel} | {self.compressor} | "
                f"{self.zpool} | {self.trace.name} |")
        if not self.pool:
            return f"{left} | | | | | | {self.result}: {self.note} |"
        want, have = self.pool
        percent = f" ({(have - want) / want:+.3%})" if want and have != want \
            else ""
        note = f" ({self.note})" if self.note else ""
        return (f"{left} {len(self.trace.checkpoints())} x "
                f"{self.compared // len(self.trace.checkpoints())} | "
                f"{self.stored[0]:,} / {self.stored[1]:,} | {want:,} | "
                f"{have:,} | {have - want:,}{percent} | {self.others()} | "
                f"{self.result}{note} |")


def table(rows):
    yield ("| kernel | compressor | allocator | data | checkpoints x counters "
           "| stored_pages | pool, kernel | pool, model | difference "
           "| other counters, kernel / model | result |")
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        yield row.markdown()


BOUNDED = ("refused", "pool_limit_hit", "written_back_pages", "stored_pages")


class Bounded:
    """One stream with a small pool: several runs of the kernel, one of ours."""

    def __init__(self, kernel, compressor, zpool, trace, limit, waits):
        self.kernel, self.compressor, self.zpool = kernel, compressor, zpool
        self.trace, self.limit, self.waits = trace, limit, waits
        self.release = self.note = ""
        self.runs, self.ours = [], {}

    def name(self):
        return (f"{self.kernel} {self.compressor} {self.zpool}, {self.limit}"
                f"{', worker awaited' if self.waits else ''}: "
                f"{self.trace.name}")

    @staticmethod
    def of(counters):
        """What was refused went to the device and was not written back."""
        refused = counters["pswpout"] - counters["written_back_pages"]
        return dict(counters, refused=refused)

    def add(self, counters):
        self.runs.append(self.of(counters))

    def model(self, counters):
        self.ours = self.of(counters)

    def ranges(self):
        for counter in BOUNDED:
            values = [run[counter] for run in self.runs]
            yield counter, min(values), max(values), self.ours[counter]

    def sound(self):
        """How far an asynchronous worker gets is not to be foretold; that
        both sides reach the limit, or neither, is."""
        return all(run["pool_limit_hit"] > 0 for run in self.runs) == \
            (self.ours["pool_limit_hit"] > 0)

    def diagnostics(self):
        for counter, low, high, ours in self.ranges():
            yield (f"{counter}: kernel {low}..{high}, model {ours}: "
                   f"{self.place(low, high, ours)}")

    @staticmethod
    def place(low, high, ours):
        """Inside the kernel's spread, or how far outside, of its middle."""
        if low <= ours <= high:
            return "equal" if low == high else "inside"
        off = ours - low if ours < low else ours - high
        middle = (low + high) / 2
        return f"{off:+,}" + (f" ({off / middle:+.1%})" if middle else "")

    def markdown(self):
        left = (f"| {self.release or self.kernel} | {self.compressor} | "
                f"{self.zpool} | {self.trace.name} | {self.limit} | "
                f"{'awaited' if self.waits else len(self.runs)} |")
        if not self.runs or not self.ours:
            return left + f" {self.note} | | | |"
        cells = [f"{low:,}{'' if self.waits else f'..{high:,}'} / {ours:,}: "
                 f"{self.place(low, high, ours)}"
                 for _, low, high, ours in self.ranges()]
        return left + " " + " | ".join(cells) + " |"


def bounded_table(rows):
    yield ("| kernel | compressor | allocator | data | limit | runs | " +
           " | ".join(f"{c}, kernel / model" for c in BOUNDED) + " |")
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        yield row.markdown()


def fetch_libzstd(here, folder):
    """{kernel: path} of the libraries that get-libzstd.sh can make."""
    script = f"{here}/get-libzstd.sh"
    paths = {k: f"{folder}/libzstd-{v}.so" for k, v in ZSTD.items() if v}
    if not all(os.path.exists(p) for p in paths.values()) and \
            os.access(script, os.X_OK):
        subprocess.run([script, folder], check=False,
                       stdout=subprocess.DEVNULL)
    return {k: p for k, p in paths.items() if os.path.exists(p)}
