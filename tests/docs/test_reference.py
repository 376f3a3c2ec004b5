"""Pages that are made from the code list all there is of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from lossmith.experiments.spec import SearchSpec, TableSpec
from lossmith.losses import standard_specs
from lossmith.losses.declarations import KINDS
from lossmith.search.metrics import METRICS
from lossmith.search.proposals.samplers import SAMPLERS
from lossmith.spaces import presets

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """The module that makes the pages."""
    pytest.importorskip("mkdocs", reason="pip install mkdocs")
    found = importlib.util.spec_from_file_location("hooks", DOCS / "hooks.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_page_on_specs_lists_every_key_and_every_name(hooks: ModuleType) -> None:
    """Keys of a SPEC and of its parts, and what metrics, presets and samplers there are."""
    text = hooks.spec_keys()
    keys = {f"`{name}`" for name in (*METRICS, *SAMPLERS, *presets())}
    keys |= {f"`{field.alias or name}`" for name, field in SearchSpec.model_fields.items()}
    keys |= {f"`task.{field.alias or name}`" for name, field in TableSpec.model_fields.items()}
    keys |= {"`race.seeds`", "`verdict.seeds`", "`repeats.folds`", "`batch_size`", "`greater_is_better`"}
    assert not [key for key in keys if key not in text]


def test_no_row_of_a_table_is_lost_to_braces(hooks: ModuleType) -> None:
    """A row that ends in braces would be read as attributes and left out, so none has any."""
    rows = [line for line in hooks.spec_keys().splitlines() if line.startswith("|")]
    assert not [row for row in rows if "{" in row or "}" in row]


@pytest.mark.parametrize("kind", KINDS)
def test_the_catalogue_says_when_each_standard_loss_is_used(kind: str, hooks: ModuleType) -> None:
    """A reader who sees a formula also reads in which situation people take it."""
    text = hooks.catalogue(kind)
    for name in standard_specs(kind):
        said = hooks.when_to_use(kind, name)
        assert len(said) > 30, name
        assert said in text
    assert "<text" in text, "curves have numbers at their axes"
