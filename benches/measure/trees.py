"""A tree of small files against `cp -r`: into a new folder, into one that exists, onto the disk."""
import filecmp
import functools
import os
import subprocess

from .child import Failed
from .files import threads_name
from .rounds import Contender
from .session import MIB, at_most

PER_FOLDER = 100
FILE = 4096


def make(folder, files):
    folder.mkdir()
    for start in range(0, files, PER_FOLDER):
        inner = folder / f"folder-{start // PER_FOLDER:03}"
        inner.mkdir()
        for n in range(start, min(start + PER_FOLDER, files)):
            (inner / f"file-{n:05}").write_bytes(os.urandom(FILE))


def same_tree(source, output):
    """Every file equal; no more and no fewer."""
    ours, theirs = ({p.relative_to(f) for p in f.rglob("*")} for f in (source, output))
    if ours != theirs:
        raise Failed(f"{output} holds other names than {source}")
    for path in ours:
        if (source / path).is_file() and not filecmp.cmp(source / path, output / path, shallow=False):
            raise Failed(f"{output / path} is not {source / path}")


def mirror_folders(source, output):
    """The folders of SOURCE without its files."""
    output.mkdir()
    for inner in sorted(p for p in source.rglob("*") if p.is_dir()):
        (output / inner.relative_to(source)).mkdir()


def trees(session):
    place = session.places["ext4"] / "trees"
    place.mkdir()
    plain = place / "plain"
    make(plain, session.tree)
    sources = sealed_trees(session, plain, place)
    for verb in ("encrypt", "decrypt"):
        for kind in ("new", "existing", "durable"):
            one_kind(session, verb, kind, plain, sources, place)


def sealed_trees(session, plain, place):
    bench, found = session.bench, {}
    for tool in [bench.keystead, *(bench.rivals[n] for n in through_tar(bench) if n in bench.rivals)]:
        found[tool.name] = place / f"sealed-{tool.name}"
        subprocess.run(tool.encrypt_tree(plain, found[tool.name]), env=bench.environment, check=True,
                       stdin=subprocess.DEVNULL)
    return found


def through_tar(bench):
    return [name for name in ("age", "rage", "rclone") if name in bench.rivals]


def one_kind(session, verb, kind, plain, sealed, place):
    bench, sync = session.bench, kind == "durable"
    tree = f"{verb}_tree"
    copy = bench.cp.durable_tree if sync else bench.cp.encrypt_tree
    commands = {"cp": copy}
    counts = [1, 2] if kind == "new" else [2]
    for threads in counts:
        commands[threads_name(threads)] = functools.partial(getattr(bench.keystead, tree), threads=threads, sync=sync)
    rivals = through_tar(bench) if kind == "new" else []
    commands |= {name: getattr(bench.rivals[name], tree) for name in rivals}
    contenders = []
    for name, command in commands.items():
        source = plain if verb == "encrypt" else sealed.get(name, sealed["keystead"])
        whole = functools.partial(same_tree, plain) if verb == "decrypt" and name != "cp" else None
        folders = functools.partial(mirror_folders, source) if kind == "existing" else None
        contenders.append(Contender(label(name), lambda out, _, command=command, source=source: command(source, out),
                                    every=2 if name in rivals else 1, prepare=folders, check=whole))
    name = f"{verb} {session.tree} files of 4 KiB on ext4, {kind}"
    outcome = session.run(name, place, contenders, 13, 5, keep=True, memory=128 * MIB)
    goal = {"new": 0.85, "existing": 1.25, "durable": 1.0}[kind]
    into = {"new": "into a new folder", "existing": "into an existing folder", "durable": "durable"}[kind]
    against = "cp -r and one sync" if sync else "cp -r"
    for threads in reversed(counts):
        work = f"{verb} {session.tree} files, ext4, {into}, {threads} thread{'s' if threads > 1 else ''}"
        session.row("tree", work, against, at_most(goal) if threads == 2 else None,
                    outcome.ratio(threads_name(threads), "cp"), "of its time", outcome)


def label(name):
    return {"age": "tar and age", "rage": "tar and rage"}.get(name, name)
