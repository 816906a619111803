# SPDX-License-Identifier: GPL-2.0-or-later
"""What guest and model are fed: recorded traces, and new ones from a seed.

Both get the same events. In the kernel a slot is dropped before its page is
written anew (nothing overwrites a live entry), so every such store has an
invalidate before it here.
"""

import csv
import io
import os
import random
import struct
import subprocess

PAGE = 4096
STORE, LOAD, INVALIDATE = 1, 2, 3
OPS = {"store": STORE, "load": LOAD, "invalidate": INVALIDATE}
MAGIC = 0x3174736575676473  # init.c knows it, too


class Trace:
    """events: (op, slot, page); batch: stores may go out as whole ranges."""

    def __init__(self, name, events, pages, every, batch):
        self.name, self.events, self.pages = name, events, pages
        self.every, self.batch = every, batch

    def checkpoints(self):
        points = list(range(self.every, len(self.events) + 1, self.every))
        if points[-1:] != [len(self.events)]:
            points.append(len(self.events))
        return points

    def write(self, folder):
        """An ops directory for the model and image.bin beside it."""
        os.makedirs(folder, exist_ok=True)
        names = {number: name for name, number in OPS.items()}
        with open(f"{folder}/ops.csv", "w") as f:
            f.write("seq,time_us,op,slot,page\n")
            for i, (op, slot, page) in enumerate(self.events):
                page = page if op == STORE else ""
                f.write(f"{i},{i},{names[op]},{slot},{page}\n")
        with open(f"{folder}/pages.raw", "wb") as f:
            f.write(self.pages)
        with open(f"{folder}/image.bin", "wb") as f:
            self.pack(f)

    def pack(self, f):
        events = b"".join(struct.pack("<II", op << 28 | slot, page)
                          for op, slot, page in self.events)
        events += bytes(-len(events) % PAGE)
        slots = 1 + max(slot for _, slot, _ in self.events)
        f.write(struct.pack("<5Q", MAGIC, len(self.events), slots,
                            len(self.pages) // PAGE,
                            PAGE + len(events)).ljust(PAGE, b"\0"))
        f.write(events)
        f.write(self.pages)

    def slots(self):
        return 1 + max(slot for _, slot, _ in self.events)


def read(path, lines=None):
    """The bytes of a file or of its .zst, or their first lines."""
    if os.path.exists(path + ".zst"):
        path += ".zst"
    if not path.endswith(".zst"):
        with open(path, "rb") as f:
            return f.read()
    return subprocess.run(["zstd", "-dcq", "--long=27", path], check=True,
                          stdout=subprocess.PIPE).stdout


def no_overwrites(events):
    held = set()
    for op, slot, page in events:
        if op == STORE:
            if slot in held:
                yield INVALIDATE, slot, 0
            held.add(slot)
        elif op == INVALIDATE:
            held.discard(slot)
        yield op, slot, page


def stream(name, folder, limit):
    """The first events of an ops directory."""
    rows = csv.DictReader(io.StringIO(read(f"{folder}/ops.csv").decode()))
    events = []
    for row in rows:
        if len(events) >= limit:
            break
        op = OPS[row["op"]]
        events.append((op, int(row["slot"]),
                       int(row["page"]) if op == STORE else 0))
    events = list(no_overwrites(events))
    used = 1 + max(page for op, _, page in events if op == STORE)
    pages = read(f"{folder}/pages.raw")[:used * PAGE]
    return Trace(name, events, pages, max(1, len(events) // 6), False)


def page_set(name, pages, free):
    """Store all in order, free every free-th (0: none), load what is left.

    The checkpoints fall on the states stored, freed and loaded.
    """
    parts = free or 4
    n = len(pages) // PAGE // parts * parts
    events = [(STORE, i, i) for i in range(n)]
    if free:
        events += [(INVALIDATE, i, 0) for i in range(0, n, free)]
    events += [(LOAD, i, 0) for i in range(n) if not free or i % free]
    name = f"{name}, free {free}" if free else name
    return Trace(name, events, pages[:n * PAGE], n // parts, True)


# ------------------------------------------------------------ pages from a seed

class Pages:
    """Makes pages of many kinds; the same seed makes the same pages."""

    def __init__(self, seed):
        self.random = random.Random(f"pages {seed}")
        r = self.random
        self.words = ["".join(r.choices("etaoinshrdlucmfw", k=r.randint(2, 11)))
                      for _ in range(700)]
        self.code = [r.randbytes(r.randint(2, 7)) for _ in range(300)]
        self.kinds = [self.text, self.program, self.pointers, self.noise,
                      self.zero, self.same, self.prefix, self.border,
                      self.tight, self.runs, self.holes, self.tail]
        self.weights = [r.choice((1, 2, 5, 9)) for _ in self.kinds]
        self.made = []

    def page(self):
        r = self.random
        if self.made and r.random() < 0.06:
            return r.choice(self.made)  # a duplicate
        page = r.choices(self.kinds, self.weights)[0]()[:PAGE].ljust(PAGE, b"\0")
        if len(self.made) < 256:
            self.made.append(page)
        return page

    def text(self):
        few = self.random.choices(self.words, k=self.random.randint(20, 400))
        return " ".join(self.random.choices(few, k=2000)).encode()

    def program(self):
        r = self.random
        out = bytearray()
        while len(out) < PAGE:
            out += r.choice(self.code)
            if r.random() < 0.4:
                out += struct.pack("<i", int(r.gauss(0, 2000)))
        return bytes(out)

    def pointers(self):
        r = self.random
        base = r.getrandbits(47) & ~0xfffff
        return b"".join(struct.pack("<Q", base + r.getrandbits(16) * 8)
                        if r.random() < 0.5 else
                        struct.pack("<Q", int(r.expovariate(0.01)))
                        for _ in range(PAGE // 8))

    def noise(self):
        return self.random.randbytes(PAGE)

    def zero(self):
        return bytes(PAGE)

    def same(self):
        return self.random.randbytes(self.random.choice((1, 2, 4, 8))) * PAGE

    def prefix(self):
        return self.random.randbytes(self.random.randint(1, PAGE))

    def border(self):
        """Compresses to about the border of an allocator's size class."""
        step = self.random.choice((16, 64))
        size = step * self.random.randint(1, PAGE // step)
        return self.random.randbytes(
            max(1, size + self.random.randint(-40, 8)))

    def tight(self):
        """Next to incompressible: noise with one to six short matches."""
        r = self.random
        page = bytearray(r.randbytes(PAGE))
        for _ in range(r.randint(1, 6)):
            length = r.randint(3, 40)
            to = r.randint(length, PAGE - length)
            start = r.randint(0, to - length)
            page[to:to + length] = page[start:start + length]
        return bytes(page)

    def runs(self):
        r = self.random
        out = bytearray()
        while len(out) < PAGE:
            unit = r.randbytes(r.choice((1, 1, 2, 3, 7, 8, 16, 61)))
            out += unit * r.randint(1, 1 + 600 // len(unit))
            out += r.randbytes(r.choice((0, 0, 1, 5, 30)))
        return bytes(out)

    def holes(self):
        """Zeros of all lengths between data, as lzo-rle looks for."""
        r = self.random
        out = bytearray()
        while len(out) < PAGE:
            out += r.randbytes(r.randint(1, 50))
            out += bytes(r.choice((3, 4, 5, 7, 8, 15, 100, 2047, 2048)))
        return bytes(out)

    def tail(self):
        """The last bytes repeat earlier ones: matches up to the page's end."""
        r = self.random
        n = r.randint(4, 64)
        head = r.randbytes(PAGE - n - r.randint(0, 14))
        at = r.randint(0, len(head) - n)
        return (head + head[at:at + n] + r.randbytes(14))[:PAGE]


def random_page_set(name, seed, n, free):
    make = Pages(seed)
    return page_set(name, b"".join(make.page() for _ in range(n)), free)


def random_stream(name, seed, n, slots):
    """n events: stores, loads, invalidates, re-stores of what was loaded."""
    make = Pages(seed)
    r = random.Random(f"stream {seed}")
    state = {}  # slot: (stored or loaded, page)
    events, pages = [], bytearray()
    ratio = 0.5
    while len(events) < n:
        if len(events) % 500 == 0:
            ratio = r.choice((0.3, 0.5, 0.8))  # growth and shrinkage
        slot = r.randrange(slots)
        kind, page = state.get(slot, ("empty", 0))
        if kind == "loaded" and r.random() < 0.3:
            events.append((STORE, slot, page))  # evicted again, still clean
            state[slot] = "stored", page
        elif kind != "stored" or r.random() < ratio * 0.2:
            events.append((STORE, slot, len(pages) // PAGE))
            state[slot] = "stored", len(pages) // PAGE
            pages += make.page()
        elif r.random() < 0.6:
            events.append((LOAD, slot, 0))
            state[slot] = "loaded", page
        else:
            events.append((INVALIDATE, slot, 0))
            del state[slot]
    events = list(no_overwrites(events))
    return Trace(name, events, bytes(pages), max(1, len(events) // 8), False)
