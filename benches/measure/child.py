"""One child process: how long from start to exit, its processor time, its peak memory, the bytes it read."""
import ctypes
import dataclasses
import os
import time

NULL = "/dev/null"
PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    """A command that did not exit with 0, or did not do what it should."""


@dataclasses.dataclass
class Run:
    seconds: float
    cpu: float


@dataclasses.dataclass
class Peak:
    kib: int
    read: int                                               # bytes it asked the kernel for, libraries included


def check(argv, status, errors):
    if status != 0:
        with open(errors, encoding="utf-8", errors="replace") as text:
            raise Failed(f"{' '.join(argv)}: wait status {status}: {text.read()[-2000:]}")


def actions(errors, more=()):
    return [(os.POSIX_SPAWN_OPEN, 0, NULL, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, NULL, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), *more]


def timed(argv, environment, errors):
    """Runs a command from start to exit, its children's processor time included."""
    file_actions = actions(errors)
    start = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=file_actions)
    _, status, usage = wait(pid)
    seconds = time.perf_counter() - start
    check(argv, status, errors)
    return Run(seconds, usage.ru_utime + usage.ru_stime)


def wait(pid):
    try:
        return os.wait4(pid, 0)
    except BaseException:
        os.kill(pid, 9)
        os.wait4(pid, 0)
        raise


def peak(argv, environment, errors):
    """Runs a command for its peak memory alone.

    A child's ru_maxrss begins with what its parent held at the start, here a Python of 20 MiB. So a shell starts it in
    the background and exits, which makes it ours to wait for and leaves that shell's 1 MiB as the floor. It waits for a
    line before it begins, lest the shell see its end.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    told, tell = os.pipe()
    begun, begin = os.pipe()
    starter = ["/bin/sh", "-c", '{ read _ <&9; exec "$@" 8>&- 9<&-; } & echo $! >&8', "sh", *argv]
    more = [(os.POSIX_SPAWN_DUP2, tell, 8), (os.POSIX_SPAWN_DUP2, begun, 9)]
    shell = os.posix_spawn(starter[0], starter, environment, file_actions=actions(errors, more))
    os.close(tell)
    os.close(begun)
    os.waitpid(shell, 0)
    with open(told, encoding="ascii") as pipe:
        pid = int(pipe.readline())
    os.write(begin, b"\n")
    os.close(begin)
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)   # a zombie still shows what it read
    except BaseException:
        os.kill(pid, 9)
        raise
    read = bytes_read(pid)
    _, status, usage = os.wait4(pid, 0)
    check(argv, status, errors)
    return Peak(usage.ru_maxrss, read)


def bytes_read(pid):
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as lines:
            return int(next(line for line in lines if line.startswith("rchar")).split()[1])
    except OSError:
        return 0
