#!/usr/bin/env python3
"""What each tool leaves under the output's name when a stored object was changed: a flipped bit, a cut at a chunk's end.

    python3 benches/flip.py [--keystead PATH] [--rage PATH ...]

1 MiB is encrypted by each tool that is installed, changed, and decrypted to a file. Printed are the exit code, how many
bytes that file holds and how many of them are wrong; and how many bytes a tool adds to 1 KiB. Exits 1 if keystead leaves any, or does not fail.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import compare
from measure import tools

LENGTH = 2**20
CHUNK = 65_536 + 16                                         # of age, rage and rclone
OURS = 16 + 4 * (16_384 + 16)                               # the empty last chunk, and four more


def flip(content, _):
    """The lowest bit of the byte in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:]


def cut(content, tool):
    return content[:-OURS if tool.name == "keystead" else -CHUNK]


def attempt(tool, change, folder):
    """Exit code, the bytes left and how many of them are wrong, after a change of what TOOL stored."""
    plain, stored, output = (folder / f"{tool.name}-{name}" for name in ("plain", "stored", "output"))
    plain.write_bytes(bytes(i * 7 % 251 for i in range(LENGTH)))
    subprocess.run(tool.encrypt(plain, stored), env=tool.environment, check=True, capture_output=True)
    place = stored if stored.exists() else stored.with_name(stored.name + ".bin")
    place.write_bytes(change(place.read_bytes(), tool))
    done = subprocess.run(tool.decrypt(stored, output), env=tool.environment, capture_output=True)
    left = output.read_bytes() if output.exists() else b""
    wrong = sum(a != b for a, b in zip(left, plain.read_bytes()))
    for path in (plain, place, output):
        path.unlink(missing_ok=True)
    return done.returncode, len(left), wrong


def added(tool, folder):
    """What TOOL stores beyond a plaintext of 1 KiB."""
    plain, stored = folder / f"{tool.name}-small", folder / f"{tool.name}-small-stored"
    plain.write_bytes(bytes(1024))
    subprocess.run(tool.encrypt(plain, stored), env=tool.environment, check=True, capture_output=True)
    return (stored if stored.exists() else stored.with_name(stored.name + ".bin")).stat().st_size - 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keystead", type=pathlib.Path)
    for name in tools.RIVALS:
        parser.add_argument(f"--{name}")
    options = parser.parse_args()
    keystead = str((options.keystead or compare.build()).resolve())
    ours_held = True
    with tempfile.TemporaryDirectory(prefix="flip-") as folder:
        folder = pathlib.Path(folder)
        bench = tools.Bench(keystead, {name: getattr(options, name) for name in tools.RIVALS}, folder)
        print(f"{'':10} {'a flipped bit':>38} {'its end cut off':>38} {'adds to 1 KiB':>16}")
        for tool in [bench.keystead, *bench.rivals.values()]:
            found = [attempt(tool, change, folder) for change in (flip, cut)]
            cells = [f"exit {code}, {left:,} bytes left, {wrong} wrong" for code, left, wrong in found]
            print(f"{tool.name:10} {cells[0]:>38} {cells[1]:>38} {added(tool, folder):>16,}", flush=True)
            if tool is bench.keystead:
                ours_held = all(code != 0 and left == 0 for code, left, _ in found)
        bench.stop()
    for name, hint in bench.absent.items():
        print(f"{name:10} absent: {hint}")
    sys.exit(0 if ours_held else 1)


if __name__ == "__main__":
    main()
