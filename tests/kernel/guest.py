# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel in QEMU: fetched, booted with a trace, its counters read."""

import glob
import os
import platform
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))

# name of the model's --kernel: folder of fetch.sh, allocators
KERNELS = {
    "6.1": ("6.1", ("zsmalloc", "zbud", "z3fold")),
    "6.12": ("6.12", ("zsmalloc", "zbud")),
    "7.2": ("7", ("zsmalloc",)),
}


# Those that run, for end() to end.
running = set()


class Failed(Exception):
    """The guest did not come to its end; says how far it came."""


def prepare(cache):
    """Fetches and builds. Returns {kernel: (vmlinuz, initrd)}, {kernel: why}."""
    missing = {}
    for tool in ("qemu-system-x86_64", "cpio", "xz", "zstd", "gcc"):
        if not shutil.which(tool):
            missing = {k: f"there is no {tool}" for k in KERNELS}
    if platform.machine() != "x86_64":
        missing = {k: "Debian's x86-64 kernels are compared on x86-64 only"
                   for k in KERNELS}
    if missing:
        return {}, missing
    folders = {k: os.path.join(cache, v[0]) for k, v in KERNELS.items()}
    if not all(os.path.isdir(f) for f in folders.values()):
        if shutil.which("apt-get"):
            subprocess.run([f"{HERE}/fetch.sh", cache], check=False)
    ready = {}
    for kernel, folder in folders.items():
        images = glob.glob(f"{folder}/boot/vmlinuz-*") + \
            glob.glob(f"{folder}/usr/lib/modules/*/vmlinuz")
        if not images:
            missing[kernel] = f"the kernel could not be fetched to {folder}"
            continue
        initrd = os.path.join(cache, f"initrd-{kernel}.gz")
        built = subprocess.run([f"{HERE}/initrd.sh", folder, initrd],
                               stderr=subprocess.PIPE, text=True)
        if built.returncode:
            missing[kernel] = "no initrd: " + built.stderr.strip()[-200:]
            continue
        ready[kernel] = (images[0], initrd)
    return ready, missing


def end():
    for process in list(running):
        process.kill()


def numbers(words):
    return {k: int(v) for k, v in (w.split("=", 1) for w in words)
            if re.fullmatch(r"-?\d+", v)}


def parse(console):
    """The jobs of a console: config, counters at each checkpoint, the end."""
    jobs = []
    for line in console.splitlines():
        words = line.split()
        if words[:1] != ["ZD"]:
            continue
        if words[1] == "job":
            config = dict(w.split("=", 1) for w in words[3:])
            jobs.append({"config": config, "at": {}, "end": None})
        elif words[1] == "at" and jobs:
            jobs[-1]["at"][int(words[2])] = numbers(words[3:])
        elif words[1] == "end" and jobs:
            jobs[-1]["end"] = numbers(words[2:])
    return jobs


def boot(kernel, trace, image, jobs, memory, maxpool, timeout, scratch):
    """Runs the jobs, (compressor, zpool, mode) each, and returns them as
    parse() does. What a guest that fails had finished before comes with the
    exception.
    """
    vmlinuz, initrd = kernel
    spec = ",".join(f"{c}:{z}:{trace.every}:{mode}" for c, z, mode in jobs)
    swap = os.path.join(scratch, "swap.img")
    with open(swap, "wb") as f:
        # slots that are freed are taken anew only when the others are used up
        f.truncate((128 << 20) + 2 * 4096 * trace.slots())
    command = [
        "qemu-system-x86_64", "-M", "q35", "-accel", "tcg",
        "-cpu", "max", "-smp", "1", "-m", str(memory), "-nographic",
        "-nodefaults", "-no-reboot", "-serial", "stdio",
        "-kernel", vmlinuz, "-initrd", initrd, "-append",
        f"console=ttyS0 quiet panic=-1 zswap.enabled=0 zd.maxpool={maxpool} "
        f"zd.jobs={spec}",
        "-drive", f"file={swap},format=raw,if=virtio,cache=unsafe",
        "-drive", f"file={image},format=raw,if=virtio,readonly=on",
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    running.add(process)
    why = "no end marker"
    try:
        console, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        console, _ = process.communicate()
        why = f"not done after {timeout} s"
    finally:
        running.discard(process)
    console = console.decode(errors="replace").replace("\r", "")
    # the firmware clears the screen
    console = re.sub("\x1b(c|\\[[0-9;?]*[A-Za-z])", "", console)
    done = parse(console)
    if not re.search(r"^ZD done$", console, re.M):
        tail = [l for l in console.splitlines()
                if l.strip() and not l.startswith("ZD at")][-12:]
        failure = Failed(why + "\n" + "\n".join(tail))
        failure.jobs = done
        raise failure
    return done
