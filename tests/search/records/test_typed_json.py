"""Plain JSON as typed records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from lossmith.search.records.typed_json import OMITTED, REST, Damaged, plain, read
from lossmith.spaces.recipe import Recipe


@dataclass(frozen=True)
class Leaf:
    """A record in a record."""

    count: int
    share: float | None


@dataclass(frozen=True)
class Tree:
    """A record with every kind of field."""

    name: str
    state: Literal["young", "old"]
    leaves: tuple[Leaf, ...]
    by_name: Mapping[str, tuple[int, float]]
    recipe: Recipe
    fit: bool = True
    remark: str | None = field(default=None, metadata=OMITTED)
    more: Mapping[str, Any] = field(default_factory=dict, metadata=REST)


DOCUMENT: dict[str, Any] = {
    "name": "oak",
    "state": "old",
    "leaves": [{"count": 1, "share": 0.5}, {"count": 2, "share": None}],
    "by_name": {"a": [1, 2.5]},
    "recipe": Recipe(epochs=3).to_json(),
    "fit": False,
    "height": {"of another": ["version"]},
}


def test_a_record_is_its_json_and_back() -> None:
    """Nested records, tuples and mappings come out typed, and as they went in; unknown keys are kept."""
    tree = read(Tree, DOCUMENT)
    assert tree.leaves == (Leaf(1, 0.5), Leaf(2, None))
    assert tree.recipe == Recipe(epochs=3)
    assert tree.more == {"height": {"of another": ["version"]}}
    assert plain(tree) == DOCUMENT


def test_a_field_that_may_be_missing_is_left_out_again() -> None:
    """An omitted key is None in the record and no key in the JSON."""
    assert read(Tree, DOCUMENT).remark is None
    assert plain(read(Tree, {**DOCUMENT, "remark": "tall"}))["remark"] == "tall"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 5}, "tree.name must be text, but got 5"),
        ({"state": "dead"}, "tree.state must be one of young, old, but got 'dead'"),
        ({"leaves": {}}, "tree.leaves must be a list, but got {}"),
        ({"leaves": [{"count": 1}]}, r"tree.leaves\[0\] must have the key share"),
        ({"leaves": [{"count": True, "share": None}]}, r"tree.leaves\[0\].count must be a whole number"),
        ({"leaves": [{"count": 1, "share": "x"}]}, r"tree.leaves\[0\].share must be a number, but got 'x'"),
        ({"leaves": [None]}, r"tree.leaves\[0\] must be a mapping, but got None"),
        ({"by_name": {"a": [1]}}, "tree.by_name.a must be a list of 2"),
        ({"recipe": {"epochs": 0}}, "tree.recipe cannot be read: .*epochs must be a whole number"),
        ({"fit": 1}, "tree.fit must be true or false"),
    ],
)
def test_a_damaged_document_is_named_by_its_place(change: dict[str, Any], said: str) -> None:
    """The message names the place, what belongs there and what was found."""
    with pytest.raises(Damaged, match=said):
        read(Tree, {**DOCUMENT, **change}, "tree")


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_mapping_is_no_record(document: Any) -> None:
    """A record is read from a mapping alone."""
    with pytest.raises(Damaged, match="must be a mapping"):
        read(Tree, document)
