#!/usr/bin/env python3
"""Measures everything and writes docs/speed.md with its pictures; one command, about twelve minutes on a quiet machine.

    python3 benches/report.py [--quick]
    python3 benches/report.py --from docs/speed.json

Runs `ratios` of benches/ (inside one process) and benches/compare.py (whole processes); what it does not know goes to
compare.py, such as --rage PATH. The figures go to docs/speed.json; --from draws and writes again without measuring.
"""
import argparse
import json
import pathlib
import subprocess
import sys

from measure import machine, pictures, text

RATIOS = ["cargo", "run", "--release", "--locked", "-q", "--manifest-path", "benches/Cargo.toml", "--bin", "ratios", "--"]
WORK = machine.ROOT / "target" / "compare"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("--from", dest="source", type=pathlib.Path, help="figures of an earlier run")
    parser.add_argument("--quick", action="store_true", help="does it run? Figures that mean little")
    parser.add_argument("--compare", type=pathlib.Path, help="what compare.py --json wrote, not to run it")
    parser.add_argument("--ratios", type=pathlib.Path, help="what ratios --json wrote, not to run it")
    parser.add_argument("--series", type=pathlib.Path, help="what ratios --series wrote")
    parser.add_argument("--without-ratios", action="store_true", help="whole processes alone")
    parser.add_argument("--docs", type=pathlib.Path, default=machine.ROOT / "docs", help="where the report goes")
    return parser.parse_known_args()


def load(path):
    return json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else None


def run_ratios(options):
    """Rows and series measured inside one process; nothing where there is no such program."""
    if options.without_ratios:
        return None, None
    if options.ratios:
        return load(options.ratios), load(options.series)
    if not any((machine.ROOT / "benches" / "src" / "bin").glob("ratios*")):
        print("report: no ratios here: whole processes alone")
        return None, None
    short = ["--short"] if options.quick else []
    found = []
    for kind in ("json", "series"):
        path = WORK / f"ratios-{kind}.json"
        path.unlink(missing_ok=True)
        done = subprocess.run([*RATIOS, *short, f"--{kind}", str(path)], cwd=machine.ROOT)
        if done.returncode not in (0, 1):                   # 1: a goal was missed
            sys.exit(f"report: ratios ended with {done.returncode}")
        found.append(load(path))
    return tuple(found)


def run_compare(options, more):
    if options.compare:
        return load(options.compare)
    path = WORK / "compare.json"
    path.unlink(missing_ok=True)
    short = ["--quick"] if options.quick else []
    command = [sys.executable, str(machine.ROOT / "benches" / "compare.py"), *short, *more, "--json", str(path)]
    subprocess.run(command)
    return load(path) or sys.exit("report: compare.py wrote no figures")


def gather(options, more):
    WORK.mkdir(parents=True, exist_ok=True)
    rows, series = run_ratios(options)
    compared = run_compare(options, more)
    inside = [text.completed(row) for row in rows or []]
    return compared | {"inside": inside, "inside_series": series or {}}


def main():
    options, more = arguments()
    found = load(options.source) if options.source else gather(options, more)
    if found is None:
        sys.exit(f"report: {options.source} is not there")
    options.docs.mkdir(exist_ok=True)
    if not options.source:
        kept = text.compact(found)
        (options.docs / "speed.json").write_text(kept, encoding="utf-8")
        found = json.loads(kept)                            # rounded, so that --from writes the same
    drawn = {name: svg for name, svg in pictures.all_of(found).items() if svg}
    for old in options.docs.glob("speed-*.svg"):
        old.unlink()
    for name, svg in drawn.items():
        (options.docs / f"speed-{name}.svg").write_text(svg, encoding="utf-8")
    (options.docs / "speed.md").write_text(text.report(found, drawn), encoding="utf-8")
    print(f"report: {options.docs / 'speed.md'} with {len(drawn)} pictures; {text.count(found)}")


if __name__ == "__main__":
    main()
