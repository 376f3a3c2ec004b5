"""The command line, as users and their scripts meet it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from lossmith.experiments.cli import main
from lossmith.experiments.cli.app import app
from lossmith.experiments.cli.commands import Given, command
from lossmith.experiments.cli.tables import verdict_table
from lossmith.experiments.experiment import Experiment
from lossmith.experiments.running.workdir import places
from lossmith.experiments.spec import SearchSpec
from lossmith.experiments.store import Store, new_owner
from lossmith.losses import UserError, load_frozen, parts, standard_specs
from lossmith.losses.declarations import KINDS
from lossmith.search.records import Verdict, decimals

PROGRAM = Path(sys.executable).with_name("lossmith")
COMMANDS = (
    "search",
    "audit",
    "compare",
    "launch",
    "supervise",
    "new",
    "resume",
    "list",
    "show",
    "cancel",
    "export",
    "report",
    "losses",
    "check",
    "ui",
)
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory, and an environment that says nothing about lossmith."""
    monkeypatch.chdir(tmp_path)
    for variable in (
        "LOSSMITH_HOME",
        "LOSSMITH_STORE",
        "LOSSMITH_TRACEBACK",
        "MLFLOW_TRACKING_URI",
        "COLUMNS",
    ):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def home(searched: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment points at the workdir with small searches."""
    monkeypatch.setenv("LOSSMITH_HOME", str(searched))
    return searched


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[..., Any]], None]]:
    """Puts a function in the place of both `run_search` and `resume_search`."""

    def install(function: Callable[..., Any]) -> None:
        module = ModuleType("lossmith.experiments.running.run")
        vars(module).update(run_search=function, resume_search=function)
        monkeypatch.setitem(sys.modules, module.__name__, module)

    yield install  # noqa: PT022  (monkeypatch tears down)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A SPEC of two lines."""
    file = tmp_path / "spec.yaml"
    file.write_text("task: digits-longtail\ntrials: 4\n")
    return file


def refusal(arguments: list[str], capsys: Captured, status: int = 2) -> str:
    """The one line on standard error that `arguments` are answered with; standard output stays empty."""
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


# Help


@pytest.mark.end_to_end
def test_help_imports_nothing_heavy() -> None:
    """`lossmith --help` answers at once because torch, pydantic, the databases and Ray wait for a command."""
    code = """
import sys
from lossmith.experiments.cli import main
main(["--help"])
heavy = {"torch", "numpy", "scipy", "sklearn", "pydantic", "yaml", "sqlalchemy", "alembic"}
heavy |= {"optuna", "ray", "mlflow"}
sys.exit(", ".join(sorted(heavy & set(sys.modules))) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    assert [name for name in COMMANDS if name not in done.stdout] == []


def test_every_command_and_option_is_explained() -> None:
    """Nothing has to be guessed: each command, argument and option has a text of its own."""
    group = typer.main.get_command(app)
    commands = vars(group)["commands"]
    assert set(commands) == set(COMMANDS)
    for name, found in commands.items():
        assert found.help, name
        assert [parameter.name for parameter in found.params if not getattr(parameter, "help", None)] == [], (
            name
        )


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], *([name, "--help"] for name in COMMANDS), ["--version"]]
)
def test_help_goes_to_standard_output(arguments: list[str], capsys: Captured) -> None:
    """Asking for help is no mistake: status 0, and nothing on standard error."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "lossmith" in out
    assert err == ""


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serach"], ["No such command 'serach'", "see lossmith --help"]),
        (["search"], ["Missing argument", "see lossmith search --help"]),
        (
            ["search", "spec.yaml", "--trails", "3"],
            ["No such option", "--trails", "see lossmith search --help"],
        ),
        (
            ["search", "spec.yaml", "--trials", "many"],
            ["Invalid value for '--trials'", "but got 'many'; see lossmith search --help"],
        ),
        (["search", "spec.yaml", "--trials=1.5"], ["Invalid value for '--trials'", "but got '1.5'"]),
        (["search", "spec.yaml", "--trials", "0"], ["trials must be a whole number of at least 1", "got 0"]),
        (["search", "spec.yaml", "--time-limit", "soon"], ["90s, 10m or 1h30m", "got 'soon'"]),
        (["search", "spec.yaml", "--name", "a b"], ["name must be", "got 'a b'"]),
        (["search", "none.yaml"], ["there is no none.yaml"]),
        (["search", "spec.yaml", "--runner", "slurm"], ["unknown runner 'slurm'", "choose from local, ray"]),
        (["losses", "multi"], ["unknown kind of problem 'multi'", "did you mean multi"]),
        (["show", "digits"], ["there is none at sqlite:///", "start a search with lossmith search SPEC"]),
        (["cancel", "digits"], ["there is none at sqlite:///"]),
        (["export", "digits", "--to", "x"], ["there is none at sqlite:///"]),
        (["ui"], ["MLflow's data must exist", "start a search with lossmith search SPEC"]),
        (["ui", "--port", "0"], ["Invalid value for '--port'"]),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    arguments: list[str], words: list[str], spec: Path, tmp_path: Path, capsys: Captured
) -> None:
    """Status 2, one line on standard error, and nothing is made in the working directory."""
    message = refusal(arguments, capsys)
    assert message.startswith("error: ")
    assert [word for word in words if word not in message] == []
    assert list(tmp_path.iterdir()) == [spec]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("arguments", [["show"], ["cancel"], ["export", "--to", "x"]])
def test_an_unknown_search_is_answered_with_near_names(arguments: list[str], capsys: Captured) -> None:
    """A misspelt name of a search is a mistake that is easily mended."""
    assert "unknown search 'hole': did you mean whole" in refusal([*arguments, "hole"], capsys)


def test_a_failure_is_one_line_with_a_way_to_see_more(
    spec: Path, runs: Callable[..., None], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1, the exception in one line, and a traceback for those who ask for it."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk\nis gone")

    runs(fail)
    message = refusal(["search", str(spec)], capsys, status=1)
    assert message == "failed: RuntimeError: the disk is gone; LOSSMITH_TRACEBACK=1 shows where\n"
    monkeypatch.setenv("LOSSMITH_TRACEBACK", "1")
    assert main(["search", str(spec)]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_users_mistake_found_while_searching_is_told_as_such(
    spec: Path, runs: Callable[..., None], capsys: Captured
) -> None:
    """A `UserError` from anywhere below ends with status 2."""

    def fail(*_: object, **__: object) -> None:
        raise UserError("labels must lie in 0..9, but they run from 0 to 10")

    runs(fail)
    assert (
        refusal(["search", str(spec)], capsys)
        == "error: labels must lie in 0..9, but they run from 0 to 10\n"
    )


# Searching


def test_a_search_gets_what_the_command_line_says(
    spec: Path, runs: Callable[..., None], store: Store, capsys: Captured
) -> None:
    """SPEC, overrides, places and runner arrive as given."""
    got: dict[str, Any] = {}

    def search(spec: SearchSpec, **options: Any) -> Experiment:
        got.update(options, spec=spec)
        return Experiment(store, "whole")

    runs(search)
    options = [
        "--name",
        "a-1",
        "--trials",
        "9",
        "--time-limit",
        "2m",
        "--workdir",
        "w",
        "--store",
        "sqlite:///s.db",
    ]
    assert main(["search", str(spec), *options]) == 0
    wanted = got["spec"]
    assert (wanted.name, wanted.trials, wanted.time_limit_s) == ("a-1", 9, 120)
    assert (str(got["workdir"]), got["store"], got["runner"]) == ("w", "sqlite:///s.db", None)
    capsys.readouterr()


@pytest.mark.parametrize("arguments", [["search", "spec.yaml"], ["resume", "whole"]])
def test_json_is_all_there_is_on_standard_output(
    arguments: list[str], spec: Path, runs: Callable[..., None], store: Store, capsys: Captured
) -> None:
    """Whatever a library prints while a search runs, standard output is one document."""
    assert spec.name == "spec.yaml"

    def search(*_: object, progress: Any, **__: object) -> Experiment:
        print("some library says hello")  # noqa: T201  (that is the point)
        progress.phase("explore", 4)
        progress.note("headroom: small")
        return Experiment(store, "whole")

    runs(search)
    assert main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads(json.dumps(Experiment(store, "whole").document()))
    assert [word for word in ("hello", "explore: 4 trials", "headroom: small") if word not in err] == []


@pytest.mark.usefixtures("home")
def test_a_search_ends_with_a_table_a_formula_and_commands_that_work(
    spec: Path, runs: Callable[..., None], store: Store, tmp_path: Path, capsys: Captured
) -> None:
    """The three commands at the end can be typed as they stand."""
    runs(lambda *_, **__: Experiment(store, "whole"))
    assert main(["search", str(spec)]) == 0
    out = capsys.readouterr().out
    verdict = document_of(store)
    assert [name for name in standard_specs("multiclass") if name not in out] == []
    assert verdict["sentence"] in out
    assert verdict["winner"]["formula"] in out
    typed = [shlex.split(line) for line in out.partition("Next:\n")[2].splitlines()]
    assert [words[:2] for words in typed] == [
        ["lossmith", "show"],
        ["lossmith", "report"],
        ["lossmith", "ui"],
        ["lossmith", "export"],
    ]
    for words in (typed[0], typed[1], typed[3]):
        assert main(words[1:]) == 0
    assert load_frozen(tmp_path / "whole-loss" / "loss.json").spec == Experiment(store, "whole").answer().loss


@pytest.mark.parametrize(
    ("arguments", "attribute", "resume"),
    [
        (["search", "spec.yaml"], "made-up-7", "lossmith resume made-up-7"),
        (["resume", "mine", "--workdir", "my data"], None, "lossmith resume mine --workdir 'my data'"),
    ],
)
def test_ctrl_c_tells_how_to_go_on(
    arguments: list[str],
    attribute: str | None,
    resume: str,
    spec: Path,
    runs: Callable[..., None],
    capsys: Captured,
) -> None:
    """Status 130 and the very command that resumes the search."""
    assert spec.is_file()

    def interrupted(*_: object, **__: object) -> None:
        # A process in the background of a shell without job control starts with SIGINT ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            if attribute:
                vars(error)["search"] = attribute
            raise
        finally:
            signal.signal(signal.SIGINT, before)

    runs(interrupted)
    message = refusal(arguments, capsys, status=130)
    assert message == f"interrupted; nothing finished is lost; resume with: {resume}\n"


@pytest.mark.parametrize("more", [[], ["--name", "mine"]])
def test_ctrl_c_before_the_search_is_there_says_so(
    more: list[str], spec: Path, runs: Callable[..., None], capsys: Captured
) -> None:
    """There is nothing to resume until a search is in the store, whether it was given a name or not."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    runs(interrupted)
    message = refusal(["search", str(spec), *more], capsys, status=130)
    assert message == "interrupted before the search began; nothing is kept of it\n"


def test_commands_are_spelled_for_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says is left out, the rest is quoted, and the program is one that is found."""
    given = Given(Path("my data"), "sqlite:///x.db")
    monkeypatch.setenv("LOSSMITH_STORE", "sqlite:///x.db")
    monkeypatch.setattr(sys, "argv", [".venv/bin/lossmith"])
    monkeypatch.setenv("PATH", os.devnull)
    assert command("show", "a b", given=given) == ".venv/bin/lossmith show 'a b' --workdir 'my data'"
    monkeypatch.setattr(sys, "argv", [str(PROGRAM)])
    monkeypatch.setenv("PATH", str(PROGRAM.parent))
    assert command("list", given=Given(None, None)) == "lossmith list"


# Looking


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["whole", "halfway", "young"])
def test_show_prints_the_document_as_json(name: str, store: Store, capsys: Captured) -> None:
    """`--json` prints what `Experiment.document` gives."""
    assert main(["show", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(Experiment(store, name).document()))


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["whole", "halfway", "young"])
def test_show_tells_status_counts_and_where_the_time_went(name: str, store: Store, capsys: Captured) -> None:
    """The share of store, MLflow and bookkeeping is printed, whatever state the search is in."""
    assert main(["show", name]) == 0
    out = capsys.readouterr().out
    record = store.get(name)
    assert f"{name} is {record.status}" in out
    for state, number in store.counts(record.id).items():
        assert f"{number} {state}" in out
    assert f"{record.seconds['bookkeeping'] / record.seconds['total']:.1%} of " in out


@pytest.mark.usefixtures("home")
def test_list_shows_every_search(store: Store, capsys: Captured) -> None:
    """As a table and as a JSON list, with status, counts and what came of it."""
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [search["name"] for search in found] == store.names()
    for search in found:
        record = store.get(search["name"])
        assert search["status"] == record.status
        assert search["counts"] == store.counts(record.id)
        assert (search["verdict"] is None) == (record.verdict is None)
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert [name for name in store.names() if name not in out] == []


def test_looking_makes_nothing(tmp_path: Path, capsys: Captured) -> None:
    """`list` where no search was ever started is empty and leaves the directory as it was."""
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["list"]) == 0
    assert "start one with: lossmith search SPEC" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def document_of(store: Store) -> dict[str, Any]:
    """The document of a verdict."""
    verdict = Experiment(store, "whole").verdict
    assert verdict is not None
    return verdict.to_json()


def cells(verdict: Mapping[str, Any]) -> dict[str, list[str]]:
    """The rows of a verdict's table by each of the names in their first cell."""
    table = verdict_table(Verdict.from_json(verdict))
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    rows = list(zip(*columns, strict=True))
    return {name: list(row[1:]) for row in rows for name in row[0].split(" = ")}


def test_the_verdict_table_compares_the_winner_with_everything(store: Store) -> None:
    """One row for the winner and for every other standard loss, with the figures of the verdict."""
    verdict = document_of(store)
    rows = cells(verdict)
    winner = verdict["winner"]["standard"]
    assert next(iter(rows)) == f"{winner or 'searched loss'} (winner)"
    digits = decimals(verdict["scores"]["winner"]["mean"])
    for name in standard_specs("multiclass").keys() - {winner}:
        row = verdict["against"][name]
        assert f"{row['mean']:.{digits}f} ± {row['sd']:.{digits}f}" in rows[name]
        assert (  # greater is better here, so that ahead is winner minus loss
            f"{row['difference']:+.{digits}f} [{row['ci_low']:+.{digits}f}, {row['ci_high']:+.{digits}f}]"
            in rows[name]
        )


def test_a_searched_loss_that_lost_is_in_the_table_the_same_way_round(store: Store) -> None:
    """Where a standard loss won, the best searched one is compared as all others are: winner minus loss."""
    verdict = document_of(store)
    challenger = verdict["challenger"]
    assert verdict["winner"]["standard"] is not None
    digits = decimals(verdict["scores"]["winner"]["mean"])
    difference = verdict["scores"]["winner"]["mean"] - challenger["mean"]
    interval = f"[{-challenger['ci_high']:+.{digits}f}, {-challenger['ci_low']:+.{digits}f}]"
    assert f"{difference:+.{digits}f} {interval}" in cells(verdict)["best searched loss"]


@pytest.mark.parametrize(
    ("value", "digits"), [(0.8123, 4), (53.2, 2), (1234.5, 0), (0.0123, 5), (0.0, 4), (-0.5, 4)]
)
def test_scores_are_shown_with_four_digits(value: float, digits: int) -> None:
    """An accuracy and an error in the thousands are both readable."""
    assert decimals(value) == digits


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_losses_lists_every_standard_loss_and_part(kind: str | None, capsys: Captured) -> None:
    """Formula, source and parameters of everything that can be searched, for one kind or for all."""
    chosen = [known for known in KINDS if kind in (None, known)]
    arguments = ["losses"] if kind is None else ["losses", kind]
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert list(document) == chosen
    for known in chosen:
        listed = document[known]
        assert [loss["name"] for loss in listed["standard"]] == list(standard_specs(known))
        assert [part["name"] for part in listed["parts"]] == [
            p.name for p in parts().values() if known in p.kinds
        ]
        for entry in [*listed["standard"], *listed["parts"]]:
            assert entry["formula"]
            assert entry["source"]
            assert entry["name"] in text
        for part in listed["parts"]:
            for parameter in part["parameters"]:
                assert {"domain", "range", "default", "about"} <= parameter.keys()
                assert parameter["range"]["low"] <= parameter["default"] <= parameter["range"]["high"]


# Acting


def test_cancelling_is_seen_by_whoever_runs_the_search(tmp_path: Path, capsys: Captured) -> None:
    """The status changes, and the runner's next heartbeat tells it that the search is no longer its own."""
    owner = new_owner()
    with Store.open(places(tmp_path, environment={}).store_url) as store:
        record = store.create("mine", {}, {"name": "blobs", "metric": "macro_f1"}, 0, owner)
        assert main(["cancel", "mine", "--workdir", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert "mine is cancelled" in out
        assert f"lossmith resume mine --workdir {tmp_path}" in out
        assert store.get("mine").status == "cancelled"
        assert not store.heartbeat(record.id, owner)


@pytest.mark.usefixtures("home")
def test_a_finished_search_cannot_be_cancelled(store: Store, capsys: Captured) -> None:
    """Its verdict stands."""
    message = refusal(["cancel", "whole"], capsys)
    assert "must be running or interrupted to be cancelled, but whole is finished" in message
    assert store.get("whole").status == "finished"


@pytest.mark.usefixtures("home")
def test_export_says_what_it_wrote_and_how_to_train_with_it(
    store: Store, tmp_path: Path, capsys: Captured
) -> None:
    """The files, why it is this loss, and the learning rate that belongs to its scale."""
    answer = Experiment(store, "whole").answer()
    assert main(["export", "whole", "--to", "loss", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [Path(file).is_file() for file in document["files"]] == [True] * 3
    assert (document["answer"], document["learning_rate"]) == (answer.note, answer.learning_rate)
    assert main(["export", "whole", "--to", "loss"]) == 0
    out = capsys.readouterr().out
    assert f"{tmp_path / 'loss' / 'loss.py'}\n" in out
    assert f"This is {answer.note}. Train with it at learning rate {answer.learning_rate:.3g}." in out


@pytest.mark.usefixtures("home")
def test_export_will_not_mix_with_other_files(tmp_path: Path, capsys: Captured) -> None:
    """A directory that holds something else is refused and stays as it was."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").touch()
    assert "holds train.py; choose a new or empty directory" in refusal(
        ["export", "whole", "--to", "src"], capsys
    )
    assert [path.name for path in (tmp_path / "src").iterdir()] == ["train.py"]


def test_ui_starts_mlflow_on_this_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """The venv's own MLflow, by an argument list, on 127.0.0.1, quiet, its data's address out of `ps`."""
    found = places(tmp_path, environment={})
    Path(found.tracking_uri.removeprefix("sqlite:///")).touch()
    started: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *call: started.append(call))
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    assert main(["ui", "--workdir", str(tmp_path), "--port", port]) == 0
    ((program, arguments, environment),) = started
    assert program == sys.executable
    assert arguments[:4] == [sys.executable, "-m", "mlflow", "server"]
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    assert arguments[arguments.index("--port") + 1] == port
    assert environment["MLFLOW_BACKEND_STORE_URI"] == found.tracking_uri
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().out


def test_ui_will_not_share_a_port(tmp_path: Path, capsys: Captured) -> None:
    """A port that another program listens on is a mistake with a remedy, not a traceback of MLflow's."""
    Path(places(tmp_path, environment={}).tracking_uri.removeprefix("sqlite:///")).touch()
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        message = refusal(["ui", "--workdir", str(tmp_path), "--port", port], capsys)
    assert f"{port} on 127.0.0.1 is taken; choose another with --port" in message


@pytest.mark.parametrize("user", ["", "ann:secret@", "ann@"])
def test_ui_points_at_a_server_that_runs_already(
    user: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """With MLFLOW_TRACKING_URI set to a server nothing is started, and no name or password is printed."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://{user}mlflow.example.org")
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("something was started"))
    assert main(["ui"]) == 0
    assert capsys.readouterr().out == "MLflow runs at https://mlflow.example.org\n"


# The installed program


@pytest.mark.end_to_end
@pytest.mark.usefixtures("home")
def test_the_installed_program_answers(store: Store) -> None:
    """`lossmith` in a process of its own: a document on standard output, or one line and status 2."""
    done = subprocess.run([PROGRAM, "show", "whole", "--json"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads(json.dumps(Experiment(store, "whole").document()))
    done = subprocess.run([PROGRAM, "shwo", "whole"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.end_to_end
@pytest.mark.usefixtures("home")
def test_a_closed_pipe_is_no_failure() -> None:
    """`lossmith show | head -0`: nothing is said about it on standard error."""
    program = subprocess.Popen(
        [PROGRAM, "show", "whole", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    program.stdout.close()
    _, err = program.communicate()
    assert (program.returncode, err) == (1, "")


def test_warnings_of_other_packages_are_not_shown(
    spec: Path, runs: Callable[..., None], tmp_path: Path, store: Store, capsys: Captured
) -> None:
    """What NumPy or pandas warn of goes to the log; a warning of the user's own file is shown."""
    (tmp_path / "mine.py").write_text("import warnings\nwarnings.warn('look here')\n")

    def search(*_: object, **__: object) -> Experiment:
        warnings.warn_explicit("overflow", RuntimeWarning, "/x/site-packages/numpy/core.py", 3)
        exec(compile((tmp_path / "mine.py").read_text(), tmp_path / "mine.py", "exec"))  # noqa: S102
        return Experiment(store, "whole")

    runs(search)
    with pytest.warns(UserWarning, match="look here") as shown:
        assert main(["search", str(spec)]) == 0
    assert not [str(warning.message) for warning in shown if "overflow" in str(warning.message)]
    capsys.readouterr()


# Audits


def test_an_audit_says_what_is_wrong_and_exits_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Findings exit with 1, a sound loss with 0; where several kinds fit one is asked for; errors are 2."""
    file = tmp_path / "audited.py"
    file.write_text(
        "from torch.nn import functional as F\n"
        "def twice(o, t):\n    return F.nll_loss(o.softmax(1).log_softmax(1), t)\n"
        "def square(o, t):\n    return (o - t).pow(2).mean()\n"
        "def broken(o, t):\n    raise KeyError('margin')\n"
    )
    assert main(["audit", f"{file}:twice"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("error    softmax twice:")
    assert "1 finding" in said.splitlines()[-1]
    assert main(["audit", f"{file}:square", "--kind", "regression", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]
    for arguments, part in (
        (["audit", "focal"], "--kind"),
        (["audit", f"{file}:broken", "--kind", "binary"], "KeyError"),
        (["audit", f"{file}:square", "--kind", "ordinal"], "unknown kind"),
        (["audit", "facol", "--kind", "binary"], "unknown standard loss"),
        (["audit", str(tmp_path / "absent.json")], "cannot read"),
    ):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert part in err.splitlines()[0]
