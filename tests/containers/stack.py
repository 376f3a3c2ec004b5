"""docker-compose.yml on a container engine: a copy of the tree, its services, and what people do to them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
NEEDS = (
    "a container engine that `docker info` reaches, Compose 2.24 or newer and buildx, 10 GB of disk, the "
    "ports 5000 and 8265 of this machine, and the images python:3.12.12-slim-bookworm and "
    "postgres:18.1-bookworm or a registry that has them; LOSSMITH_TORCH_INDEX names another place for torch"
)
END_S = 1800.0


def missing() -> str | None:
    """What this machine lacks, or None."""
    if shutil.which("docker") is None:
        return "there is no docker"
    for words in (("info",), ("compose", "version"), ("buildx", "version")):
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"docker {' '.join(words)}: {' '.join(done.stderr.split())[:200]}"
    return None


def until(true: Callable[[], object], what: str, timeout_s: float = END_S) -> Any:
    """Wait until it is true, and return it."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(2)
    raise AssertionError(f"after {timeout_s:.0f} s still waiting for {what}")


@dataclass(frozen=True)
class Running:
    """A command that goes on, and the file that holds what it has said."""

    process: subprocess.Popen[bytes]
    log: Path

    def says(self, words: str) -> None:
        """Wait until it has said so."""
        until(lambda: words in self.log.read_text() or self.process.poll() is not None, words)
        assert words in self.log.read_text(), self.log.read_text()


@dataclass
class Stack:
    """The services, from a copy of the tree in `folder`; `settings` is the environment of docker compose."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.folder / name)

    @property
    def environment(self) -> dict[str, str]:
        """Of somebody at this machine, with lossmith on their path."""
        return os.environ | {
            "COMPOSE_PROJECT_NAME": "lossmith-test",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **self.settings,
        }

    def run(
        self, *words: str, check: bool = True, timeout: float = END_S
    ) -> subprocess.CompletedProcess[str]:
        """A command in the folder; an error is shown with what it wrote."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def compose(self, *words: str, check: bool = True) -> str:
        """What `docker compose` says."""
        return self.run("docker", "compose", *words, check=check).stdout

    def ids(self, *services: str) -> list[str]:
        """The containers of services."""
        return sorted(self.compose("ps", "-q", *services).split())

    def inside(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A lossmith command on the head."""
        return self.run("docker", "compose", "exec", "-T", "ray-head", "lossmith", *words, check=check)

    @property
    def user(self) -> dict[str, str]:
        """The environment of somebody at this machine who has the token."""
        token = str(self.folder / "secrets/ray_token")
        return self.environment | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token}

    @contextmanager
    def launching(self, spec: str, name: str, *more: str) -> Iterator[Running]:
        """A search on the cluster, launched by a command that goes on; at the end it has ended well."""
        words = ("lossmith", "launch", spec, "--name", name, "--address", "http://127.0.0.1:8265", *more)
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                words, cwd=self.folder, env=self.user, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            yield Running(process, log)
            assert process.wait(END_S) == 0, log.read_text()
        finally:
            process.kill()

    def launch(self, spec: str, name: str) -> None:
        """A search on the cluster, which has begun."""
        with self.launching(spec, name):
            pass

    def sql(self, statement: str, database: str = "lossmith") -> str:
        """What PostgreSQL answers; nothing while it is away. Asking lossmith would start a Python."""
        words = ("psql", "-h", "/var/run/postgresql", "-U", "lossmith", "-d", database, "-Atc", statement)
        return self.run("docker", "compose", "exec", "-T", "postgres", *words, check=False).stdout.strip()

    def shown(self, name: str) -> dict[str, Any]:
        """What `show --json` says."""
        found: dict[str, Any] = json.loads(self.inside("show", name, "--json").stdout)
        return found

    def finished(self, name: str) -> dict[str, Any]:
        """Wait for the end of a search."""
        status = f"SELECT status FROM lossmith_searches WHERE name = '{name}'"
        until(lambda: self.sql(status) not in ("", "running"), f"{name} to end")
        found = self.shown(name)
        assert found["status"] == "finished", found["reason"]
        return found

    def trained(self, name: str) -> int:
        """How many trials of a search are kept."""
        joined = "lossmith_trials t JOIN lossmith_searches s ON s.id = t.search_id"
        return int(self.sql(f"SELECT count(*) FROM {joined} WHERE s.name = '{name}'") or 0)

    def kill(self, service: str) -> None:
        """Kill one container of a service, as a machine that is gone does."""
        self.run("docker", "kill", "--signal", "KILL", self.ids(service)[0])
