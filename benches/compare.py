#!/usr/bin/env python3
"""Compares whole processes, keystead against cp, age, rage, gpg, openssl enc and rclone crypt, in paired rounds.

    python3 benches/compare.py [--quick] [--json FILE]

Builds keystead in release mode unless --keystead says where it is. Sizes are 4 KiB to 1 GiB and a tree of 10,000 files;
nothing waits for the disk, on either side, but in rows marked durable. Takes about eight minutes, 16 GiB of memory, 20 GB of
disk on ext4 (--dir) and 4 GiB in /dev/shm. Linux only. The last line counts goals; exit code 1 if one was missed.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from measure import child, files, machine, objects, tools, trees
from measure.session import GIB, MIB, Session, row_text

CASES = {
    "small": files.small,
    "large": files.large,
    "durable": files.durable,
    "trees": trees.trees,
    "ranges": objects.ranges,
    "rewraps": objects.rewraps,
    "memory": objects.memory,
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keystead", type=pathlib.Path, help="the program; without it, it is built first")
    for name in tools.RIVALS:
        parser.add_argument(f"--{name}", help="where it is, if not on the PATH")
    parser.add_argument("--dir", type=pathlib.Path, default=machine.ROOT / "target" / "compare", help="a folder on ext4")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="some of the cases")
    parser.add_argument("--quick", action="store_true", help="does it run? 64 MiB for 1 GiB, 500 files, few rounds")
    parser.add_argument("--long", action="store_true", help="1 TiB through memory, and every rival on tmpfs, too")
    parser.add_argument("--time", type=float, default=1.0, metavar="FACTOR", help="so many times the usual rounds")
    parser.add_argument("--json", type=pathlib.Path, help="where to write everything")
    return parser.parse_args()


def build():
    """As a user installs it."""
    place = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", machine.ROOT / "target")) / "speed"
    subprocess.run(["./dev", "install", "-q", "--root", str(place.resolve())], cwd=machine.ROOT, check=True)
    return place / "bin" / "keystead"


def check_machine(options):
    if sys.platform != "linux":
        sys.exit("this needs Linux: /proc, /dev/shm, os.splice")
    options.dir.mkdir(parents=True, exist_ok=True)
    kind = machine.filesystem(options.dir)
    if kind != "ext4":
        print(f"{options.dir} lies on {kind}: read that where ext4 is written, or use --dir")
    needs = 2 if options.quick else 14
    if machine.memory()["MemAvailable"] < needs * GIB:
        print(f"less than {needs} GiB of memory are free: the page cache will not hold what is compared")
    if shutil.disk_usage(options.dir).free < (2 if options.quick else 25) * GIB:
        sys.exit(f"{options.dir}: not enough space")


def measure(options, session):
    """Every case; one that fails is told and does not take the others along."""
    failures = []
    for name in options.only:
        try:
            CASES[name](session)
        except (child.Failed, subprocess.CalledProcessError) as failure:
            print(f"    {name} FAILED: {failure}", flush=True)
            failures.append(f"{name}: {failure}")
    return failures


def result(options, session, bench):
    return {
        "kind": "compare",
        "command": "python3 benches/compare.py" + "".join(f" {flag}" for flag in ("--quick", "--long")
                                                         if getattr(options, flag[2:])),
        "quick": options.quick,
        "machine": machine.describe(options.dir),
        "tools": bench.described(),
        "rows": session.rows,
        "measurements": session.measurements,
        "series": session.series,
    }


def main():
    options = arguments()
    check_machine(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    keystead = str((options.keystead or build()).resolve())
    programs = {name: getattr(options, name) for name in tools.RIVALS}
    with (tempfile.TemporaryDirectory(prefix="compare-", dir=options.dir) as disk,
          tempfile.TemporaryDirectory(prefix="compare-", dir="/dev/shm") as shm,
          tempfile.TemporaryDirectory(prefix="compare-") as state):
        bench = tools.Bench(keystead, programs, pathlib.Path(state))
        session = Session(
            bench, {"ext4": pathlib.Path(disk), "tmpfs": pathlib.Path(shm)},
            scale=options.time * (0.1 if options.quick else 1), big=64 * MIB if options.quick else GIB,
            far=4 * GIB if options.quick else 64 * GIB, tree=500 if options.quick else 10_000, long=options.long)
        for tool in bench.described():
            print(f"{tool['name']:10} " + (tool["version"] if "version" in tool else f"ABSENT: {tool['absent']}"))
        try:
            failures = measure(options, session)
        finally:
            bench.stop()
        found = result(options, session, bench) | {"failures": failures}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    goals = [row for row in session.rows if row["goal"]]
    print("\ngoals")
    for row in goals:
        print(f"    {'pass' if row['met'] else 'MISS'}  {row_text(row)}")
    missed = sum(not row["met"] for row in goals)
    print(f"compare: {len(goals) - missed} of {len(goals)} goals met, {missed} missed"
          + "".join(f"; FAILED: {failure}" for failure in failures))
    sys.exit(1 if missed or failures else 0)


if __name__ == "__main__":
    main()
