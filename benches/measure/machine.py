"""What the figures were taken on: machine, kernel, file systems, commit, date."""
import datetime
import os
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = "aes pclmulqdq vaes vpclmulqdq avx2 avx512f sha_ni pmull sha2 sha512".split()


def said(*argv):
    try:
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    """Its name, family and model, and those of its flags that matter here."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    facts = {}
    for line in lines:
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    name = facts.get("model name") or platform.machine()
    if "cpu family" in facts:
        name += f" (family {facts['cpu family']}, model {facts.get('model', '?')})"
    present = (facts.get("flags") or facts.get("Features") or "").split()
    return name, [flag for flag in FLAGS if flag in present]


def memory():
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}


def filesystem(place):
    return said("stat", "-f", "-c", "%T", str(place)).replace("ext2/ext3", "ext4")


def describe(place):
    name, flags = processor()
    commit = said("git", "rev-parse", "--short=12", "HEAD")
    if said("git", "status", "--porcelain", "--untracked-files=no", "--", "src", "cli/src", "Cargo.toml", "Cargo.lock"):
        commit += ", changed"
    return {
        "processor": name,
        "processors": os.cpu_count(),
        "flags": flags,
        "memory_gib": round(memory()["MemTotal"] / 2**30),
        "kernel": f"{platform.system()} {platform.release()}",
        "filesystem": filesystem(place),
        "rustc": said("rustc", "--version"),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit,
    }
