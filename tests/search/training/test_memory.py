"""How much memory there is: of the machine and of the control groups that the process is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossmith.search.memory import free_bytes, size_text

GB = 10**9
V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def machine(folder: Path, groups: str, free: int = 64 * GB) -> tuple[Path, Path]:
    """/proc and /sys/fs/cgroup of a machine with so much free memory and a process in `groups`."""
    proc = folder / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {free // 1024} kB\n")
    (proc / "self" / "cgroup").write_text(groups)
    return proc, folder / "cgroup"


def group(folder: Path, names: tuple[str, str, str], limit: object, used: int, cache: int = 0) -> None:
    """A control group with this limit, of whose used bytes `cache` hold files that can be read again."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{names[2]} {cache}\nactive_file 5\n")


@pytest.mark.parametrize(
    ("line", "place", "names"),
    [
        ("0::/", "", V2),  # a container: its group is the root of what it sees
        ("0::/system.slice/docker-1.scope", "", V2),  # the host's name of a group that is mounted as the root
        ("0::/../../other", "", V2),
        ("0::/user.slice/job", "user.slice/job", V2),
        ("0::/user.slice/job/step", "user.slice/job", V2),  # the limit is that of an outer group
        ("5:cpu:/\n4:memory:/\n0::/", "memory", V1),
        ("4:memory:/docker/1\n0::/", "memory", V1),
        ("4:memory:/slurm/job:1\n0::/", "memory/slurm/job:1", V1),
    ],
)
def test_a_control_group_bounds_the_free_memory(
    tmp_path: Path, line: str, place: str, names: tuple[str, str, str]
) -> None:
    """The limit less what is used counts, whatever the machine has; the cache of files is not used."""
    proc, groups = machine(tmp_path, f"{line}\n")
    group(groups / place, names, 4 * GB, 3 * GB, cache=GB)
    assert free_bytes(proc, groups) == 2 * GB


def test_without_a_limit_the_machine_counts(tmp_path: Path) -> None:
    """A group that says max, a limit beyond the machine and no group at all bound nothing."""
    proc, groups = machine(tmp_path, "4:memory:/\n0::/a\n", free=1024 * 10**6)
    assert free_bytes(proc, groups) == 1024 * 10**6
    group(groups / "a", V2, "max", GB)
    group(groups / "memory", V1, 9223372036854771712, GB)
    assert free_bytes(proc, groups) == 1024 * 10**6


def test_the_narrowest_of_nested_groups_counts_and_nothing_is_below_zero(tmp_path: Path) -> None:
    """Every group around the process is looked at; one that is over its limit leaves nothing."""
    proc, groups = machine(tmp_path, "0::/a/b\n")
    group(groups / "a" / "b", V2, 9 * GB, GB)
    group(groups / "a", V2, 5 * GB, 4 * GB)
    assert free_bytes(proc, groups) == GB
    group(groups / "a", V2, 3 * GB, 4 * GB)
    assert free_bytes(proc, groups) == 0


def test_a_system_without_proc_has_its_physical_memory(tmp_path: Path) -> None:
    """Where neither folder is there, what is built in counts; it is more than nothing."""
    assert free_bytes(tmp_path / "proc", tmp_path / "cgroup") > 10_000_000


def test_sizes_are_told_in_their_unit() -> None:
    """Bytes, KB, MB, GB and TB, with a digit after the point below a hundred."""
    told = [size_text(n) for n in (12, 1_500, 123_456_789, 10.2e9, 3e12)]
    assert told == ["12 bytes", "1.5 KB", "123 MB", "10.2 GB", "3.0 TB"]
