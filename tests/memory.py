#!/usr/bin/env python3
"""Peak memory of encrypting and decrypting a file of holes to a sink, which must not depend on its length.

    python3 tests/memory.py --keystead PATH [--long]

Then the parts that hold something in memory, each against what it promises: --buffer 256 MiB, armored text its own length,
the last bytes of a pipe as many as were asked for; and that all of them, and a passphrase, end with LIMIT where there is less.

Lengths are 1 MiB and 1 GiB, with --long 64 GiB, too. The last bytes of an output are held back until the process was asked for
its peak, VmHWM in /proc/PID/status. Exits 1 where a peak is above 32 MiB, or grows with the length. Linux only.
"""
import argparse
import contextlib
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
LITTLE = 60 * 1024                                          # KiB of address space, enough for the rest of a run
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


def held(keystead, folder):
    """What is held back takes what it is long, and little more; each row is a name, a peak and the most that it may be."""
    mib = 2**20
    sizes = {"buffer": 256, "armor": 120, "tail": 64}
    for name, size in (("holes-256", 256), ("holes-120", sizes["armor"])):
        with open(f"{folder}/{name}", "wb") as holes:
            holes.truncate(size * mib)

    def start(*line, stdin=subprocess.DEVNULL):
        return subprocess.Popen([keystead, *line], cwd=folder, stdin=stdin, stdout=subprocess.PIPE)

    def row(name, process, length, most, *makers):
        found, written = measured(process, length)
        for maker in makers:
            maker.wait()
        return name, found, most * 1024 + MOST, process.returncode == 0 and written >= length

    def piped(name, maker, line, length, most, *others):
        process = start(*line, stdin=maker.stdout)
        maker.stdout.close()
        return row(name, process, length, most, maker, *others)

    key = ("-k", "key.pub", "-o", "-")
    yield piped("--buffer of 256 MiB, stated", start("encrypt", *key, "holes-256"), ("decrypt", "--buffer", "-k", "key"),
                256 * mib, sizes["buffer"])
    cat = subprocess.Popen(["cat", "holes-256"], cwd=folder, stdout=subprocess.PIPE)
    maker = start("encrypt", *key, stdin=cat.stdout)
    cat.stdout.close()
    yield piped("--buffer of 256 MiB, not stated", maker, ("decrypt", "--buffer", "-k", "key"), 256 * mib, sizes["buffer"], cat)
    text = sizes["armor"] * 4 // 3 * 65 // 64 + 1
    yield row("encrypt --armor of 120 MiB", start("encrypt", "--armor", *key, "holes-120"), text * mib - mib, 0)
    subprocess.run([keystead, "encrypt", "--armor", "-k", "key.pub", "-o", "armor", "holes-120"], cwd=folder, check=True)
    yield row("decrypt of as much armor", start("decrypt", "-k", "key", "-o", "-", "armor"), 120 * mib, text)
    cat = subprocess.Popen(["cat", "armor"], cwd=folder, stdout=subprocess.PIPE)
    yield piped("the same from a pipe", cat, ("decrypt", "-k", "key"), 120 * mib, text)
    yield piped("the last 64 MiB of a pipe", start("encrypt", *key, "holes-256"),
                ("cat", "-k", "key", "--range", f"-{64 * mib}"), 64 * mib, sizes["tail"])


def refused(keystead, folder):
    """Too much is refused before it is read, and too little memory is an error and no abort: what was not so."""
    with open(f"{folder}/holes-257", "wb") as holes:
        holes.truncate(257 * 2**20)
    with open(f"{folder}/holes-64", "wb") as holes:
        holes.truncate(64 * 2**20)
    pathlib.Path(f"{folder}/words").write_text("word\n")
    maker = subprocess.Popen([keystead, "encrypt", "-k", "key.pub", "-o", "-", "holes-257"], cwd=folder, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    reader = subprocess.Popen([keystead, "decrypt", "--buffer", "-k", "key"], cwd=folder, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # A run that has ended already has refused, too.
    with contextlib.suppress(BrokenPipeError):
        reader.stdin.write(maker.stdout.read(100_000))
        reader.stdin.flush()
    maker.kill()
    maker.wait()
    try:
        if reader.wait(timeout=20) != 8:
            yield f"257 MiB to be held: {reader.returncode} {reader.stderr.read()!r}"
    except subprocess.TimeoutExpired:
        reader.kill()
        yield "257 MiB to be held are not refused before they are read"
    for name in ("holes-64", "plain"):
        pathlib.Path(f"{folder}/plain").write_bytes(b"text")
        subprocess.run([keystead, "encrypt", "-k", "key.pub", "-o", f"{name}.ks", name], cwd=folder, check=True)
    for more in (["-o", "armor-64", "--armor"], ["-o", "word.ks", "-p", "--passphrase-fd", "3"]):
        line = " ".join([keystead, "encrypt", "-k", "key.pub", *more, "holes-64" if "--armor" in more else "plain", "3< words"])
        subprocess.run(line, shell=True, cwd=folder, check=True)
    for line in ("decrypt --buffer -k key -o - holes-64.ks", "cat holes-64.ks | decrypt --buffer -k key", "decrypt -k key -o - armor-64",
                 "cat armor-64 | decrypt -k key", "cat holes-64.ks | cat -k key --range -67000000",
                 "decrypt -p --passphrase-fd 3 -o - word.ks 3< words", "encrypt -p --passphrase-fd 3 -o new plain 3< words"):
        feed, _, ours = line.rpartition(" | ")
        shell = f"ulimit -v {LITTLE}; {feed + ' | ' if feed else ''}{keystead} {ours} > /dev/null"
        done = subprocess.run(shell, shell=True, cwd=folder, capture_output=True)
        if done.returncode != 8 or b"hint: " not in done.stderr:
            yield f"{line} with {LITTLE} KiB: {done.returncode} {done.stderr!r}"


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
        tried = 2 * len(lengths) + 8
        for name, found, most, whole in held(keystead, folder):
            print(f"{name:34}{found / 1024:9.1f} MiB", flush=True)
            if not whole:
                failures.append(f"{name} failed")
            elif found > most:
                failures.append(f"{name} took {found} KiB, more than {most}")
            tried += 1
        failures += refused(keystead, folder)
    for failure in failures:
        print(f"    {failure}")
    print(f"memory: {tried - len(failures)} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
