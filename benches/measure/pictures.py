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
        bars = [(name, *m["against_first"]) for name, m in tools.items() if name != "cp"]
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
                      panels)


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
    return plot.lines("A large file: time against threads", machine_line(found), panels)


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
    return plot.lines("Cost against the size of the object", machine_line(found), panels)


def inside(found):
    """The curves that `ratios --series` measured within one process."""
    curves = found["inside_series"]
    pictures = {
        "inside-throughput": one_picture(found, "Within one process: throughput against size, one thread", [
            size_panel(curves, "throughput", "", "size of the plaintext", "GB/s, more is better", speed)]),
        "inside-threads": one_picture(found, "Within one process: 64 MiB by threads", [
            threads_panel(curves)]),
        "inside-independent": one_picture(found, "Within one process: cost against the size of the object", [
            size_panel(curves, "range", "read 4 KiB from the middle", "size of the object", "µs, less is better", micros),
            size_panel(curves, "rewrap", "rewrap a header", "size of the object", "µs, less is better", micros)]),
    }
    return {name: svg for name, svg in pictures.items() if svg}


def one_picture(found, title, panels):
    panels = [panel for panel in panels if panel]
    return plot.lines(title, machine_line(found), panels) if panels else None


def speed(x, low, median, high):
    """GB/s from seconds for x bytes."""
    return tuple(x / seconds / 1e9 for seconds in (median, high, low))


def micros(_, low, median, high):
    return tuple(seconds * 1e6 for seconds in (median, low, high))


def curves_of(points, figure):
    """name -> [(x, y, low, high)] from what ratios writes: an x and for each name the quartiles in seconds."""
    lines = {}
    for point in points:
        for name, quartiles in point["seconds"].items():
            lines.setdefault(name, []).append((point["x"], *figure(point["x"], *quartiles)))
    return dict(sorted(lines.items(), key=lambda line: not line[0].startswith("keystead")))


def size_panel(curves, name, title, x_title, y_title, figure):
    lines = curves_of(curves.get(name, []), figure)
    if not lines:
        return None
    xs = sorted({p[0] for points in lines.values() for p in points})
    values = [value for points in lines.values() for p in points for value in p[1:]]
    if name == "throughput":
        y = plot.logarithmic(y_title, values, lambda tick: f"{tick:g}")
    else:
        y = plot.linear(y_title, values)
    return plot.Panel(title, plot.listed(x_title, xs, [size(x) for x in xs]), y, lines)


def threads_panel(curves):
    lines = curves_of(curves.get("threads", []), lambda _, *quartiles: speed(64 * MIB, *quartiles))
    if not lines:
        return None
    xs = sorted({p[0] for points in lines.values() for p in points})
    values = [value for points in lines.values() for p in points for value in p[1:]]
    return plot.Panel("", plot.listed("threads", xs, [f"{x:g}" for x in xs]), plot.linear("GB/s, more is better", values),
                      lines)
