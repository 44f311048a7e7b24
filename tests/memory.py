#!/usr/bin/env python3
"""Peak memory of encrypting and decrypting a file of holes to a sink, which must not depend on its length.

    python3 tests/memory.py --keystead PATH [--long]

Lengths are 1 MiB and 1 GiB, with --long 64 GiB, too. The last bytes of an output are held back until the process was asked for
its peak, VmHWM in /proc/PID/status. Exits 1 where a peak is above 32 MiB, or grows with the length. Linux only.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

LENGTHS = {"1 MiB": 2**20, "1 GiB": 2**30, "64 GiB": 2**36}
MOST = 32 * 1024                                            # KiB
GROWTH = 4 * 1024                                           # KiB that a longer input may take
HELD_BACK = 128 * 1024                                      # more than a pipe holds


def peak(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def drain(pipe, length):
    """Lets so many bytes go to the sink, or all."""
    sink = os.open("/dev/null", os.O_WRONLY)
    done = 0
    while length is None or done < length:
        moved = os.splice(pipe.fileno(), sink, min(2**20, (length or 2**62) - done))
        if moved == 0:
            break
        done += moved
    os.close(sink)
    return done


def measured(process, length):
    """Peak of a process that writes at least so many bytes to its stdout."""
    drain(process.stdout, length - HELD_BACK)
    time.sleep(0.05)                                        # it fills the pipe and waits
    found = peak(process)
    rest = drain(process.stdout, None)
    process.wait()
    return found, length - HELD_BACK + rest


def encryption(keystead, folder, length, more):
    return subprocess.Popen([keystead, "encrypt", *more, "-k", "key.pub", "-o", "-", "holes"], cwd=folder,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keystead", required=True, type=pathlib.Path)
    parser.add_argument("--long", action="store_true", help="64 GiB, too")
    options = parser.parse_args()
    if not hasattr(os, "splice") or not pathlib.Path("/proc/self/status").exists():
        print("skipped: this test needs Linux and Python 3.10")
        return
    keystead = str(options.keystead.resolve())
    lengths = list(LENGTHS) if options.long else list(LENGTHS)[:2]
    failures, first = [], {}
    print(f"{'':8}{'encrypt':>22}{'decrypt':>22}")
    with tempfile.TemporaryDirectory(prefix="keystead-memory-") as folder:
        subprocess.run([keystead, "keygen", "-q", "-o", "key"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for name in lengths:
            length = LENGTHS[name]
            with open(f"{folder}/holes", "wb") as holes:
                holes.truncate(length)
            line = f"{name:8}"
            for verb in ("encrypt", "decrypt"):
                start = time.monotonic()
                maker = encryption(keystead, folder, length, [])
                process = maker
                if verb == "decrypt":
                    process = subprocess.Popen([keystead, "decrypt", "-k", "key", "-o", "-"], cwd=folder,
                                               stdin=maker.stdout, stdout=subprocess.PIPE)
                    maker.stdout.close()
                found, written = measured(process, length)
                seconds = time.monotonic() - start
                line += f"{found / 1024:9.1f} MiB {seconds:6.1f} s"
                what = f"{verb} of {name}"
                if process.returncode != 0 or maker.wait() != 0:
                    failures.append(f"{what} failed")
                if written < length or (verb == "decrypt" and written != length):
                    failures.append(f"{what} wrote {written} bytes")
                if found > MOST or found > first.setdefault(verb, found) + GROWTH:
                    failures.append(f"{what} took {found} KiB")
            print(line, flush=True)
    for failure in failures:
        print(f"    {failure}")
    print(f"memory: {2 * len(lengths) - len(failures)} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
