"""docs/speed.md: what was measured, on what, and which goals were met."""
import json

CAPTIONS = {
    "bars": "Whole processes over one large file in the page cache, the time of each against the time of `cp`.",
    "size": "Bytes a second of a whole process; at 4 KiB it is the start of a process that counts.",
    "threads": "The same large file by the number of threads.",
    "independent": "A range read and a rewrap touch the header and the chunks that are read, whatever the size.",
    "inside-throughput": "Encryption from buffer to buffer in warm memory.",
    "inside-threads": "The same by several threads.",
    "inside-independent": "A range read and a new header, without a process around them.",
}


def compact(found):
    """JSON with one line for each row, so that a new measurement is a readable change."""
    lines = []
    for key, value in found.items():
        if key == "inside_series":
            curves = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(rounded(points))}" for name, points in value.items())
            lines.append(f"{json.dumps(key)}: {{\n  {curves}\n }}")
        elif isinstance(value, list):
            rows = ",\n  ".join(json.dumps(rounded(row)) for row in value)
            lines.append(f"{json.dumps(key)}: [\n  {rows}\n ]" if value else f"{json.dumps(key)}: []")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return value


def completed(row):
    """A row that `ratios --json` wrote, in the form of those of compare.py."""
    low, median, high = row["quartiles"]
    sign = {">=": "at least", "<=": "at most"}.get(row["sign"], "")
    of = "of its time" if row["sign"] == "<=" else "of its speed"
    return {
        "group": row.get("group", "the library"), "work": row["work"], "against": row["against"], "ratio": median,
        "low": low, "high": high, "unit": of if row["unit"] == "ratio" else row["unit"], "rounds": row["rounds"],
        "goal": f"{sign} {row['goal']:g}" if row["goal"] is not None else None, "met": row["met"],
        "noisy": row.get("quiet_rounds", row["rounds"]) < min(3, row["rounds"]), "note": row.get("note", ""),
    }


def count(found):
    goals = [row for row in found["inside"] + found["rows"] if row["goal"]]
    return f"{sum(bool(row['met']) for row in goals)} of {len(goals)} goals met"


def figure(row):
    unit = row["unit"]
    quartiles = "" if row["low"] == row["high"] else f" ({row['low']:.3g} to {row['high']:.3g})"
    return f"{row['ratio']:.3g}{quartiles} {unit}".strip()


def goals_table(rows):
    lines = ["| work | against | figure (quartiles) | goal | |", "|---|---|---|---|---|"]
    for row in rows:
        verdict = {True: "pass", False: "**miss**", None: ""}[row["met"]]
        loud = "; others were busy" if row["noisy"] else ""
        note = f" ({row['note']})" if row["note"] else ""
        lines.append(f"| {row['work']}{note} | {row['against']} | {figure(row)}{loud} | {row['goal'] or ''} | {verdict} |")
    return lines


def machine_table(found):
    machine = found["machine"]
    rows = {
        "processor": f"{machine['processors']} × {machine['processor']}",
        "its flags": " ".join(machine["flags"]),
        "memory": f"{machine['memory_gib']} GiB",
        "system": f"{machine['kernel']}, {machine['filesystem']}, tmpfs",
        "compiler": machine["rustc"],
        "date": machine["date"],
        "commit": machine["commit"],
        "command": f"`python3 benches/report.py{' --quick' if found['quick'] else ''}`",
    }
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


def tools_table(found):
    lines = ["| program | version | how it was used |", "|---|---|---|"]
    for tool in found["tools"]:
        if "absent" in tool:
            lines.append(f"| {tool['name']} | not installed | {tool['absent']} |")
        else:
            lines.append(f"| {tool['name']} | {tool['version'].split('(Library')[0].strip()} | {tool['note']} |")
    return lines


def measurements(found):
    lines = ["| case | program | ms (quartiles) | processor ms | peak MiB | rounds |", "|---|---|---:|---:|---:|---:|"]
    case = None
    for m in found["measurements"]:
        shown, case = ("" if m["case"] == case else m["case"]), m["case"]
        times = "{:.4g} ({:.4g} to {:.4g})".format(*(m[key] * 1e3 for key in ("seconds", "low", "high")))
        lines.append(f"| {shown} | {m['tool']} | {times} | {m['cpu_seconds'] * 1e3:.4g} | {m['peak_mib']:.1f} | {m['rounds']} |")
    return lines


def report(found, drawn):
    quick = ["**A quick run: sizes are reduced and rounds are few. The figures show that it runs, nothing else.**", ""]
    noisy = sum(m["noisy"] for m in found["measurements"])
    busy = [f"{noisy} of {len(found['measurements'])} measurements had too few rounds without foreign load; they used "
            "all rounds, and their rows say so.", ""]
    lines = [
        "# Speed: what was measured", "",
        "Written by `benches/report.py`; a change by hand is lost with the next run; speed-missed.md says why goals were missed. Goals are ratios against a rival or a",
        f"floor of the same run, for absolute times on shared machines mean nothing. {count(found)}.", "",
        *(f"**A case failed and is missing: {failure}**\n" for failure in found.get("failures", [])),
        *(quick if found["quick"] else []), *(busy if noisy else []), *machine_table(found), "",
    ]
    for name in drawn:
        caption = CAPTIONS.get(name, "")
        lines += [f"![{caption or name}](speed-{name}.svg)", "", *([caption, ""] if caption else [])]
    if found["inside"]:
        lines += ["## Within one process", "", "`cargo run --release --manifest-path benches/Cargo.toml --bin ratios`", ""]
        lines += grouped(found["inside"])
    lines += ["## Whole processes", "", "`python3 benches/compare.py`", "", *tools_table(found), ""]
    lines += grouped(found["rows"])
    lines += ["## How", "", *HOW, "", "## Every measurement of whole processes", "", *measurements(found), ""]
    return "\n".join(lines)


def grouped(rows):
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        lines += [f"### {group[0].upper()}{group[1:]}", "", *goals_table(r for r in rows if r["group"] == group), ""]
    return lines


HOW = """\
- Paired rounds: each command once, in an order that rotates and turns around; a ratio is taken within a round, and the figure is
  the median of these. Slow rivals take part in every second round.
- Every command runs once before, and what it wrote is compared with the plaintext. That run also gives the peak memory.
- A fresh folder for each round, and what earlier rounds wrote is written back before the next begins. Trees are not deleted
  before the end: ext4 looks at inodes again that were deleted a minute ago.
- Before each command page cache of the size of its output is filled and freed, for a virtual machine gives free memory back to
  its host and who takes it again pays.
- A round is thrown away when other programs took more than 5 % of one processor meanwhile, or the host more than 2 %.
- Nothing waits for the disk on either side (`--no-sync`), but in rows marked durable: there keystead as it comes, and `cp`
  followed by `sync`.
- Objects of the range reads are real ones of which only the header and a few chunks were kept, holes between.
- Peak memory is the kernel's (ru_maxrss) of a process that a small shell started, for it begins with what its parent held.
- age, rage and gpg encrypt for a public key, as keystead does. openssl enc authenticates nothing. Over a tree of files age and
  rage take the output of tar and make one object; rclone and keystead make 10,000.""".splitlines()
