"""Opening a store: addresses, schemas and what is said when it cannot be done."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from lossmith.experiments.store import Store, schema, shown
from lossmith.experiments.store.engine import engine_for, writing
from lossmith.experiments.store.tables import metadata
from lossmith.losses import UserError

MIGRATIONS = Path(schema.__file__).parent / "migrations"


def scripts() -> ScriptDirectory:
    """The migrations as Alembic sees them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def revisions() -> list[str]:
    """The number of every migration."""
    return [script.revision for script in scripts().walk_revisions()]


def version(url: str) -> str:
    """The schema that a store has."""
    engine = engine_for(url)
    with engine.connect() as connection:
        found: str = connection.execute(text("SELECT version_num FROM lossmith_schema")).scalar_one()
    engine.dispose()
    return found


def test_the_newest_schema_is_the_last_migration() -> None:
    """`HEAD` spares a start of Alembic at every opening, and names the one head there is."""
    assert scripts().get_heads() == [schema.HEAD]


def test_the_migrations_make_the_tables_of_the_code(store: Store, store_url: str) -> None:
    """A store that was migrated has the columns, keys and indices that `tables.py` states."""
    assert store.names() == []
    engine = engine_for(store_url)
    with engine.connect() as connection:
        ours = {"version_table": schema.VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), metadata) == []
    engine.dispose()


@pytest.mark.parametrize("revision", revisions())
def test_an_older_store_is_brought_up_to_date(
    store_url: str, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store as any migration left it opens at the newest schema."""
    with monkeypatch.context() as past:
        past.setattr(schema, "HEAD", revision)
        Store.open(store_url).close()
    with Store.open(store_url) as opened:
        opened.create("x", {}, {}, 0, None)
    assert version(store_url) == schema.HEAD


def test_a_newer_store_is_refused(store_url: str) -> None:
    """A schema that this lossmith does not know is left as it is, with both versions and two ways out."""
    Store.open(store_url).close()
    engine = engine_for(store_url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE lossmith_schema SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(UserError, match=r"has schema 9999, newer than the .*upgrade lossmith.*--store"):
        Store.open(store_url)
    assert version(store_url) == "9999"


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["DELETE FROM lossmith_schema"], r"says \[\] of its schema"),
        (["UPDATE lossmith_schema SET version_num = 'zzz'"], r"says \['zzz'\]"),
        (["UPDATE lossmith_schema SET version_num = '0000'"], r"says \['0000'\]"),
        (["INSERT INTO lossmith_schema VALUES ('0001')"], r"says \['000"),
        (["DROP TABLE lossmith_schema"], "no version of its schema"),
        (["DROP TABLE lossmith_schema", "CREATE TABLE lossmith_schema (x TEXT)"], "without version_num"),
        (["DROP TABLE lossmith_trials"], r"lacks lossmith_trials\."),
        (["DROP TABLE lossmith_trainings"], r"lacks lossmith_trainings\."),
        (["ALTER TABLE lossmith_searches DROP COLUMN notes"], r"lacks lossmith_searches\.notes"),
    ],
)
def test_a_store_that_is_not_what_it_says_is_refused(
    store_url: str, statements: list[str], words: str
) -> None:
    """An empty or unknown version, and a missing table or column, are one line with what is wrong."""
    Store.open(store_url).close()
    engine = engine_for(store_url)
    with writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
    with pytest.raises(UserError, match=rf"must be as lossmith made it, but .* {words}.*; restore a copy"):
        Store.open(store_url)


def test_a_migration_that_breaks_off_leaves_nothing(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations are one transaction, so that the next opening starts from where the broken one did."""

    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(op, "create_index", crash)
        with pytest.raises(ZeroDivisionError):
            Store.open(store_url)
    engine = engine_for(store_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    with Store.open(store_url) as opened:
        assert opened.names() == []


def test_many_that_open_a_new_store_at_once_all_succeed(store_url: str) -> None:
    """One of them migrates, the others wait for it."""
    gate, names = threading.Barrier(4), []

    def run() -> None:
        gate.wait()
        with Store.open(store_url) as opened:
            names.append(opened.names())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == [[], [], [], []]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "lossmith.db",
            r"must be a database URL such as sqlite:///.*, but got 'lossmith.db'.*--store",
        ),
        ("", r"must be a database URL .*LOSSMITH_STORE"),
        ("oops://u:hunter2@h/x", r"must begin with sqlite:/// or postgresql://"),
        ("postgresql+oops://u:hunter2@h/x", r"must begin with sqlite:/// or postgresql://"),
        ("postgresql://u:hunter2@h:port/x", r"must be a database URL"),
        ("mysql+mysqldb://u:hunter2@h/x", r"needs the Python package MySQLdb, .*pip install"),
        ("sqlite://", r"must outlive the process, but sqlite:// names no file"),
        ("sqlite:///:memory:", r"must outlive the process"),
    ],
)
def test_an_address_that_is_none_is_one_line(url: str, words: str) -> None:
    """Each says the rule, the value and the remedy, and none shows a password."""
    with pytest.raises(UserError, match=words) as caught:
        Store.open(url)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A store below a plain file is refused with the directory and the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=rf"{tmp_path}/file/deeper/lossmith.db cannot .*--store"):
        Store.open(f"sqlite:///{tmp_path}/file/deeper/lossmith.db")


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    """Something else under the store's name is refused and left as it is."""
    (tmp_path / "lossmith.db").write_text("not a database" * 100)
    with pytest.raises(UserError, match=r"cannot open the store .*: file is not a database; name another"):
        Store.open(f"sqlite:///{tmp_path}/lossmith.db")
    assert (tmp_path / "lossmith.db").read_text() == "not a database" * 100


def test_a_password_is_not_shown() -> None:
    """Neither one in the place for it, nor one in the query, nor one in an address that is none."""
    for url in ("postgresql://u:hunter2@h/x", "postgresql://h/x?password=hunter2", "://u:hunter2@h:y/x"):
        assert "hunter2" not in shown(url)
    assert shown("postgresql://u:hunter2@h/x") == "postgresql://u:***@h/x"


def test_a_store_stays_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative address means the directory of the moment, wherever the process goes later."""
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///sub/lossmith.db") as opened:
        monkeypatch.chdir("/")
        opened.create("x", {}, {}, 0, None)
    with Store.open(f"sqlite:///{tmp_path}/sub/lossmith.db") as again:
        assert again.names() == ["x"]
