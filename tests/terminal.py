#!/usr/bin/env python3
"""What a person sees: progress and prompts, in a terminal of this test's own.

    python3 tests/terminal.py --keystead PATH

A big encryption shows a line with a rate and a remaining time on a terminal, none with -q or where stderr is a pipe, and clears
it at the end and at Ctrl-C. Passphrases are asked for without echo; a wrong repetition and Ctrl-C write nothing.
"""
import argparse
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

NEVER = r"(?!)"
PATIENCE = 120
RATE = re.compile(r"(\d[\d.]*) ?([kKMGT])i?B/s")


class Screen:
    """A process whose stdin, stdout and stderr are a terminal, and everything that it showed."""

    def __init__(self, argv, folder, stderr=None):
        self.text = ""
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

        def enter():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(argv, cwd=folder, stdin=theirs, stdout=theirs, stderr=stderr or theirs, preexec_fn=enter,
                                        env={**os.environ, "TERM": "xterm-256color"})
        self.echo = lambda: bool(termios.tcgetattr(theirs)[3] & termios.ECHO)

    def see(self, wanted, patience=PATIENCE):
        """Reads until a pattern was shown or the process ended; tells whether it was."""
        end = time.monotonic() + patience
        while not re.search(wanted, self.text):
            ready, _, _ = select.select([self.ours], [], [], 0.1)
            if ready:
                self.text += os.read(self.ours, 65_536).decode(errors="replace")
            elif self.process.poll() is not None or time.monotonic() > end:
                return bool(re.search(wanted, self.text))
        return True

    def type(self, text):
        os.write(self.ours, text.encode())

    def end(self):
        """The exit code; what is still shown is read."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.see(NEVER, 0.2)
        self.see(NEVER, 0.2)
        return self.process.wait(timeout=5)


class Test:
    def __init__(self, keystead, folder):
        self.keystead, self.folder = keystead, folder
        self.passed, self.failed = 0, []

    def check(self, good, what):
        if good:
            self.passed += 1
        else:
            self.failed.append(what)

    def screen(self, line, **more):
        return Screen([self.keystead, *line.split()], self.folder, **more)

    def run(self, line, **more):
        return subprocess.run([self.keystead, *line.split()], cwd=self.folder, capture_output=True, **more)

    def left(self):
        return [name for name in os.listdir(self.folder) if name.startswith(".keystead-")]

    def progress(self, gib):
        with open(self.folder / "big", "wb") as big:
            big.truncate(gib * 2**30)
        start = time.monotonic()
        screen = self.screen("encrypt --no-sync -k key.pub big")
        self.check(screen.see(RATE), f"no rate is shown: {screen.text[-300:]!r}")
        self.check(screen.see(r"\d+ ?%|\d[\d.]* ?[kKMGT]i?B of "), "no share is shown")
        self.check(screen.see(r"\b(ETA|left|remaining)\b|\b\d+ ?s\b|\d+:\d\d"), f"no remaining time is shown: {screen.text[-300:]!r}")
        seconds = time.monotonic() - start
        shown = next(filter(RATE.search, re.split(r"[\r\n]", screen.text)), "")
        self.check(screen.end() == 0, f"it failed: {screen.text[-300:]!r}")
        last = re.split(r"[\r\n]", screen.text)[-1]
        self.check(not RATE.search(last), f"the line is still there: {last!r}")
        rates = [float(number) * 1024 ** " KMGT".index(unit.upper()) for number, unit in RATE.findall(screen.text)]
        self.check(max(rates, default=0) < 4 * gib * 2**30 / max(seconds - 0.5, 0.1), f"a rate cannot be: {max(rates, default=0):.0f} B/s")
        print("progress: " + re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).strip())

        for line in ("decrypt -k key -o /dev/null big.ks", "verify -k key big.ks"):
            screen = self.screen(line)
            # Whoever is quick has no progress to show: it waits for a second and a half.
            time.sleep(0.1)
            screen.process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            screen.process.send_signal(signal.SIGCONT)
            self.check(screen.see(RATE), f"{line}: no rate is shown: {screen.text[-300:]!r}")
            self.check(screen.end() == 0, f"{line}: it failed: {screen.text[-300:]!r}")

        screen = self.screen("encrypt -q -k key.pub -o /dev/null big")
        self.check(screen.end() == 0 and screen.text == "", f"-q shows {screen.text!r}")
        screen = self.screen("encrypt -k key.pub -o /dev/null big", stderr=subprocess.PIPE)
        told = screen.process.stderr.read()
        self.check(screen.end() == 0 and told == b"" and screen.text == "", f"a pipe gets {told!r}")
        (self.folder / "big.ks").unlink()

        with open(self.folder / "big", "wb") as big:
            big.truncate(2**40)
        screen = self.screen("encrypt -k key.pub big")
        self.check(screen.see(RATE), "no rate is shown before Ctrl-C")
        screen.type("\x03")
        self.check(screen.end() == 130, "Ctrl-C does not end it with 130")
        self.check("error: cancelled" in screen.text, f"it does not say so: {screen.text[-300:]!r}")
        self.check(not (self.folder / "big.ks").exists() and not self.left(), "Ctrl-C leaves something")
        (self.folder / "big").unlink()

    def prompts(self):
        (self.folder / "text").write_bytes(b"text")
        screen = self.screen("encrypt -p text")
        self.check(screen.see("New passphrase"), f"it does not ask: {screen.text!r}")
        self.wait_for_no_echo(screen)
        screen.type("correct horse\n")
        self.check(screen.see("again"), f"it does not ask twice: {screen.text!r}")
        self.wait_for_no_echo(screen)
        screen.type("correct horse\n")
        self.check(screen.end() == 0, f"it failed: {screen.text!r}")
        self.check("horse" not in screen.text, "the passphrase was shown")
        self.check(screen.echo(), "the terminal stays without echo")

        screen = self.screen("decrypt -p -o back text.ks")
        self.check(screen.see("Passphrase"), "decrypt does not ask")
        self.wait_for_no_echo(screen)
        screen.type("correct horse\n")
        self.check(screen.end() == 0 and (self.folder / "back").read_bytes() == b"text", f"it did not open: {screen.text!r}")

        screen = self.screen("decrypt -p -o none text.ks")
        screen.see("Passphrase")
        self.wait_for_no_echo(screen)
        screen.type("wrong\n")
        self.check(screen.end() == 4 and not (self.folder / "none").exists(), f"a wrong one: {screen.text!r}")

        screen = self.screen("encrypt -p -o two text")
        screen.see("New passphrase")
        self.wait_for_no_echo(screen)
        screen.type("one\n")
        screen.see("again")
        self.wait_for_no_echo(screen)
        screen.type("two\n")
        self.check(screen.end() == 2 and "differ" in screen.text, f"two that differ: {screen.text!r}")
        self.check(not (self.folder / "two").exists(), "an output in spite of that")

        for keys, code in (("\x03", 130), ("\x04", 130)):
            screen = self.screen("encrypt -p -o two text")
            screen.see("New passphrase")
            self.wait_for_no_echo(screen)
            screen.type(keys)
            self.check(screen.end() == code, f"{keys!r} at a prompt: {screen.process.returncode} {screen.text!r}")
            self.check(screen.echo(), f"{keys!r} at a prompt leaves the terminal without echo")
        self.check(not (self.folder / "two").exists() and not self.left(), "Ctrl-C at a prompt leaves something")

        self.late_prompts()

        done = self.run("encrypt -p -o two text", stdin=subprocess.DEVNULL, start_new_session=True)
        self.check(done.returncode == 2 and b"hint: --passphrase-fd" in done.stderr, f"without a terminal: {done.stderr!r}")

    def late_prompts(self):
        """A passphrase is asked for if an object needs it, once for all objects and threads of a run."""
        done = subprocess.run([self.keystead, "keygen", "-q", "-o", "late", "--passphrase-command", "echo late"], cwd=self.folder, capture_output=True)
        (self.folder / "late.tree").mkdir()
        for number in range(50):
            (self.folder / "late.tree" / f"{number}").write_bytes(b"text")
        self.run("encrypt -q -r -k late.pub -o late.ks late.tree")
        self.run("encrypt -q -k key.pub -k late.pub -o both.ks text")
        screen = self.screen("verify -k late -k key both.ks")
        self.check(done.returncode == 0 and screen.end() == 0 and "Passphrase" not in screen.text, f"it asks: {screen.text!r}")
        for answer, code in (("late\n", 0), ("wrong\n", 4), ("\x03", 130), ("\x04", 130)):
            screen = self.screen("decrypt -q -r --threads 4 -k key -k late -o late.back late.ks")
            self.check(screen.see("Passphrase of the key file late: "), f"it does not ask: {screen.text!r}")
            self.wait_for_no_echo(screen)
            screen.type(answer)
            self.check(screen.end() == code, f"{answer!r}: {screen.process.returncode} {screen.text!r}")
            self.check(screen.text.count("Passphrase") == 1, f"{answer!r}: it asks again: {screen.text!r}")
            self.check(screen.echo(), f"{answer!r} leaves the terminal without echo")
            back = self.folder / "late.back"
            files = len(list(back.iterdir())) if back.exists() else 0
            self.check(files == (50 if code == 0 else 0), f"{answer!r}: {files} outputs")
            self.check(not self.left(), f"{answer!r} leaves something")
            shutil.rmtree(back, ignore_errors=True)
        screen = self.screen("verify -k key -k late late.ks/1.ks")
        screen.see("Passphrase")
        self.wait_for_no_echo(screen)
        screen.process.send_signal(signal.SIGTERM)
        self.check(screen.end() == 130 and screen.echo(), f"a signal at a late prompt: {screen.text!r}")

    def questions(self):
        """A terminal is asked before keys are removed from all objects of a directory, and before objects are deleted."""
        (self.folder / "tree").mkdir()
        (self.folder / "tree" / "a").write_bytes(b"text")
        self.run("encrypt -q -r -k key.pub tree")
        for answer, code in (("n", 130), ("", 130), ("y", 0)):
            screen = self.screen("rewrap -r -k key --set key.pub tree.ks")
            self.check(screen.see("remove keys from all objects"), f"it does not ask: {screen.text!r}")
            screen.type(answer + "\n")
            self.check(screen.end() == code, f"the answer {answer!r}: {screen.text!r}")
        screen = self.screen("rewrap -r --yes -k key --set key.pub tree.ks")
        self.check(screen.end() == 0 and "[y/N]" not in screen.text, f"--yes: {screen.text!r}")
        (self.folder / "tree" / "b").write_bytes(b"text")
        self.run("encrypt -q -r -k key.pub -o mirror tree")
        (self.folder / "tree" / "b").unlink()
        for answer, code in (("n", 130), ("", 130), ("y", 0)):
            there = (self.folder / "mirror" / "b.ks").exists()
            screen = self.screen("encrypt -q -r --delete -k key.pub -o mirror tree")
            asked = screen.see("to delete: mirror/b.ks") and screen.see("delete 1 object in the end")
            self.check(there and asked, f"it does not list and ask: {screen.text!r}")
            screen.type(answer + "\n")
            self.check(screen.end() == code, f"the answer {answer!r}: {screen.text!r}")
        self.check(not (self.folder / "mirror" / "b.ks").exists(), "what was agreed to is not deleted")
        screen = self.screen("encrypt -q -r --delete -k key.pub -o mirror tree")
        self.check(screen.end() == 0 and "[y/N]" not in screen.text, f"nothing to delete: {screen.text!r}")

    def wait_for_no_echo(self, screen):
        end = time.monotonic() + PATIENCE
        while screen.echo() and time.monotonic() < end and screen.process.poll() is None:
            time.sleep(0.01)
        self.check(not screen.echo(), f"a passphrase would be shown: {screen.text!r}")

    def one_end(self):
        """One Ctrl-D ends what is typed, for every verb that reads stdin."""
        (self.folder / "typed").write_bytes(b"typed\n")
        self.run("encrypt --armor -k key.pub -o typed.txt typed")
        self.run("encrypt -k key.pub typed")
        armor, key = (self.folder / "typed.txt").read_text(), (self.folder / "key").read_text()
        secret = next(line for line in key.splitlines() if line.startswith("AGE-SECRET-KEY-")) + "\n"
        paper = self.run("key export key").stdout.decode()
        for line, typed, code in (
            ("encrypt -k key.pub -o out1", "typed\n", 0),
            ("encrypt --armor -k key.pub", "typed\n", 0),
            ("encrypt --json -k key.pub -o out2", "typed\n", 0),
            ("encrypt -k key.pub -o out7", "", 0),
            ("decrypt -k key -o out3", armor, 0),
            ("decrypt --buffer -k key", armor, 0),
            ("cat -k key", armor, 0),
            ("cat -k key --range -3", armor, 0),
            ("verify -k key", armor, 0),
            ("inspect", armor, 0),
            ("inspect", "", 3),
            ("verify -k key", "no object\n", 3),
            ("key check key -", armor, 0),
            ("verify -k - typed.ks", secret, 0),
            ("key public -", secret, 0),
            ("encrypt -p --passphrase-fd 0 -o out4 typed", "secret\n", 0),
            ("key import -o out5", paper[:60] + "\n", 9),
            ("key import -o out6", "", 9),
        ):
            screen = self.screen(line)
            screen.type(typed + "\x04")
            deadline = time.monotonic() + 10
            while screen.process.poll() is None and time.monotonic() < deadline:
                screen.see(NEVER, 0.05)
            ended = screen.process.poll()
            if ended is None:
                screen.process.kill()
            self.check(ended == code, f"{line} after one Ctrl-D: {ended} {screen.text[-200:]!r}")

    def binary(self):
        screen = self.screen("encrypt -k key.pub -o - text")
        self.check(screen.end() == 2 and "not written to a terminal" in screen.text, f"a terminal gets {screen.text!r}")
        screen = self.screen("encrypt --armor -k key.pub -o - text")
        self.check(screen.end() == 0 and "-----BEGIN" in screen.text, f"a terminal gets no armor: {screen.text!r}")
        (self.folder / "steers").write_bytes(b"\x1b]0;title\x07")
        self.run("encrypt -k key.pub steers")
        screen = self.screen("cat -k key steers.ks")
        self.check(screen.end() == 2 and "\x1b" not in screen.text, f"a terminal gets {screen.text!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keystead", required=True, type=pathlib.Path)
    parser.add_argument("--gib", type=int, default=2, help="length of the big file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keystead-terminal-") as root:
        test = Test(str(options.keystead.resolve()), pathlib.Path(root))
        test.run("keygen -q -o key")
        test.prompts()
        test.one_end()
        test.questions()
        test.binary()
        if options.gib: test.progress(options.gib)
    for what in test.failed:
        print(f"    {what}")
    print(f"terminal: {test.passed} passed, {len(test.failed)} failed")
    sys.exit(1 if test.failed else 0)


if __name__ == "__main__":
    main()
