#!/usr/bin/env python3
"""Counts instructions under callgrind, against the committed baseline: a figure that a noisy
machine does not change.

    benches/instructions.py              every work: old, new, change; exit code 1 where one grew by more than 2 %
    benches/instructions.py --accept     writes what was counted to instructions.json
    benches/instructions.py --profile NAME     the functions of one work

Valgrind knows neither AVX-512 nor VAES nor the SHA extensions, so ring, which asks the processor, takes other paths: their share
is not that of this machine, changes around it are. What is counted is user space: a system call costs its few instructions.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BASELINE = HERE / "instructions.json"
TIMES = 100  # as in src/bin/instructions.rs
LIMIT = 1.02


def build():
    manifest = str(HERE / "Cargo.toml")
    subprocess.run(["cargo", "build", "--release", "--locked", "--bin", "instructions", "--manifest-path", manifest], check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1", "--manifest-path", manifest],
        check=True, capture_output=True, text=True)
    return pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "release" / "instructions"


def callgrind(binary, name, out):
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=*keystead_counted*", f"--callgrind-out-file={out}", binary, name]
    run = subprocess.run(command, capture_output=True, text=True)
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or collected is None or collected[1] == "0":
        sys.exit(f"instructions: {name}: nothing was counted\n{run.stderr}")
    return int(collected[1]) / TIMES


def main():
    arguments = sys.argv[1:]
    binary = build()
    if arguments[:1] == ["--profile"]:
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            print(f"{callgrind(binary, arguments[1], out):.0f} instructions each; below, of {TIMES} times")
            subprocess.run(["callgrind_annotate", "--threshold=97", out])
        return 0
    if arguments not in ([], ["--accept"]):
        sys.exit(__doc__)
    old = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    names = subprocess.run([binary], check=True, capture_output=True, text=True).stdout.splitlines()
    new, grown = {}, 0
    print(f"{'work':34} {'old':>10} {'new':>10} {'change':>8}")
    for name in names:
        new[name] = round(callgrind(binary, name, os.devnull))
        before = old.get(name)
        change = "new" if before is None else f"{100 * (new[name] / before - 1):+.2f} %"
        more = before is not None and new[name] > before * LIMIT
        grown += more
        print(f"{name:34} {before or '':>10} {new[name]:>10} {change:>8}{'  MORE' if more else ''}", flush=True)
    for name in old.keys() - new.keys():
        print(f"{name:34} {old[name]:>10} {'gone':>10}")
    if "--accept" in arguments:
        BASELINE.write_text(json.dumps(new, indent=2) + "\n")
        return 0
    return 1 if grown else 0


sys.exit(main())
