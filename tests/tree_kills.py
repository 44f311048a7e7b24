#!/usr/bin/env python3
"""Kills runs over a tree at random moments, again and again; the last run completes what is missing.

    python3 tests/tree_kills.py --keystead PATH [--files 1000] [--kills 10] [--seed N]

Half of the runs begin with no output folder, which then appears whole, and half fill one that exists, file by file. After each
kill, every file under its final name must be whole (some are decrypted or compared) and at most one private folder is there,
beside the output folder or in it. In the end every file decrypts to what it was, has its input's time, names and empty folders
are kept, and nothing private is left. A run that ends before it is killed is no kill: its output is checked, removed, and made
again.

`rewrap -r` and `reencrypt -r` change the tree of objects from one key to another and, when that is done, back. After each kill
every object is there and opens, whole, with one of the two keys; in the end all open with the last one alone.
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LOOKED_AT = 20                                              # files after each kill
HOSTILE = [b"a\nb", b"\x1b[2J", b"\xff\xfe", b"-rf", b" ", "\u202efdp.exe".encode(), b"x" * 250, b"looks.ks", b"a.tmp"]


def plant(root, files, dice):
    """A tree: folders in folders, many small files and a few larger ones, empty ones of both, hostile names."""
    root.mkdir()
    folders = [os.fsencode(root)]
    for number in range(max(files // 25, 3)):
        folder = os.path.join(dice.choice(folders), b"folder %d" % number)
        os.mkdir(folder)
        if number % 10:                                     # the others stay empty
            folders.append(folder)
    for number in range(files):
        name = HOSTILE[number] if number < len(HOSTILE) else b"file %d" % number
        length = dice.choice([0, 1, 100, 4_096, 4_096, 16_384, 40_000, 2_000_000 if number % 100 == 0 else 1_000])
        folder = folders[0] if number < len(HOSTILE) else dice.choice(folders)
        with open(os.path.join(folder, name), "wb") as file:
            file.write(dice.randbytes(length))


def listing(root):
    """Every path below a folder, as bytes; for a file its length and time."""
    found = {}
    root = os.fsencode(root)
    for folder, folders, files in os.walk(root):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), root)] = None
        for name in files:
            status = os.stat(os.path.join(folder, name))
            found[os.path.relpath(os.path.join(folder, name), root)] = (status.st_size, status.st_mtime_ns)
    return found


def is_private(path):
    return any(part.startswith(b".keystead-") for part in path.split(b"/"))


def private(folder, found):
    """What a killed run left: private entries beside the output folder, and in it, not counting what is in them."""
    inside = [path for path in found if is_private(path) and not is_private(os.path.dirname(path))]
    return [name for name in os.listdir(os.fsencode(folder)) if is_private(name)] + inside


def read(root, path):
    with open(os.path.join(os.fsencode(root), path), "rb") as file:
        return file.read()


class Direction:
    """One verb on a tree, and what each of its outputs must be."""

    def __init__(self, keystead, verb, folder, plain, sealed, target):
        self.keystead, self.verb, self.folder, self.plain = keystead, verb, folder, plain
        key, source = ("key.pub", plain) if verb == "encrypt" else ("key", sealed)
        self.command = [keystead, verb, "-q", "-r", "-k", key, "-o", target, source]
        self.target = folder / target

    def start(self):
        return subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def must(self):
        start = time.monotonic()
        process = self.start()
        told = process.communicate()[1].decode(errors="replace")
        if process.returncode != 0:
            sys.exit(f"{self.verb} -r failed ({process.returncode}): {told}")
        return time.monotonic() - start

    def wrong(self, paths):
        """What is wrong with some outputs."""
        if self.verb == "decrypt":
            return [f"{path} is not whole" for path in paths
                    if read(self.target, path) != read(self.folder / self.plain, path)]
        if not paths:
            return []
        names = [os.path.join(os.fsencode(self.target), path) for path in paths]
        done = subprocess.run([self.keystead, "verify", "-q", "-k", "key", "--", *names], cwd=self.folder,
                              capture_output=True)
        return [] if done.returncode == 0 else [done.stderr.decode(errors="replace").strip()]

    def missing(self, found):
        """What a finished run lacks, or has too much."""
        suffix = b".ks" if self.verb == "encrypt" else b""
        wanted = {path if status is None else path + suffix for path, status in listing(self.folder / self.plain).items()}
        wrong = [f"{path} is missing" for path in wanted - set(found)]
        if self.verb == "encrypt":                          # an output says the time of its input
            inputs = listing(self.folder / self.plain)
            wrong += [f"{path} has another time" for path, status in inputs.items()
                      if status and path + suffix in found and found[path + suffix][1] != status[1]]
        return wrong + [f"{path} is too much" for path in set(found) - wanted]


def attack(direction, kills, dice):
    """Kills it so often; gives what is wrong, how many files the last run still had to do, and its time."""
    whole = direction.must()
    wrong, landed, most, faster, found = [], 0, 0, 0, {}
    while landed < kills:
        if landed % 2 == 0:
            shutil.rmtree(direction.target, ignore_errors=True)
        elif not direction.target.exists():
            direction.target.mkdir()
        process = direction.start()
        time.sleep(dice.uniform(0, whole if landed % 2 == 0 else 3 * whole / kills))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:                         # it was faster
            wrong += direction.missing(listing(direction.target))
            shutil.rmtree(direction.target)
            faster += 1
            continue
        if process.returncode != -signal.SIGKILL:
            wrong.append(f"it ended with {process.returncode}")
        landed += 1
        found = listing(direction.target) if direction.target.exists() else {}
        most = max(most, len(private(direction.folder, found)))
        done = [path for path, status in found.items() if status and not is_private(path)]
        wrong += direction.wrong(dice.sample(done, min(LOOKED_AT, len(done))))
    before = [path for path, status in found.items() if status and not is_private(path)]
    seconds = direction.must()
    found = listing(direction.target)
    wrong += [f"{path} is left" for path in private(direction.folder, found)] + direction.missing(found)
    if most > 1:
        wrong.append(f"a kill left {most} private entries")
    files = sum(status is not None for status in found.values())
    print(f"{direction.verb} -r: {landed} kills, {faster} runs were faster; one whole run {whole:.1f} s, "
          f"the last one {seconds:.1f} s for {files - len(before)} of {files} files; "
          f"at most {most} private entr{'ies' if most != 1 else 'y'} after a kill", flush=True)
    return wrong


def change(keystead, verb, folder, kills, dice):
    """Kills a verb that replaces each object of the tree; returns what is wrong."""
    sealed = folder / "sealed"
    names = {path for path, status in listing(sealed).items() if status}
    key, other = "key", "other"

    def start():
        command = [keystead, verb, "-q", "-r", "-k", key, "--set", other, "--without-me", "sealed"]
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish():
        told = (process := start()).communicate()[1].decode(errors="replace")
        if process.returncode != 0:
            sys.exit(f"{verb} -r failed ({process.returncode}): {told}")

    def lost(*keys, sides=frozenset()):
        found = {path for path, status in listing(sealed).items() if status and not is_private(path)}
        wrong = [f"{path} is missing" for path in names - found] + [f"{path} is too much" for path in found - names - sides]
        keys = [word for name in keys for word in ("-k", name)]
        done = subprocess.run([keystead, "verify", "-q", "-r", *keys, "sealed"], cwd=folder, capture_output=True)
        return wrong + ([] if done.returncode == 0 else [done.stderr.decode(errors="replace").strip()])

    began = time.monotonic()
    finish()
    whole = time.monotonic() - began
    key, other = other, key
    wrong, landed, most, faster = [], 0, 0, 0
    while landed < kills:
        process = start()
        time.sleep(dice.uniform(0, whole))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:                         # it was faster: now the other way
            key, other = other, key
            faster += 1
            continue
        if process.returncode != -signal.SIGKILL:
            wrong.append(f"it ended with {process.returncode}")
        landed += 1
        most = max(most, len(private(folder, listing(sealed))))
        # A header that was being written over another has its side file; the next run removes it.
        wrong += lost("key", "other", sides={path + b".ks-rewrap" for path in names})
    finish()
    wrong += lost(other) + [f"{path} is left" for path in private(folder, listing(sealed))]
    if other != "key":
        key, other = other, key
        finish()
    if most > 1:
        wrong.append(f"a kill left {most} private entries")
    print(f"{verb} -r: {landed} kills, {faster} runs were faster; one whole run {whole:.1f} s; {len(names)} objects opened after "
          f"each; at most {most} private entr{'ies' if most != 1 else 'y'} after a kill", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keystead", required=True, type=pathlib.Path)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    keystead = str(options.keystead.resolve())
    with tempfile.TemporaryDirectory(prefix="keystead-kills-") as root:
        folder = pathlib.Path(root)
        for key in ("key", "other"):
            subprocess.run([keystead, "keygen", "-q", "-o", key], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        plant(folder / "tree", options.files, dice)
        before = listing(folder / "tree")
        encrypt = Direction(keystead, "encrypt", folder, "tree", "sealed", "sealed")
        decrypt = Direction(keystead, "decrypt", folder, "tree", "sealed", "back")
        wrong = attack(encrypt, options.kills, dice)
        for verb in ("rewrap", "reencrypt"):
            wrong += change(keystead, verb, folder, options.kills, dice)
        wrong += attack(decrypt, options.kills, dice)
        compared = [path for path, status in before.items() if status]
        wrong += [f"{path} differs" for path in compared if read(folder / "tree", path) != read(folder / "back", path)]
        if listing(folder / "tree") != before:
            wrong.append("the input changed")
    for what in wrong[:20]:
        print(f"    {what}")
    print(f"{len(compared)} files decrypt equal" if not wrong else f"{len(wrong)} things are wrong")
    print(f"tree kills: {4 * options.kills if not wrong else 0} passed, {len(wrong)} failed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
