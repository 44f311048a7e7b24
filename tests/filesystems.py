#!/usr/bin/env python3
"""The command line on file systems as people have them: new outputs, keys, changes in place, folders, races, killed runs.

    python3 tests/filesystems.py --keystead PATH [--only NAME]

Mounts each file system in a scratch folder (root is needed, and /dev/fuse) and does the same on all: ext4, tmpfs, an overlay,
rclone with its three ways of caching, bindfs, and s3fs before a server of moto. Three of them have neither hard links nor a
rename that replaces nothing. Every output is compared byte for byte; nothing that exists may be replaced unless it is forced.
What cannot be mounted is skipped with a line, and fails in CI.
"""
import argparse
import collections
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

TEXT = bytes(i * 7 % 251 for i in range(300_000))
LARGE = os.urandom(1 << 20) * 12 + bytes(5 << 20) + os.urandom(1 << 20) * 7   # several threads write it, holes are left
TREE = {"a": TEXT[:70_000], "empty": b"", "b/c": TEXT[:1_000], "b/d/e": TEXT[:20_000]}
RUNNERS = 8
CLAIMING = ["renameat2", "linkat", "renameat", "rename", "openat", "unlink", "unlinkat"]


class Skipped(Exception):
    """This machine cannot mount it."""


def call(argv, folder=".", **options):
    return subprocess.run(argv, cwd=folder, capture_output=True, timeout=300, **options)


def need(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise Skipped(f"{', '.join(missing)} is not installed")


def mounted(argv, place, seconds=20):
    """Runs a program that mounts, and waits until it has."""
    done = call(argv)
    if done.returncode != 0:
        raise Skipped(f"{argv[0]}: {done.stderr.decode(errors='replace').strip()}")
    end = time.monotonic() + seconds
    while not os.path.ismount(place):
        if time.monotonic() > end:
            raise Skipped(f"{argv[0]} mounted nothing in {seconds} s")
        time.sleep(0.05)
    return place


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)
    return [root / name for name in names]


def scratch(root):
    """The file system of the scratch folder itself."""
    (place,) = folders(root, "scratch")
    kind = call(["stat", "-f", "-c", "%T", str(place)]).stdout.decode().strip()
    if "ext" not in kind:
        need("mkfs.ext4")
        image = root / "image"
        with open(image, "wb") as file:
            file.truncate(256 << 20)
        call(["mkfs.ext4", "-q", str(image)])
        return mounted(["mount", "-o", "loop", str(image), str(place)], place)
    return place


def tmpfs(root):
    (place,) = folders(root, "mount")
    return mounted(["mount", "-t", "tmpfs", "tmpfs", str(place)], place)


def overlay(root):
    place, *layers = folders(root, "mount", "lower", "upper", "work")
    names = zip(("lowerdir", "upperdir", "workdir"), layers)
    options = ",".join(f"{name}={layer}" for name, layer in names)
    return mounted(["mount", "-t", "overlay", "overlay", "-o", options, str(place)], place)


def rclone(mode, room=None):
    def mount(root):
        need("rclone", "fusermount3")
        place, stored, cache = folders(root, "mount", "stored", "cache")
        if room:
            mounted(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(stored)], stored)
        return mounted(["rclone", "mount", "--config", "/dev/null", f":local:{stored}", str(place), "--vfs-cache-mode", mode,
                        "--cache-dir", str(cache), "--daemon"], place)
    return mount


def bindfs(root):
    need("bindfs")
    place, stored = folders(root, "mount", "stored")
    return mounted(["bindfs", str(stored), str(place)], place)


def s3fs(root):
    need("s3fs")
    server = pathlib.Path(sys.executable).with_name("moto_server")
    if not server.exists():
        raise Skipped("moto_server is not in this Python (pip install 'moto[server]')")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = open(root / "moto.log", "wb")
    RUNNING.append(subprocess.Popen([server, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log))
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT"), timeout=5)
            break
        except OSError:
            time.sleep(0.1)
    else:
        raise Skipped("moto does not answer")
    (place,) = folders(root, "mount")
    secret = root / "secret"
    secret.write_text("id:secret\n")
    secret.chmod(0o600)
    return mounted(["s3fs", "bucket", str(place), "-o", f"url={url},passwd_file={secret},use_path_request_style"], place)


RUNNING = []
SYSTEMS = {
    "ext4": scratch, "tmpfs": tmpfs, "overlay": overlay, "rclone, cache off": rclone("off"), "rclone, cache writes": rclone("writes"),
    "rclone, cache full": rclone("full"), "rclone, no room": rclone("off", room="512k"), "bindfs": bindfs, "s3fs": s3fs,
}


class Wrong(Exception):
    """What a check found."""


class Place:
    """A folder on the file system, with keystead in it."""

    def __init__(self, keystead, keys, folder):
        self.keystead, self.keys, self.folder = keystead, keys, folder

    def argv(self, line):
        words = [re.sub(r"^@", f"{self.keys}/", word) for word in line.split()]
        return [self.keystead, *words]

    def run(self, line):
        done = call(self.argv(line), self.folder)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def must(self, line, code=0):
        found, said = self.run(line)
        if found != code:
            raise Wrong(f"`{line}` ended with {found}: {said.strip()[:300]}")
        return said

    def holds(self, name, content):
        found = (self.folder / name).read_bytes()
        if found != content:
            raise Wrong(f"{name} is not what it should be ({len(found)} bytes, {found[:60]!r})")

    def opens(self, name, key, content):
        done = call(self.argv(f"cat -k {key} {name}"), self.folder)
        if done.returncode != 0 or done.stdout != content:
            raise Wrong(f"{name} does not open with {key}: {done.stderr.decode(errors='replace').strip()[:300]}")

    def is_clean(self):
        left = [name for name in os.listdir(self.folder) if name.startswith(".keystead-")]
        if left:
            raise Wrong(f"left: {' '.join(left)}")


def encrypt(at):
    (at.folder / "text").write_bytes(TEXT)
    at.must("encrypt -k @one text")
    at.opens("text.ks", "@one", TEXT)
    before = (at.folder / "text.ks").read_bytes()
    at.must("encrypt -k @two text", code=2)
    at.holds("text.ks", before)
    at.must("encrypt --force -k @two text")
    at.opens("text.ks", "@two", TEXT)
    # What is empty was made by somebody, too.
    (at.folder / "mine").touch()
    at.must("encrypt -k @one -o mine text", code=2)
    at.holds("mine", b"")
    at.is_clean()


def decrypt(at):
    (at.folder / "text").write_bytes(TEXT)
    at.must("encrypt -k @one text")
    at.must("decrypt -k @one -o back text.ks")
    at.holds("back", TEXT)
    (at.folder / "mine").write_bytes(b"mine")
    at.must("decrypt -k @one -o mine text.ks", code=2)
    at.holds("mine", b"mine")
    at.must("decrypt --force -k @one -o mine text.ks")
    at.holds("mine", TEXT)
    (at.folder / "nothing").touch()
    at.must("encrypt -k @one nothing")
    at.must("decrypt -k @one -o nothing.back nothing.ks")
    at.holds("nothing.back", b"")
    at.is_clean()


def large(at):
    (at.folder / "text").write_bytes(LARGE)
    at.must("encrypt --threads 4 -k @one text")
    at.must("decrypt --threads 4 -k @one -o back text.ks")
    at.holds("back", LARGE)
    at.is_clean()


def keygen(at):
    said = at.must("keygen -o key")
    is_shown = (at.folder / "key").stat().st_mode & 0o077 != 0
    if is_shown != ("others may read it" in said):
        raise Wrong(f"the key is {'shown to others' if is_shown else 'private'}, and it says {said.strip()[-200:]}")
    made = {name: (at.folder / name).read_bytes() for name in ("key", "key.pub")}
    if at.must("key public key").split("\n")[0].encode() not in made["key.pub"]:
        raise Wrong("key.pub is not the public half of key")
    at.must("keygen -q -o key", code=2)
    for name, content in made.items():
        at.holds(name, content)
    at.is_clean()


def rewrap(at):
    (at.folder / "text").write_bytes(TEXT)
    at.must("encrypt -k @one text")
    at.must("rewrap -q -k @one --set @two --without-me text.ks")
    at.opens("text.ks", "@two", TEXT)
    # The header grows, so that the object is copied.
    at.must("rewrap -q -k @two --add @pair text.ks")
    at.opens("text.ks", "@two", TEXT)
    at.opens("text.ks", "@pair", TEXT)
    if list(at.folder.glob("*.ks-rewrap")):
        raise Wrong("a side file is left")
    at.is_clean()


def reencrypt(at):
    (at.folder / "text").write_bytes(TEXT)
    at.must("encrypt -k @one text")
    at.must("reencrypt -q -k @one --set @two --without-me text.ks")
    at.opens("text.ks", "@two", TEXT)
    at.is_clean()


def recursive(at):
    for name, text in TREE.items():
        (at.folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (at.folder / "tree" / name).write_bytes(text)
    at.must("encrypt -r -k @one -o sealed tree")
    again(at, "encrypt -r -k @one -o sealed tree")
    at.must("decrypt -r -k @one -o back sealed")
    again(at, "decrypt -r -k @one -o back sealed")
    for name, text in TREE.items():
        at.opens(f"sealed/{name}.ks", "@one", text)
        at.holds(f"back/{name}", text)
    # A folder that exists is filled up.
    (at.folder / "sealed/b/c.ks").unlink()
    again(at, "encrypt -r -k @one -o sealed tree")
    at.opens("sealed/b/c.ks", "@one", TREE["b/c"])
    at.is_clean()


def again(at, line):
    """The second run finds everything done, or says why not and what to do; and that helps."""
    before = {path: path.read_bytes() for path in at.folder.rglob("*") if path.is_file()}
    code, said = at.run(line)
    if code != 0 and "--check content" not in said:
        raise Wrong(f"the second `{line}` ended with {code} and names no way on: {said.strip()[:300]}")
    if code != 0:
        at.must(line.replace(" -r ", " -r --check content "))
    for path, content in before.items():
        at.holds(path.relative_to(at.folder), content)


def race(at):
    for number in range(RUNNERS):
        (at.folder / f"in{number}").write_bytes(TEXT + bytes([number]))
    lines = [f"encrypt -q -k @one -o out in{number}" for number in range(RUNNERS)]
    runs = [subprocess.Popen(at.argv(line), cwd=at.folder, stderr=subprocess.PIPE) for line in lines]
    said = [run.communicate(timeout=300)[1].decode(errors="replace").strip() for run in runs]
    won = [number for number, run in enumerate(runs) if run.returncode == 0]
    others = collections.Counter(run.returncode for run in runs if run.returncode != 0)
    if len(won) != 1 or set(others) != {2}:
        raise Wrong(f"{len(won)} of {RUNNERS} runs won, the others ended with {dict(others)}: {' '.join(said)[:300]}")
    at.opens("out", "@one", TEXT + bytes([won[0]]))
    at.is_clean()


def killed(at):
    """SIGKILL before each call that creates, links, renames or removes; the same command then makes the output."""
    need("strace")
    (at.folder / "text").write_bytes(TEXT)
    log = at.keys / "log"
    line = "encrypt -q -k @one text"
    done = call(["strace", "-f", "-qq", "-o", str(log), "-e", "trace=" + ",".join(CLAIMING), *at.argv(line)], at.folder)
    if done.returncode != 0:
        raise Wrong(f"`{line}` ended with {done.returncode} under strace")
    count, points = collections.Counter(), []
    for name, rest in re.findall(r"^\d+ +(\w+)\((.*)", log.read_text(errors="replace"), re.M):
        count[name] += 1
        if name != "openat" or "O_EXCL" in rest:
            points.append((name, count[name]))
    for name, number in points:
        (at.folder / "text.ks").unlink(missing_ok=True)
        inject = f"inject={name}:signal=KILL:when={number}"
        struck = call(["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={name}", "-e", inject, *at.argv(line)], at.folder)
        if struck.returncode != -signal.SIGKILL:
            raise Wrong(f"SIGKILL at {name} {number} did not strike ({struck.returncode})")
        code, said = at.run(line)
        if code not in (0, 2):
            raise Wrong(f"after SIGKILL at {name} {number}, the same command ended with {code}: {said.strip()[:300]}")
        at.opens("text.ks", "@one", TEXT)
        at.is_clean()


def full(at):
    """What cannot be stored when it is closed is an error, and not an output."""
    (at.folder / "text").write_bytes(TEXT)
    at.must("encrypt --force -k @one -o out text", code=1)
    if (at.folder / "out").exists():
        raise Wrong("an output appeared that was never stored")
    at.is_clean()


CHECKS = [encrypt, decrypt, large, keygen, rewrap, reencrypt, recursive, race, killed]


def try_all(keystead, keys, mount, checks):
    """What is wrong on one file system, by check."""
    found = {}
    for check in checks:
        folder = mount / check.__name__
        folder.mkdir()
        try:
            check(Place(keystead, keys, folder))
            found[check.__name__] = None
        except Wrong as wrong:
            found[check.__name__] = str(wrong)
        except (OSError, subprocess.TimeoutExpired) as error:
            found[check.__name__] = repr(error)
    return found


def unmount(root):
    for place in (root / "mount", root / "scratch", root / "stored"):
        if os.path.ismount(place):
            for command in (["fusermount3", "-u"], ["umount"], ["umount", "-l"]):
                if shutil.which(command[0]) and call([*command, str(place)]).returncode == 0:
                    break
    while RUNNING:
        process = RUNNING.pop()
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keystead", required=True, type=pathlib.Path)
    parser.add_argument("--only", default="", help="file systems whose name begins so")
    options = parser.parse_args()
    keystead = str(options.keystead.resolve())
    chosen = {name: mount for name, mount in SYSTEMS.items() if name.startswith(options.only)}
    wrong, skipped, passed = [], [], 0
    print(f"{'':22}" + "".join(f"{check.__name__:>11}" for check in [*CHECKS, full]))
    with tempfile.TemporaryDirectory(prefix="keystead-filesystems-", ignore_cleanup_errors=True) as scratch_root:
        scratch_root = pathlib.Path(scratch_root)
        for name, mount in chosen.items():
            root = scratch_root / re.sub(r"\W+", "-", name)
            keys = root / "keys"
            keys.mkdir(parents=True)
            for key, kind in (("one", "symmetric"), ("two", "symmetric"), ("pair", "pair")):
                call([keystead, "keygen", "-q", "--kind", kind, "-o", key], keys, check=True)
            try:
                checks = [full] if name == "rclone, no room" else CHECKS
                found = try_all(keystead, keys, mount(root), checks)
            except Skipped as why:
                skipped.append((name, why))
                print(f"{name:22}  SKIPPED, {why}", flush=True)
                continue
            finally:
                unmount(root)
            said = {check.__name__: "right" if found[check.__name__] is None else "WRONG" for check in checks}
            print(f"{name:22}" + "".join(f"{said.get(check.__name__, ''):>11}" for check in [*CHECKS, full]), flush=True)
            passed += sum(what is None for what in found.values())
            wrong += [(name, check, what) for check, what in found.items() if what]
    for name, check, what in wrong:
        print(f"    {name}, {check}: {what}")
    fails = len(wrong) + (len(skipped) if os.environ.get("CI") else 0)
    print(f"file systems: {passed} passed, {len(wrong)} failed, {len(skipped)} skipped")
    sys.exit(1 if fails else 0)


if __name__ == "__main__":
    main()
