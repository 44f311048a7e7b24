"""What must not depend on an object's size: a range read, a rewrap, the memory of a stream."""
import os
import subprocess

from . import child
from .rounds import Contender, spread
from .session import GIB, MIB, at_most, size_name

CHUNK = 16_384
SEALED = CHUNK + 16
BEFORE_CHUNKS = 56                                          # salt and commitment
RANGE = 4096


def holes(place, length):
    path = place / f"holes-{length}"
    with open(path, "wb") as out:
        out.truncate(length)
    return path


def sparse_object(session, length, path):
    """An object over LENGTH zeros of which only the header, its first chunk, three in the middle and the last are kept.

    The input lies in memory as one hole; what is not kept goes from the pipe to /dev/null.
    """
    keystead, source = session.bench.keystead, holes(session.places["tmpfs"], length)
    process = subprocess.Popen(keystead.encrypt(source, "-"), stdout=subprocess.PIPE, env=session.bench.environment)
    pipe, sink = process.stdout.fileno(), os.open("/dev/null", os.O_WRONLY)
    head = os.read(pipe, 9)
    header = 8 * int.from_bytes(head[7:9], "big")
    chunks = header + BEFORE_CHUNKS
    middle = chunks + (length // 2 // CHUNK - 1) * SEALED
    end = chunks + length + 16 * (length // CHUNK + 1)
    keep = [(0, chunks + SEALED), (middle, middle + 3 * SEALED), (chunks + length // CHUNK * SEALED, end)]
    with open(path, "wb") as out:
        out.write(head)
        at = len(head)
        for start, stop in keep:
            while at < start:
                at += os.splice(pipe, sink, min(MIB, start - at))
            out.seek(max(at, start))
            while at < stop:
                piece = os.read(pipe, min(MIB, stop - at))
                at += out.write(piece)
        if os.read(pipe, 1) or process.wait() != 0 or at != end:
            raise child.Failed(f"an object of {length} bytes ended at {at}, not {end}")
    os.close(sink)
    source.unlink()


def sizes(session):
    return [2 * MIB, 32 * MIB, session.big, session.far]


def ranges(session):
    """4 KiB out of the middle of objects of all sizes; every one reads as much and takes as long."""
    place, keystead = session.places["ext4"], session.bench.keystead
    objects = {}
    for length in sizes(session):
        objects[length] = place / f"object-{length}.ks"
        sparse_object(session, length, objects[length])
    contenders = [Contender("only start", lambda *_: [keystead.program, "--version"])]
    for length, path in objects.items():
        wanted = f"{length // 2}-{length // 2 + RANGE - 1}"
        argv = [keystead.program, "cat", "-q", "-k", keystead.key, "--range", wanted, str(path)]
        got = subprocess.run(argv, capture_output=True, check=True, env=session.bench.environment).stdout
        if got != bytes(RANGE):
            raise child.Failed(f"{' '.join(argv)} gives something else")
        contenders.append(Contender(size_name(length), lambda *_, argv=argv: argv))
    outcome = session.run("read 4 KiB from the middle of an object, ext4", place, contenders, 10, 300)
    independent(session, "range", "range read", "read 4 KiB", outcome, sizes(session))
    near, far = (outcome.peaks[size_name(length)].read for length in (session.big, session.far))
    least = outcome.peaks[size_name(sizes(session)[0])].read
    session.row("range read", f"bytes read for 4 KiB of {size_name(session.far)}", f"{size_name(session.big)}", at_most(1),
                (far / max(near, 1), *(far / max(near, 1),) * 2, 1), "of its bytes",
                note=f"{near:,} and {far:,} bytes, libraries and key included; {least:,} from {size_name(sizes(session)[0])}")
    for path in objects.values():
        path.unlink()


def independent(session, plot, group, work, outcome, lengths):
    """Rows and points of a cost that is the same for every size."""
    small, large = size_name(lengths[-2]), size_name(lengths[-1])
    figure = outcome.ratio(large, small)
    session.row(group, f"{work}, {large}", small, at_most(1.05), figure, "of its time", outcome, "within noise")
    points = [[length, *outcome.difference(size_name(length), "only start")[:3]] for length in lengths]
    session.points(plot, f"{work}, without the start of a process", points)


def rewraps(session):
    """The access list of objects of all sizes, whole ones up to 1 GiB; back and forth between two keys."""
    place, keystead = session.places["ext4"], session.bench.keystead
    other = str(session.bench.state / "other")
    keystead.must("keygen", "-q", "-o", other)
    lengths = sizes(session)[:3]
    for sync in (False, True):
        contenders = [] if sync else [Contender("only start", lambda *_: [keystead.program, "--version"])]
        objects = []
        for length in lengths:
            source, path = holes(place, length), place / f"rewrap-{length}.ks"
            subprocess.run(keystead.encrypt(source, path), check=True, env=session.bench.environment)
            source.unlink()
            objects.append(path)
            contenders.append(Contender(size_name(length), swap(keystead, other, path, sync)))
        subprocess.run(["sync", "-f", str(place)], check=True)
        name = f"rewrap in place on ext4{', durable' if sync else ''}"
        outcome = session.run(name, place, contenders, 7, 150)
        small, large = size_name(lengths[0]), size_name(lengths[-1])
        session.row("rewrap", f"rewrap {large}{', durable' if sync else ''}", small, at_most(1.05 if not sync else 1.15),
                    outcome.ratio(large, small), "of its time", outcome, "within noise")
        if not sync:
            value, low, high, count = outcome.difference(large, "only start")
            session.row("rewrap", f"rewrap {large}, without fsync and the start of a process", "", at_most(1),
                        (value * 1e3, low * 1e3, high * 1e3, count), "ms", outcome)
            session.points("rewrap", "rewrap, without the start of a process",
                           [[n, *outcome.difference(size_name(n), "only start")[:3]] for n in lengths])
        for path in objects:
            path.unlink()


def swap(keystead, other, path, sync):
    """A rewrap from one key to the other, and back with the next call."""
    turn = [0]

    def command(*_):
        old, new = (keystead.key, other) if turn[0] % 2 == 0 else (other, keystead.key)
        turn[0] += 1
        more = [] if sync else ["--no-sync"]
        return [keystead.program, "rewrap", "-q", *more, "-k", old, "--to", new + ".pub", str(path)]
    return command


def memory(session):
    """Peak memory of a stream to a sink; decryption reads what an encryption writes, and the larger of both counts."""
    bench = session.bench
    keystead, errors = bench.keystead, str(bench.state / "errors")
    lengths = [MIB, session.big] + ([1024 * GIB] if session.long else [])
    peaks = {"encrypt": {}, "decrypt": {}}
    print("\nmemory of a stream to a sink")
    for length in lengths:
        source = holes(session.places["tmpfs"], length)
        encrypt = keystead.encrypt(source, "-")
        both = ["/bin/sh", "-c", '"$0" decrypt -q -k "$1" -o - < "$2"', keystead.program, keystead.key]
        fifo = bench.state / "fifo"
        peaks["encrypt"][length] = child.peak(encrypt, bench.environment, errors).kib / 1024
        os.mkfifo(fifo)
        with subprocess.Popen(["/bin/sh", "-c", 'out=$1; shift; exec "$@" > "$out"', "sh", str(fifo), *encrypt],
                              env=bench.environment) as maker:
            peaks["decrypt"][length] = child.peak([*both, str(fifo)], bench.environment, errors).kib / 1024
        if maker.returncode != 0:
            raise child.Failed("the encryption that feeds a decryption failed")
        fifo.unlink()
        source.unlink()
    for verb, found in peaks.items():
        values = ", ".join(f"{size_name(n)}: {value:.1f} MiB" for n, value in found.items())
        growth = max(found.values()) - found[lengths[0]]
        session.row("streaming memory", f"{verb}, {size_name(lengths[-1])} to a sink", f"{size_name(MIB)}", at_most(4),
                    spread([growth]), "MiB more", note=values)
