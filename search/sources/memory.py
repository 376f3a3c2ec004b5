"""How much memory there is to read data into."""

from __future__ import annotations

import os
from pathlib import Path

SHARE = 0.5  # of what is free; the rest is for the copies that training makes, and for other programs


def room() -> int:
    """The bytes that data may take up: half of what is free on the machine and in the container."""
    return int(SHARE * min(_machine(), _container()))


def size_text(count: float) -> str:
    """Bytes in the unit that suits them, such as "10.2 GB"."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _machine() -> float:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    except OSError:
        pass  # not a Linux
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return float("inf")


def _container() -> float:
    """What the control group that we run in has left; no bound where there is none."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = int((folder / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return float("inf")
    return float("inf") if limit == "max" else max(0.0, float(int(limit) - used))
