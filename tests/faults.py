#!/usr/bin/env python3
"""Kills, Ctrl-C and failing system calls at every write, sync, rename and unlink of the command line, one at a time.

    python3 tests/faults.py --keystead PATH [--points N] [--rivals]

One point is one run under strace in which one call is struck: SIGKILL or SIGINT before it, or ENOSPC or EIO in its place.
After it, the output holds the old content or the complete new one, the inputs are as before, an error is told, and at most one
private temporary file is there, none after SIGINT; then the next run finishes and sweeps that file. Scenarios that make new
outputs run a second time without RENAME_NOREPLACE and a third time without hard links too, as on mounts of cloud storage: then
a killed run may leave a claim at the output and a marker beside its private file. --points takes an even sample of all points. --rivals decrypts over an
existing file with age and rage, whichever are installed, in the same way and counts what they lose; only our losses count in
the last line and the exit code.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CALLS = """write writev pwrite64 pwritev pwritev2 copy_file_range sendfile splice ftruncate fallocate fsync fdatasync syncfs
           sync_file_range rename renameat renameat2 link linkat unlink unlinkat openat close""".split()
HINTS = ["copy_file_range", "sendfile", "splice", "fallocate", "sync_file_range"]       # what may fail without loss
NOT_STRUCK = "the fault did not strike: the run made fewer calls than the one that was counted"
PATIENCE = [0.2, 1, 4]                                      # seconds until SIGINT
FAULTS = {"SIGKILL": "signal=KILL", "SIGINT": "delay_enter={}", "ENOSPC": "error=ENOSPC", "EIO": "error=EIO"}
OTHER_WAYS = ["renameat2", "linkat", "unlink", "unlinkat"]   # another way is taken, or the next run does it
# How a file system does without: what always fails there.
WAYS = {"": {}, ", linked": {"renameat2": "EINVAL"}, ", claimed": {"renameat2": "EINVAL", "linkat": "EPERM"}}
# What some file systems lack, and how they say so.
LACKING = [("fchmod", "ENOSYS"), ("fchmod", "EPERM"), ("flock", "ENOSYS"), ("flock", "ENOLCK"), ("fallocate", "EOPNOTSUPP"),
           ("syncfs", "ENOSYS"), ("fsync", "EINVAL"), ("utimensat", "EPERM"), ("copy_file_range", "ENOSYS"), ("fadvise64", "EINVAL")]
WORDS = b"keystead was stopped before it could put a file here."
STRACE = ["strace", "-f", "-qq"]
FAST = "--seccomp-bpf"                                      # stops at the struck calls only, but delivers no signal
TEXT = bytes(i * 7 % 251 for i in range(1_100_000))
OLD = b"what was here before\n" * 1000
PASSPHRASES = b"correct horse\nbattery staple\n"         # of a key file: the old one, the new one


def run(argv, folder, stdin=b""):
    return subprocess.run(argv, cwd=folder, input=stdin, capture_output=True, timeout=300)


def interrupt(argv, folder, stdin, patience):
    """Sends SIGINT after so many seconds, while strace delays a call for twice as long. A signal of strace's own would reach one thread, not the process."""
    argv = [argv[0], "-D", *argv[1:]]                       # the process is ours, strace beside it
    process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20                        # on a busy machine, strace takes its time to begin
    while process.poll() is None and not waits_for_signals(process.pid) and time.monotonic() < deadline:
        time.sleep(0.001)
    try:
        stdout, stderr = process.communicate(stdin, timeout=patience)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def waits_for_signals(pid):
    """Whether a process is no longer strace and holds SIGINT back, as keystead does before all else."""
    try:
        if os.readlink(f"/proc/{pid}/exe").endswith("strace"):
            return False
        blocked = re.search(r"SigBlk:\s*(\w+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return False
    return bool(int(blocked[1], 16) & 1 << signal.SIGINT - 1)


def must(argv, folder, stdin=b""):
    done = run(argv, folder, stdin)
    if done.returncode != 0:
        sys.exit(f"set-up failed: {argv}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Tool:
    """keystead, in a folder."""

    def __init__(self, path):
        self.path = str(path.resolve())
        usage = run([self.path, "encrypt", "--help"], ".").stdout
        self.one_thread = ["--threads", "1"] if b"--threads" in usage else []

    def command(self, line):
        verb, *rest = line.split()
        threads = self.one_thread if verb in ("encrypt", "decrypt", "rewrap", "reencrypt") else []
        return [self.path, verb, *threads, *rest]

    def must(self, folder, line, stdin=b""):
        return must(self.command(line), folder, stdin)

    def decrypted(self, folder, key, name="text.ks"):
        done = run(self.command(f"decrypt -k {key} -o - {name}"), folder)
        return done.stdout if done.returncode == 0 else None


class Scenario:
    """A command on a folder, and what must hold after it was struck. A brief one ends before a signal can stop it."""

    ours, brief, stdin, inputs, text, way = True, False, b"", [], TEXT, ""

    def __init__(self, tool, way=""):
        self.tool = tool
        self.way = way
        self.name += way

    @property
    def fails(self):
        """What always fails, for strace."""
        return [f"-einject={call}:error={error}" for call, error in WAYS[self.way].items()]

    def is_claim(self, output):
        """Whether a killed run was about to make this output. A claim without its words has odd permissions."""
        if self.way != ", claimed" or not temporary(output.parent):
            return False
        begun = output.stat().st_size == 0 and output.stat().st_mode & 0o777 == 0o500
        return begun or output.read_bytes().startswith(WORDS)

    def prepare(self, folder):
        for name in ("old", "new"):
            self.tool.must(folder, f"keygen -q -o {name}")
        (folder / "text").write_bytes(self.text)

    def command(self):
        return self.tool.command(self.line)

    def lost(self, folder):
        """What is wrong with the output of a struck run."""
        raise NotImplementedError

    def again(self, folder):
        """The next run: what is wrong with it."""
        done = run(self.command(), folder, self.stdin)
        return None if done.returncode == 0 else failed(done)

    def finished(self, folder):
        """What is wrong with the output of the next run."""
        raise NotImplementedError


def failed(done):
    return f"the next run failed ({done.returncode}): {done.stderr.decode(errors='replace').strip()}"


class Encrypt(Scenario):
    name, line, inputs = "encrypt", "encrypt --force -k old.pub text", ["text", "old", "old.pub"]

    def prepare(self, folder):
        super().prepare(folder)
        (folder / "text.ks").write_bytes(OLD)

    def lost(self, folder):
        if (folder / "text.ks").read_bytes() == OLD:
            return None
        return self.finished(folder)

    def finished(self, folder):
        return None if self.tool.decrypted(folder, "old") == self.text else "the object does not open"


class EncryptSmall(Encrypt):
    name, brief, text = "encrypt, small", True, TEXT[:4_096]


class Decrypt(Scenario):
    name, line, inputs = "decrypt", "decrypt --force -k old text.ks", ["text.ks", "old"]

    def prepare(self, folder):
        super().prepare(folder)
        self.tool.must(folder, "encrypt -k old.pub text")
        (folder / "text").write_bytes(OLD)

    def lost(self, folder):
        whole = (folder / "text").read_bytes() in (OLD, self.text)
        return None if whole else "the output is neither the old content nor the new"

    def finished(self, folder):
        return None if (folder / "text").read_bytes() == self.text else "the output is not the plaintext"


class DecryptSmall(Decrypt):
    name, brief, text = "decrypt, small", True, TEXT[:4_096]


class New:
    """An output that is not there yet."""

    def lost(self, folder):
        output = folder / self.output
        if not output.exists() or self.is_claim(output):
            return None
        return self.finished(folder)

    def again(self, folder):
        was_made = (folder / self.output).exists() and not self.is_claim(folder / self.output)
        done = run(self.command(), folder, self.stdin)
        return None if done.returncode == (2 if was_made else 0) else failed(done)


class EncryptNew(New, EncryptSmall):
    name, line, output = "encrypt, new", "encrypt -k old.pub text", "text.ks"

    def prepare(self, folder):
        Scenario.prepare(self, folder)


class DecryptNew(New, DecryptSmall):
    name, line, output = "decrypt, new", "decrypt -k old -o made text.ks", "made"

    def finished(self, folder):
        return None if (folder / "made").read_bytes() == self.text else "the output is not the plaintext"


class Change(Scenario):
    """Verbs that change an object in place: it opens with the old key or with the new one."""

    inputs = ["text", "old", "new"]

    def prepare(self, folder):
        super().prepare(folder)
        self.tool.must(folder, "encrypt -k old.pub text")

    def lost(self, folder):
        if TEXT in (self.tool.decrypted(folder, "old"), self.tool.decrypted(folder, "new")):
            return None
        return "the object opens neither with the old key nor with the new"

    def again(self, folder):
        # With both keys, it does not matter how far the struck run came.
        done = run(self.tool.command(f"{self.line} -k new"), folder)
        return None if done.returncode == 0 else failed(done)

    def finished(self, folder):
        if list(folder.glob("*.ks-rewrap")):
            return "the side file is still there"
        return None if self.tool.decrypted(folder, "new") == TEXT else "the object does not open with the new key"


class Rewrap(Change):
    name, brief, line = "rewrap", True, "rewrap -q -k old --set new --without-me text.ks"


class RewrapCopy(Change):
    """A header without room for one more key, so the object is copied."""

    name, line = "rewrap, copying", "rewrap -q -k old --add new --add other text.ks"

    def prepare(self, folder):
        Scenario.prepare(self, folder)
        self.tool.must(folder, "keygen -q --kind symmetric -o small")
        self.tool.must(folder, "keygen -q -o other")
        (folder / "text").write_bytes(TEXT[:1_000_000])
        self.tool.must(folder, "encrypt -k old text")
        (folder / "text").write_bytes(TEXT)

    def lost(self, folder):
        known = [self.tool.decrypted(folder, key) for key in ("old", "new")]
        return None if TEXT[:1_000_000] in known else "the object opens neither with the old key nor with the new"

    def again(self, folder):
        if self.tool.decrypted(folder, "new") is not None:
            return None                                         # it was done, and its private file has the name
        done = run(self.command(), folder)
        return None if done.returncode == 0 else failed(done)

    def finished(self, folder):
        known = [self.tool.decrypted(folder, key) for key in ("old", "new", "other")]
        return None if known == [TEXT[:1_000_000]] * 3 else "the object does not open with every key"


class Reencrypt(Change):
    name, line = "reencrypt", "reencrypt -q -k old --set new --without-me text.ks"


class EncryptTree(Scenario):
    """A folder: every object that is there is whole, and the next run makes those that are missing."""

    name, line = "encrypt -r", "encrypt -q -r -k old -o sealed tree"
    files = {"a": TEXT[:70_000], "empty": b"", "b/c": TEXT[:1_000], "b/d/e": TEXT[:20_000]}

    def prepare(self, folder):
        super().prepare(folder)
        (folder / "tree/b/d").mkdir(parents=True)
        for name, text in self.files.items():
            (folder / "tree" / name).write_bytes(text)

    @property
    def inputs(self):
        return ["old", *(f"tree/{name}" for name in self.files)]

    def lost(self, folder, all_of_them=False):
        for name, text in self.files.items():
            found = folder / f"sealed/{name}.ks"
            if all_of_them or found.exists() and not self.is_claim(found):
                if self.tool.decrypted(folder, "old", f"sealed/{name}.ks") != text:
                    return f"{name}.ks does not open"
        return None

    def finished(self, folder):
        return self.lost(folder, all_of_them=True)


class ChangeTree(EncryptTree):
    """A folder of objects that are replaced: each opens, whole, with the old key or with the new one."""

    def prepare(self, folder):
        super().prepare(folder)
        self.tool.must(folder, EncryptTree.line)

    def opened(self, folder, keys):
        for name, text in self.files.items():
            if text not in (self.tool.decrypted(folder, key, f"sealed/{name}.ks") for key in keys):
                return f"{name}.ks does not open"
        return None

    def lost(self, folder):
        return self.opened(folder, ("old", "new"))

    def finished(self, folder):
        return self.opened(folder, ("new",))


class RewrapTree(ChangeTree):
    name, line = "rewrap -r", "rewrap -q -r -k old --set new --without-me sealed"


class ReencryptTree(ChangeTree):
    name, line = "reencrypt -r", "reencrypt -q -r -k old --set new --without-me sealed"


class EncryptTreeAgain(EncryptTree):
    """The folder is there, so that each file takes its name by itself."""

    name = "encrypt -r, again"

    def prepare(self, folder):
        super().prepare(folder)
        (folder / "sealed").mkdir()


class DecryptTree(EncryptTree):
    name, line = "decrypt -r", "decrypt -q -r -k old -o back sealed"

    def prepare(self, folder):
        super().prepare(folder)
        self.tool.must(folder, EncryptTree.line)

    def lost(self, folder, all_of_them=False):
        for name, text in self.files.items():
            found = folder / "back" / name
            if (found.exists() or all_of_them) and not (found.exists() and found.read_bytes() == text):
                return f"{name} is not whole"
        return None


class Keygen(Scenario):
    name, line, inputs = "keygen", "keygen -q -o made", ["text", "old", "old.pub"]

    def lost(self, folder):
        secret, public = folder / "made", folder / "made.pub"
        if not secret.exists() or self.is_claim(secret):
            return "a public half without its secret" if public.exists() else None
        done = run(self.tool.command("key public made"), folder)
        if done.returncode != 0:
            return "the key file is not whole"
        if public.exists() and not self.is_claim(public) and public.read_bytes() != done.stdout:
            return "the public half is not whole"
        return None

    def again(self, folder):
        was_made = (folder / "made").exists() and not self.is_claim(folder / "made")
        done = run(self.command(), folder)
        return None if done.returncode == (2 if was_made else 0) else failed(done)

    def finished(self, folder):
        return self.lost(folder)


class KeyPassphrase(Scenario):
    name, line, inputs = "key passphrase", "key passphrase -q --passphrase-fd 0 locked", ["text", "old"]
    stdin = PASSPHRASES

    def prepare(self, folder):
        super().prepare(folder)
        self.tool.must(folder, "keygen -q --passphrase-fd 0 -o locked", PASSPHRASES)

    def opens(self, folder, passphrase):
        done = run(self.tool.command("key public --passphrase-fd 0 locked"), folder, passphrase + b"\n")
        return done.returncode == 0 and done.stdout == (folder / "locked.pub").read_bytes()

    def lost(self, folder):
        opens = any(self.opens(folder, passphrase) for passphrase in PASSPHRASES.split(b"\n")[:2])
        return None if opens else "the key opens neither with the old passphrase nor with the new"

    def again(self, folder):
        old, new, _ = PASSPHRASES.split(b"\n")
        now = old if self.opens(folder, old) else new
        done = run(self.command(), folder, now + b"\n" + new + b"\n")
        return None if done.returncode == 0 else failed(done)

    def finished(self, folder):
        opens = self.opens(folder, PASSPHRASES.split(b"\n")[1])
        return None if opens else "the key does not open with the new passphrase"


class Rival(Scenario):
    """age or rage, decrypting over an existing file: the very thing that Decrypt does."""

    ours, inputs = False, ["text.age", "key"]

    def __init__(self, program):
        self.program = shutil.which(program)
        self.name = f"{program} decrypt"

    def prepare(self, folder):
        key = must([f"{self.program}-keygen"], folder)
        (folder / "key").write_bytes(key)
        (folder / "text").write_bytes(TEXT)
        public = re.search(rb"age1[a-z0-9]+", key)[0].decode()
        must([self.program, "-r", public, "-o", "text.age", "text"], folder)
        (folder / "text").write_bytes(OLD)

    def command(self):
        return [self.program, "-d", "-i", "key", "-o", "text", "text.age"]

    def lost(self, folder):
        text = folder / "text"
        whole = text.exists() and text.read_bytes() in (OLD, TEXT)
        return None if whole else "the output is neither the old content nor the new"


def points(scenario, folder):
    """Every call that may be struck: its name, and its number among the calls of that name in one thread."""
    log = folder.with_suffix(".log")
    traced = "trace=" + ",".join([*CALLS, "fcntl"])
    command = [*STRACE, FAST, "-o", str(log), "-e", traced, *scenario.fails, *scenario.command()]
    done = run(command, folder, scenario.stdin)
    if done.returncode != 0:
        sys.exit(f"{scenario.name} does not run under strace: {done.stderr.decode(errors='replace')}")
    found = numbered(log.read_text(errors="replace"))
    return [(fault, name, number) for name in CALLS for number in sorted(found[name]) for fault in FAULTS
            if name not in WAYS[scenario.way]]


def numbered(log):
    """The numbers of the calls to be struck, by name; of those that open and close, the ones that make and store outputs."""
    found, count, outputs = collections.defaultdict(set), collections.Counter(), set()
    for thread, name, rest in re.findall(r"^(\d+) +(\w+)\((.*)", log, re.M):
        count[thread, name] += 1
        file, made = re.match(r"\w*", rest)[0], re.search(r"= (\d+)$", rest)
        if name not in ("openat", "close", "fcntl") or "O_EXCL" in rest or name == "close" and file in outputs:
            found[name].add(count[thread, name])
        if name == "close":
            outputs.discard(file)
        elif made and "O_EXCL" in rest:
            outputs.add(made[1])
        elif made and "F_DUPFD" in rest and file in outputs:
            outputs.remove(file)                            # closing the second one stores the file
            outputs.add(made[1])
    return found


def sample(items, count):
    """An even sample; faults come in fours, so that each step must not be a multiple of four."""
    if count >= len(items):
        return items
    return [items[i * len(items) // count] for i in range(count)]


def strike(scenario, pristine, point):
    """One point: what is wrong after it, or nothing. On a busy machine a run may not have come to the call when SIGINT is sent."""
    for patience in PATIENCE if point[0] == "SIGINT" else PATIENCE[:1]:
        wrong = strike_once(scenario, pristine, point, patience)
        if wrong != NOT_STRUCK:
            break
    return wrong


def strike_once(scenario, pristine, point, patience):
    with tempfile.TemporaryDirectory(dir=pristine.parent) as root:
        folder = pathlib.Path(root) / "folder"
        shutil.copytree(pristine, folder)
        before = snapshot(folder, scenario.inputs)
        fault, call, number = point
        fast = [] if fault.startswith("SIG") else [FAST]
        traced = ",".join([call, *WAYS[scenario.way]])
        inject = f"inject={call}:{FAULTS[fault].format(int(2e6 * patience))}:when={number}"
        log = pathlib.Path(root) / "log"
        command = [*STRACE, "-o", str(log), *fast, "-e", f"trace={traced}", "-e", inject, *scenario.fails, *scenario.command()]
        if fault == "SIGINT":
            done = interrupt(command, folder, scenario.stdin, patience)
        else:
            done = run(command, folder, scenario.stdin)
        struck = rf"{call}\(.*(\(INJECTED\)|\(DELAYED\))|killed by SIGKILL"
        struck = re.search(struck, log.read_text(errors="replace"))
        if not (struck or fault == "SIGINT" and done.returncode == 130):
            return NOT_STRUCK
        wrong = scenario.lost(folder)
        if wrong is None and snapshot(folder, scenario.inputs) != before:
            wrong = "an input was changed"
        if wrong or not scenario.ours:
            return wrong
        if b"panicked" in done.stderr:
            return "it panicked"
        # A brief run is finished and then ends by the signal; another may just have finished.
        stopped = [-2] if scenario.brief else [130, 0]
        # Closing a marker stores nothing that anybody needs, and a side file was synced.
        stored = scenario.way != ", claimed" and not isinstance(scenario, (Change, RewrapCopy, ChangeTree))
        harmless = HINTS + OTHER_WAYS + ([] if stored else ["close"])
        ends = {"SIGKILL": [-9], "SIGINT": stopped}.get(fault, [0, 1] if call in harmless else [1])
        if done.returncode not in ends:
            return f"it ended with {done.returncode} after {fault}"
        if fault == "SIGINT":
            scenario.ends[done.returncode] += 1
        if done.returncode in (0, -2) and (wrong := scenario.finished(folder)):
            return f"it ended with {done.returncode}, and {wrong}"
        left = temporary(folder)
        # A claim has a marker. What could not be unlinked once stays until the next run.
        most = {"SIGKILL": 2 if scenario.way == ", claimed" else 1}.get(fault, 1 if call.startswith("unlink") else 0)
        if len(left) > most:
            return f"{len(left)} temporary files are left"
        wrong = scenario.again(folder) or scenario.finished(folder)
        # In a folder, an output whose marker could not be removed is done: the next run does not write it again.
        stays = call == "unlinkat" and fault.startswith("E") and isinstance(scenario, EncryptTreeAgain)
        if wrong is None and temporary(folder) and not stays:
            wrong = "the next run does not sweep the temporary file"
        if wrong is None and snapshot(folder, scenario.inputs) != before:
            wrong = "the next run changed an input"
        return wrong


def snapshot(folder, names):
    return {name: hashlib.sha256((folder / name).read_bytes()).digest() for name in names}


def temporary(folder):
    return [name for _, folders, files in os.walk(folder) for name in folders + files if name.startswith(".keystead-")]


def test(scenario, root, share):
    """Strikes a share of all points; gives how many there are, how many were struck, and what was lost."""
    pristine = root / re.sub(r"\W", "-", scenario.name) / "pristine"
    pristine.mkdir(parents=True)
    scenario.prepare(pristine)
    counted = pristine.with_name("counted")
    shutil.copytree(pristine, counted)
    every = points(scenario, counted)
    chosen = sample(every, share(scenario, every))
    scenario.ends = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
        wrong = pool.map(lambda point: strike(scenario, pristine, point), chosen)
        losses = [(point, what) for point, what in zip(chosen, wrong) if what]
    if scenario.ours and not scenario.brief and scenario.ends and not scenario.ends[130]:
        losses.append((("SIGINT", "any call", 0), "no run was stopped"))
    return len(every), len(chosen), losses


def lacking(scenario, root):
    """Runs on a file system that lacks one call after the other: what is wrong, by call."""
    pristine = root / re.sub(r"\W", "-", f"{scenario.name} lacking") / "pristine"
    pristine.mkdir(parents=True)
    scenario.prepare(pristine)
    losses = []
    for call, error in LACKING:
        folder = pristine.with_name(f"{call}-{error}")
        shutil.copytree(pristine, folder)
        inject = [f"-einject={call}:error={error}", f"-etrace={call}"]
        done = run([*STRACE, FAST, "-o", "/dev/null", *inject, *scenario.command()], folder, scenario.stdin)
        wrong = failed(done) if done.returncode != 0 else scenario.finished(folder)
        if wrong or temporary(folder):
            losses.append((("lacking", f"{call} ({error})", "always"), wrong or "a temporary file is left"))
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keystead", required=True, type=pathlib.Path)
    parser.add_argument("--points", type=int, help="about so many points of ours; all without it")
    parser.add_argument("--rivals", action="store_true", help="age and rage beside it")
    parser.add_argument("--only", help="scenarios whose name begins so")
    options = parser.parse_args()
    if shutil.which("strace") is None:
        print("skipped: strace is not installed")
        sys.exit(1 if os.environ.get("CI") else 0)

    tool = Tool(options.keystead)
    todo = [kind(tool, way) for kind in SHORT_FIRST for way in WAYS if way == "" or kind in IN_OTHER_WAYS]
    for program in ("age", "rage") if options.rivals else ():
        if shutil.which(program) is None:
            print(f"skipped: {program} is not installed")
        else:
            todo.append(Rival(program))
    todo = [scenario for scenario in todo if scenario.name.startswith(options.only or "")]

    left = [options.points or sys.maxsize, sum(scenario.ours for scenario in todo)]

    def share(scenario, every):
        # What one scenario does not need is for those behind it: the short ones come first.
        return len(every) if not scenario.ours else left[0] // max(left[1], 1)

    struck = lost = 0
    print(f"{'':24}{'points':>8}{'struck':>8}{'lost':>8}")
    with tempfile.TemporaryDirectory(prefix="keystead-faults-") as root:
        for scenario in todo:
            every, chosen, losses = test(scenario, pathlib.Path(root), share)
            print(f"{scenario.name:24}{every:8}{chosen:8}{len(losses):8}", flush=True)
            if not scenario.ours:
                continue
            left[0] -= chosen
            left[1] -= 1
            struck += chosen
            lost += len(losses)
            for (fault, call, number), what in losses:
                print(f"    {fault} at {call} {number}: {what}")
        for scenario in [kind(tool) for kind in SHORT_FIRST if (options.only or "") in kind.name]:
            losses = lacking(scenario, pathlib.Path(root))
            struck += len(LACKING)
            lost += len(losses)
            for (fault, call, number), what in losses:
                print(f"    {scenario.name}, {fault} {call} {number}: {what}")
    print(f"faults: {struck - lost} passed, {lost} failed")
    sys.exit(1 if lost else 0)


SHORT_FIRST = [
    EncryptNew, DecryptNew, Keygen, KeyPassphrase, EncryptSmall, DecryptSmall, Rewrap, EncryptTreeAgain, EncryptTree, DecryptTree,
    RewrapTree, ReencryptTree,
    RewrapCopy, Reencrypt, Encrypt, Decrypt,
]
IN_OTHER_WAYS = [EncryptNew, DecryptNew, Keygen, EncryptTreeAgain]

if __name__ == "__main__":
    main()
