"""What one run of compare.py gathers: measurements of each tool, rows with goals, series for plots."""
import dataclasses
import operator
import pathlib

from . import rounds

MIB = 2**20
GIB = 2**30


def size_name(length):
    for unit, name in ((2**40, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (2**10, "KiB")):
        if length >= unit:
            return f"{length // unit} {name}"
    return f"{length} B"


@dataclasses.dataclass(frozen=True)
class Goal:
    """A bound for a figure."""
    sign: str                                               # "at most", "at least", "more than"
    bound: float

    def met(self, value):
        return {"at most": operator.le, "at least": operator.ge, "more than": operator.gt}[self.sign](value, self.bound)

    def __str__(self):
        return f"{self.sign} {self.bound:g}"


def at_most(bound):
    return Goal("at most", bound)


def at_least(bound):
    return Goal("at least", bound)


def more_than(bound):
    return Goal("more than", bound)


@dataclasses.dataclass
class Session:
    bench: object
    places: dict[str, pathlib.Path]                         # file system by name -> a folder on it
    scale: float                                            # of the seconds that a case takes
    big: int
    far: int
    tree: int
    long: bool
    rows: list = dataclasses.field(default_factory=list)
    measurements: list = dataclasses.field(default_factory=list)
    series: list = dataclasses.field(default_factory=list)

    def run(self, name, place, contenders, seconds, most, keep=False, memory=0):
        """One case; prints and keeps what each contender took."""
        print(f"\n{name}", flush=True)
        folder = place / "".join(c if c.isalnum() else "-" for c in name)
        outcome = rounds.run(contenders, folder, self.bench.environment, seconds * self.scale, most, keep,
                             memory)
        for contender in (c for c in contenders if c.name in outcome.runs):
            seconds_, cpu = outcome.figures(contender.name), outcome.figures(contender.name, lambda run: run.cpu)
            peak = outcome.peaks[contender.name].kib / 1024
            self.measurements.append({
                "case": name, "tool": contender.name, "seconds": seconds_[0], "low": seconds_[1], "high": seconds_[2],
                "rounds": seconds_[3], "cpu_seconds": cpu[0], "peak_mib": round(peak, 1),
                "read_bytes": outcome.peaks[contender.name].read, "noisy": outcome.noisy,
                "against_first": outcome.ratio(contender.name, contenders[0].name)[:3]})
            print(f"    {contender.name:22} {seconds_[0] * 1e3:10.2f} ms  [{seconds_[1] * 1e3:9.2f} {seconds_[2] * 1e3:9.2f}]"
                  f"  cpu {cpu[0] * 1e3:9.2f} ms  peak {peak:7.1f} MiB  {seconds_[3]:3} rounds", flush=True)
        if outcome.thrown or outcome.noisy:
            what = "kept: too few were quiet" if outcome.noisy else "thrown away"
            print(f"    {outcome.thrown} rounds with foreign load {what}", flush=True)
        return outcome

    def row(self, group, work, against, goal, figure, unit="", outcome=None, note=""):
        """A figure is (median, lower quartile, upper quartile, rounds); without a goal it is there to be read."""
        value, low, high, count = figure
        row = {"group": group, "work": work, "against": against, "ratio": value, "low": low, "high": high, "unit": unit,
               "goal": str(goal) if goal else None, "met": goal.met(value) if goal else None, "rounds": count,
               "thrown": outcome.thrown if outcome else 0, "noisy": bool(outcome and outcome.noisy), "note": note}
        self.rows.append(row)
        print(f"    -> {row_text(row)}", flush=True)

    def points(self, plot, name, points, **more):
        self.series.append({"plot": plot, "name": name, "points": points, **more})


def row_text(row):
    figure = f"{row['ratio']:.3g} {row['unit']} [{row['low']:.3g} {row['high']:.3g}]".replace("  ", " ")
    against = f" against {row['against']}" if row["against"] else ""
    verdict = {True: "pass", False: "MISS", None: ""}[row["met"]]
    goal = f", goal {row['goal']}: {verdict}" if row["goal"] else ""
    return f"{row['work']}{against}: {figure}{goal}{' (noisy)' if row['noisy'] else ''}"
