"""One file, encrypted and decrypted by every tool: small, large, into the page cache and onto the disk."""
import filecmp
import functools
import os

from .child import Failed
from .rounds import Contender
from .session import MIB, at_least, at_most, more_than, size_name

CHUNK = 1 << 20
SPEED = {"age": at_least(3.5), "rage": at_least(5)}         # of ours with two threads; of every other: more than 1


def random_file(path, length):
    with open(path, "wb") as out:
        while length > 0:
            length -= out.write(os.urandom(min(CHUNK, length)))


def equals(source, output):
    if not filecmp.cmp(source, output, shallow=False):
        raise Failed(f"{output} is not {source}: what does not decrypt is not measured")


def longer(source, output):
    stored = output if output.exists() else output.with_name(output.name + ".bin")
    if stored.stat().st_size < source.stat().st_size:
        raise Failed(f"{output} is shorter than its plaintext")


def thread_counts():
    """1, 2, 4, … as far as this machine goes, 2 always."""
    return [1, 2] + [n for n in (4, 8) if n <= (os.cpu_count() or 1)]


def threads_name(threads):
    return f"keystead, {threads} thread{'s' if threads > 1 else ''}"


def ours(bench, threads, verb, sync=False):
    """Our contenders: one for each number of threads, or one with the default."""
    call = getattr(bench.keystead, verb)
    if not threads:
        return {"keystead": functools.partial(call, sync=sync)}
    return {threads_name(n): functools.partial(call, threads=n, sync=sync) for n in threads}


def one_size(session, where, length, seconds, most, rivals, threads=(), rare=()):
    """Both directions of one size on one file system. The names of RARE take part in every second round."""
    bench, place = session.bench, session.places[where] / f"files-{length}"
    place.mkdir()
    plain = place / "plain"
    random_file(plain, length)
    outcomes = {}
    for verb in ("encrypt", "decrypt"):
        commands = {"cp": bench.cp.encrypt} | ours(bench, threads, verb)
        commands |= {name: getattr(bench.rivals[name], verb) for name in rivals if name in bench.rivals}
        contenders = []
        for name, command in commands.items():
            source = plain if verb == "encrypt" else sealed(session, name, plain, place)
            check = functools.partial(longer if verb == "encrypt" else equals, source if name == "cp" else plain)
            contenders.append(Contender(
                name, lambda output, _, command=command, source=source: command(source, output),
                every=2 if name in rare else 1, check=check))
        case = f"{verb} {size_name(length)} on {where}"
        outcomes[verb] = session.run(case, session.places[where], contenders, seconds, most, memory=length)
    for file in place.iterdir():
        file.unlink()
    return outcomes


def sealed(session, name, plain, place):
    """The object of PLAIN by a tool, made once; `cp` copies what ours reads."""
    tool = session.bench.rivals.get(name, session.bench.keystead)
    output = place / f"sealed-{tool.name}"
    if not any(place.glob(output.name + "*")):
        argv = tool.encrypt(plain, output)
        os.spawnve(os.P_WAIT, argv[0], argv, session.bench.environment)
    return output


def small(session):
    """One process for one small file, and the sizes between it and the large one."""
    rivals = list(session.bench.rivals)
    for where in session.places:
        for length in (4 * 2**10, MIB, 32 * MIB):
            if where != "ext4" and length > MIB:
                continue
            rare = [name for name in rivals if name != "age"]
            seconds = 9 if length < MIB and where == "ext4" else 4
            outcomes = one_size(session, where, length, seconds, 200, rivals, rare=rare)
            remember(session, where, length, outcomes, "keystead")
            if length >= MIB:
                continue
            for verb, outcome in outcomes.items():
                work = f"one process, {verb} 4 KiB, {where}"
                goals = (at_most(1.2), at_most(0.5)) if where == "ext4" else (None, None)
                session.row("one small file", work, "cp", goals[0], outcome.ratio("keystead", "cp"), "of its time", outcome)
                if "age" in outcome.runs:
                    figure = outcome.ratio("keystead", "age")
                    session.row("one small file", work, "age", goals[1], figure, "of its time", outcome)


def remember(session, where, length, outcomes, ours_name):
    """Throughput against size, for the picture."""
    if where != "ext4":
        return
    for verb, outcome in outcomes.items():
        for tool in outcome.runs:
            if tool.startswith("keystead") and tool != ours_name:
                continue
            figures = [length / seconds for seconds in outcome.figures(tool)[:3]]
            session.points(f"process-{verb}", "keystead" if tool == ours_name else tool, [[length, *figures]])


def large(session):
    """1 GiB against cp and everybody else, in the page cache."""
    rivals = list(session.bench.rivals)
    for where in session.places:
        disk = where == "ext4"
        others = rivals if disk or session.long else [name for name in rivals if name == "age"]
        outcomes = one_size(session, where, session.big, 45 if disk else 22, 9, others, thread_counts(), rare=others)
        remember(session, where, session.big, outcomes, threads_name(2))
        for verb, outcome in outcomes.items():
            against_copying(session, where, verb, outcome, disk)
            if disk:
                against_rivals(session, verb, outcome, others)


def against_copying(session, where, verb, outcome, disk):
    one, two = threads_name(1), threads_name(2)
    work = f"{verb} {size_name(session.big)}, {where}"
    goal = {"encrypt": 0.80, "decrypt": 0.75}[verb] if disk else 0.95
    session.row("large file", f"{work}, 2 threads", "cp", at_most(goal), outcome.ratio(two, "cp"), "of its time", outcome)
    session.row("large file", f"{work}, 1 thread", "cp", at_most(1.45), outcome.ratio(one, "cp"), "of its time", outcome)
    cpu = outcome.ratio(two, "cp", lambda run: run.cpu)
    session.row("large file", f"{work}, 2 threads, processor time", "cp", at_most(1.45) if disk else None, cpu,
                "of its processor time", outcome)
    peak = max(outcome.peaks[threads_name(n)].kib for n in (1, 2)) / 1024
    session.row("large file", f"{work}, peak memory", "", at_most(16), (peak, peak, peak, 1), "MiB")
    points = [[n, *outcome.ratio(threads_name(n), "cp")[:3]] for n in thread_counts()]
    session.points("threads", f"{verb}, {where}", points)


def against_rivals(session, verb, outcome, rivals):
    for rival in (name for name in rivals if name in outcome.runs):
        work = f"{verb} {size_name(session.big)}, ext4, 2 threads"
        figure = outcome.ratio(rival, threads_name(2))
        session.row("rivals", work, rival, SPEED.get(rival, more_than(1)), figure, "times its speed", outcome,
                    "not authenticated" if rival == "openssl" else "")


def durable(session):
    """1 GiB until it is on the disk."""
    bench, place = session.bench, session.places["ext4"]
    plain, stored = place / "durable-plain", place / "durable-sealed"
    random_file(plain, session.big)
    argv = bench.keystead.encrypt(plain, stored)
    os.spawnve(os.P_WAIT, argv[0], argv, bench.environment)
    for verb, source in (("encrypt", plain), ("decrypt", stored)):
        commands = {"cp + sync": bench.cp.durable} | ours(bench, [2], verb, sync=True)
        contenders = [Contender(name, lambda output, _, command=command, source=source: command(source, output))
                      for name, command in commands.items()]
        outcome = session.run(f"{verb} {size_name(session.big)} on ext4, durable", place, contenders, 22, 9,
                              memory=session.big)
        work = f"{verb} {size_name(session.big)}, ext4, 2 threads, durable"
        session.row("large file", work, "cp and sync", at_most(0.85), outcome.ratio(threads_name(2), "cp + sync"),
                    "of its time", outcome)
    plain.unlink()
    stored.unlink()


