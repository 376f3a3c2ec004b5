"""How much memory there is, keeping what a step needs, and the errors of having too little."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # the names of glibc's mallopt(3)


@cache
def keep_freed_memory() -> bool:
    """Tell the allocator to keep what is freed; False where it is not glibc's.

    A step frees and allocates the same tensors again and again. glibc hands blocks of some size back to the
    system each time and gets them anew, one page fault for every 4 KB: measured on a chain of two products
    and two ReLUs over a cohort of 32, that took 6.4 ms instead of 1.8. The process keeps at most what it has
    needed at its peak.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return False
    settings = ((_MMAP_THRESHOLD, 32 << 20), (_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, 16 << 20))
    taken = [mallopt(name, value) == 1 for name, value in settings]  # each of them, whatever the others do
    return all(taken)


def room() -> int:
    """The bytes that data or the models of all programs may take up: half of what is free.

    The other half is for the copies that training makes, and for other programs.
    """
    return free_bytes() // 2


def free_bytes(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """The bytes this process may still take, of the machine and of each control group around the process.

    Without /proc the machine's whole memory; where the system does not tell even that, 1 GiB.

    Args:
        proc: Where the kernel tells about memory and processes.
        groups: Where it tells about control groups.
    """
    return max(0, min((_machine(proc), *_left_in_groups(proc, groups))))


def size_text(count: float) -> str:
    """A number of bytes in the unit that suits it, such as "10.2 GB".

    Args:
        count: The number of bytes, at least 0.
    """
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one it came from, is what torch, Python or the C library says of short memory."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or (
            isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
        ):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


def _machine(proc: Path) -> int:
    available = _field(proc / "meminfo", "MemAvailable:")
    if available is not None:
        return available << 10
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 1 << 30


# By the controllers in a line of /proc/self/cgroup (version 2 names none): the folder of the groups, the
# files of a group's limit and use, and the line of memory.stat with the files' cache that can be given up.
_VERSIONS = {
    "": ("", "memory.max", "memory.current", "inactive_file"),
    "memory": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def _left_in_groups(proc: Path, groups: Path) -> Iterator[int]:
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers not in _VERSIONS:
            continue
        folder, limit, used, cache = _VERSIONS[controllers]
        group = groups / folder
        # In a container the path may be the host's, of which nothing is there but the root.
        for name in ("", *(name for name in path.split("/") if name not in ("", ".."))):
            group /= name
            most, now = _lines(group / limit), _lines(group / used)
            if most and now and most[0] != "max":
                yield int(most[0]) - int(now[0]) + (_field(group / "memory.stat", cache) or 0)


def _field(file: Path, name: str) -> int | None:
    return next((int(line.split()[1]) for line in _lines(file) if line.split()[:1] == [name]), None)


def _lines(file: Path) -> list[str]:
    """The lines of a file of the system; none where there is no such file."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
