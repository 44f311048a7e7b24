"""The pictures of the report, from the figures of compare.py and of ratios."""
from . import plot

MIB = 2**20
TOOLS = ["keystead", "cp", "age", "rage", "gpg", "openssl", "rclone"]


def size(length):
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (MIB, "MiB"), (2**10, "KiB")):
        if length >= unit:
            return f"{length / unit:g} {name}"
    return f"{length:g} B"


def all_of(found):
    return {
        "bars": against_cp(found),
        "size": throughput(found),
        "threads": threads(found),
        "independent": independent(found),
        **inside(found),
    }


def machine_line(found):
    machine = found["machine"]
    quick = "a quick run, sizes reduced; " if found["quick"] else ""
    return f"{quick}{machine['processors']} processors of {machine['processor']}, {machine['kernel']}, {machine['date'][:10]}"


def lines_of(found, name):
    """name -> points of one plot, ours first; points of one name may come from several cases."""
    merged = {}
    for series in found["series"]:
        if series["plot"] == name:
            merged.setdefault(series["name"], []).extend(tuple(point) for point in series["points"])
    order = sorted(merged, key=lambda tool: TOOLS.index(tool) if tool in TOOLS else 99)
    return {tool: sorted(merged[tool]) for tool in order}


def measured(found, case):
    return {m["tool"]: m for m in found["measurements"] if m["case"] == case}


def against_cp(found):
    """Whole processes over the largest file: the time of each against cp's."""
    groups = {}
    for verb in ("encrypt", "decrypt"):
        # The largest size comes last.
        cases = [m["case"] for m in found["measurements"] if m["case"].startswith(verb) and m["case"].endswith("B on ext4")
                 and "files" not in m["case"]]
        tools = measured(found, cases[-1]) if cases else {}
        if "cp" not in tools or "keystead, 2 threads" not in tools:
            continue
        copy = tools["cp"]["seconds"]
        bars = [(name, *(m[k] / copy for k in ("seconds", "low", "high"))) for name, m in tools.items() if name != "cp"]
        groups[cases[-1].replace(" on ", ", ")] = sorted(bars, key=lambda bar: (not bar[0].startswith("keystead"), bar[1]))
    if not groups:
        return None
    return plot.bars("A large file: time against cp's, less is better", machine_line(found), groups,
                     (1, "cp"), "×")


def throughput(found):
    """Whole processes: bytes a second against the size of the file."""
    panels = []
    for verb in ("encrypt", "decrypt"):
        lines = {name: [(p[0], *(v / 1e6 for v in p[1:])) for p in points]
                 for name, points in lines_of(found, f"process-{verb}").items()}
        if not lines:
            continue
        lengths = sorted({p[0] for points in lines.values() for p in points})
        values = [value for points in lines.values() for p in points for value in p[1:]]
        y = plot.logarithmic("MB/s, more is better", values, lambda tick: f"{tick:g}")
        panels.append(plot.Panel(verb, plot.listed("size of the file", lengths, [size(n) for n in lengths]), y, lines))
    if not panels:
        return None
    return plot.lines("Throughput of a whole process against the size of its file", f"ext4, page cache; {machine_line(found)}",
                      panels, names_width=96)


def threads(found):
    """Time against threads, as a share of cp's."""
    lines = lines_of(found, "threads")
    panels = []
    for where in ("ext4", "tmpfs"):
        here = {name.split(",")[0]: points for name, points in lines.items() if name.endswith(where)}
        if not here:
            continue
        counts = sorted({p[0] for points in here.values() for p in points})
        values = [value for points in here.values() for p in points for value in p[1:]]
        panel = plot.Panel(where, plot.listed("threads", counts, [f"{n:g}" for n in counts]),
                           plot.linear("time against cp's, less is better", values, [1]), here, (1, "cp"))
        panels.append(panel)
    if not panels:
        return None
    return plot.lines("A large file: time against threads", machine_line(found), panels, names_width=92)


def independent(found):
    """What a range read and a rewrap cost, against the size of the object."""
    panels = []
    for name, title in (("range", "read 4 KiB from the middle"), ("rewrap", "rewrap, without fsync")):
        lines = {"keystead": [(p[0], *(value * 1e3 for value in p[1:])) for points in lines_of(found, name).values()
                              for p in points]}
        if not lines["keystead"]:
            continue
        lengths = [p[0] for p in lines["keystead"]]
        y = plot.linear("ms beyond the start of a process", [v for p in lines["keystead"] for v in p[1:]])
        panels.append(plot.Panel(title, plot.listed("size of the object", lengths, [size(n) for n in lengths]), y, lines))
    if not panels:
        return None
    return plot.lines("Cost against the size of the object", machine_line(found), panels, names_width=96)


def inside(found):
    """One picture for each plot that `ratios --series` names: throughput against size within one process, and others."""
    pictures, plots = {}, {}
    for series in found["inside_series"]:
        plots.setdefault(series.get("plot") or series.get("group"), []).append(series)
    for name, curves in plots.items():
        lines = {curve["name"]: points_of(curve) for curve in curves}
        lines = {key: points for key, points in lines.items() if points}
        if not lines:
            continue
        first = curves[0]
        xs = sorted({p[0] for points in lines.values() for p in points})
        values = [value for points in lines.values() for p in points for value in p[1:] if value > 0]
        y = plot.logarithmic(first.get("y", ""), values, lambda tick: f"{tick:g}") if max(values) > 20 * min(values) \
            else plot.linear(first.get("y", ""), values)
        counted = "thread" in first.get("x", "")
        shown = xs if len(xs) < 8 else xs[::2]
        x = plot.listed(first.get("x", ""), xs, [f"{n:g}" if counted else size(n) for n in xs])
        x.ticks, x.names = shown, [f"{n:g}" if counted else size(n) for n in shown]
        pictures[f"inside-{name}"] = plot.lines(f"Within one process: {first.get('title', name)}", machine_line(found),
                                                [plot.Panel("", x, y, lines)], names_width=230)
    return pictures


def points_of(curve):
    """(x, y, low, high) of each point, whichever of these were measured."""
    return sorted((p[0], p[1], *(p[2:4] if len(p) > 3 else (p[1], p[1]))) for p in curve["points"] if p[1] is not None)
