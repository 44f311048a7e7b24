"""Paired rounds: in each, every command once in a rotating order; ratios are taken within a round."""
import dataclasses
import os
import pathlib
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable

from . import child

LEAST_ROUNDS = 5
TICK = os.sysconf("SC_CLK_TCK")
CPUS = os.cpu_count() or 1
ZEROS = bytes(2**20)


@dataclasses.dataclass
class Contender:
    """A command that makes OUTPUT, and how often it takes part: in every round, or in each second, third, … one."""
    name: str
    command: Callable[[pathlib.Path, int], list[str]]       # (output, number of the round)
    every: int = 1
    prepare: Callable[[pathlib.Path], None] | None = None   # before the clock starts
    check: Callable[[pathlib.Path], None] | None = None     # of the first output; raises


@dataclasses.dataclass
class Outcome:
    """What was measured in the rounds of one case."""
    runs: dict[str, dict[int, child.Run]]
    peaks: dict[str, child.Peak]
    thrown: int
    noisy: bool

    def figures(self, name, of=lambda run: run.seconds):
        return spread([of(run) for run in self.runs[name].values()])

    def ratio(self, name, against, of=lambda run: run.seconds):
        """Median and quartiles of OF(name) / OF(against), round by round."""
        both = self.runs[name].keys() & self.runs[against].keys()
        return spread([of(self.runs[name][n]) / max(of(self.runs[against][n]), 1e-9) for n in both])

    def difference(self, name, against):
        both = self.runs[name].keys() & self.runs[against].keys()
        return spread([self.runs[name][n].seconds - self.runs[against][n].seconds for n in both])


def spread(values):
    """(median, lower quartile, upper quartile, how many)."""
    if len(values) < 2:
        return values[0], values[0], values[0], 1
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), low, high, len(values)


class Load:
    """What others did on this machine while we measured: programs' time that is not ours, and stolen time."""

    def __init__(self):
        self.user, self.stolen = machine_time()
        self.own = own_time()
        self.start = time.monotonic()

    def foreign(self):
        """Whether it was enough to spoil a round. Kernel threads are no programs: they write back what we wrote."""
        user, stolen = machine_time()
        elapsed = time.monotonic() - self.start
        others = user - self.user - (own_time() - self.own)
        return others > max(0.05 * elapsed, 0.03) or stolen - self.stolen > max(0.02 * elapsed * CPUS, 0.02)


def machine_time():
    with open("/proc/stat", encoding="ascii") as lines:
        fields = [int(field) for field in next(lines).split()[1:]]
    return (fields[0] + fields[1]) / TICK, fields[7] / TICK


def own_time():
    times = os.times()
    return times.user + times.children_user


def run(contenders, place, environment, seconds, most, keep=False, memory=0):
    """Rounds for so many SECONDS, at least LEAST_ROUNDS, at most MOST. KEEP leaves all outputs to the caller.

    Before each command, so many bytes of page cache (MEMORY) are filled and freed: a virtual machine gives free memory
    back to its host after two seconds, and who then writes first pays for it, cp of 1 GiB seven seconds instead of one.

    Each round has a fresh folder. For a minute and more, ext4 looks at each deleted inode again before it takes a
    free one, so that after the deletion of 10,000 files the next 10,000 take twice as long: trees are kept.
    """
    place.mkdir()
    errors = str(place / "errors")
    try:
        peaks = {}
        for contender in contenders:
            try:
                peaks[contender.name] = warm(contender, place / f"warm-{contender.name}", environment, errors, keep)
            except child.Failed as failure:
                if contender.name.startswith(("keystead", "cp")):
                    raise
                print(f"    {contender.name} is left out: {failure}")
        contenders = [c for c in contenders if c.name in peaks]
        found = []
        start = time.monotonic()
        while True:
            elapsed = time.monotonic() - start
            quiet = sum(not foreign for _, foreign in found)
            if quiet >= most or (elapsed > seconds and quiet >= LEAST_ROUNDS):
                break
            # On a machine that is never quiet, loud rounds are better than none; the rows say so.
            if elapsed > 1.5 * seconds and len(found) >= LEAST_ROUNDS or elapsed > 3 * seconds and len(found) >= 3:
                break
            found.append(one(contenders, place, len(found), environment, errors, keep, memory))
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)
    noisy = quiet < min(LEAST_ROUNDS, len(found))
    kept = [runs for runs, foreign in found if noisy or not foreign]
    runs = {c.name: {n: r[c.name] for n, r in enumerate(kept) if c.name in r} for c in contenders}
    if not all(runs.values()):                              # every round of a rare one was loud
        noisy = True
        runs = {c.name: {n: r[c.name] for n, (r, _) in enumerate(found) if c.name in r} for c in contenders}
    return Outcome(runs, peaks, len(found) - quiet, noisy)


def warm(contender, place, environment, errors, keep):
    """Runs it once, unmeasured but for its memory, and looks whether it did what it should."""
    place.mkdir()
    output = place / "output"
    if contender.prepare:
        contender.prepare(output)
    found = child.peak(contender.command(output, -1), environment, errors)
    if contender.check:
        contender.check(output)
    if not keep:
        remove(place)
    return found


def one(contenders, place, number, environment, errors, keep, memory):
    """One round: the runs of it by name, and whether somebody else was busy meanwhile."""
    taking_part = [c for c in contenders if number % c.every == 0]
    shift = number % len(taking_part)
    order = taking_part[shift:] + taking_part[:shift]
    if number % 2:
        order.reverse()
    folder = place / f"round-{number}"
    folder.mkdir()
    for contender in order:
        (folder / contender.name).mkdir()
        if contender.prepare:
            contender.prepare(folder / contender.name / "output")
    settle(folder)
    load, runs = Load(), {}
    for contender in order:
        output = folder / contender.name / "output"
        touch(folder / "memory", memory)
        runs[contender.name] = child.timed(contender.command(output, number), environment, errors)
        if not keep:
            remove(output.parent)
    foreign = load.foreign()
    if not keep:
        remove(folder)
    return runs, foreign


def touch(path, length):
    """Fills page cache and frees it, so that the memory is there for who comes next."""
    if length > 0:
        with open(path, "wb", buffering=0) as out:
            for _ in range(length // len(ZEROS)):
                out.write(ZEROS)
        path.unlink()


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def settle(folder):
    """Writes back what earlier rounds left, so that it does not happen within this one."""
    subprocess.run(["sync", "-f", str(folder)], check=True)
