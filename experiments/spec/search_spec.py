"""The SPEC: what a user writes to ask for a search, checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ...losses import UserError
from ...losses.spec import table_html
from ...search.training.ray import Resources
from ...spaces.recipe import Recipe
from .durations import parse_duration
from .errors import explained

MOST = 10_000  # of repeats and contenders: what is above is a slip of the keyboard, and memory would end it
LARGEST_COHORT = 1 << 20

# YAML 1.1 reads a bare `off` as false, and `headroom: off` must mean what it says.
Headroom = Annotated[
    Literal["warn", "stop", "off"], BeforeValidator(lambda value: "off" if value is False else value)
]


class _Strict(BaseModel):
    """Extra keys are errors and nothing is converted or changes later. A field's description is its rule."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Repeats(_Strict):
    """How often each candidate is trained: `seeds`, and `folds` where the task has no validation part."""

    seeds: int = Field(4, ge=1, le=MOST, description="a whole number of at least 1, such as 4")
    folds: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="a whole number of at least 1, such as 4 (1 is one stratified 80/20 split)",
    )


class RaceSpec(_Strict):
    """The race: `seeds` a candidate is trained on, `contenders` that enter; None leaves it to the race."""

    seeds: int | None = Field(None, ge=2, le=MOST, description="a whole number of at least 2, such as 12")
    contenders: int | None = Field(
        None, ge=1, le=MOST, description="a whole number of at least 1, such as 24"
    )


class VerdictSpec(_Strict):
    """The verdict: `seeds` of the final paired comparison (None leaves it to the verdict), and two wishes.

    `margin`, in the metric's units, is how much worse than the best standard loss is still called no worse.
    `random_search` also searches at random with the same budget, at twice the price, to tell whether the
    sampler was worth it.
    """

    seeds: int | None = Field(None, ge=2, le=MOST, description="a whole number of at least 2, such as 24")
    margin: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="a number of at least 0 in the metric's units, such as 0.005",
    )
    random_search: bool = Field(default=False, description="true or false")


class CompareSpec(_Strict):
    """Losses that are compared in place of a search: `losses`, and whether their parameters are tuned.

    A loss is a standard name or that of one under `space: terms`, with parameters as in `focal:gamma=3`;
    `all` for every standard loss of the kind; or a mapping of a name and a loss as `loss.json` has it. The
    others are compared with the first.
    """

    losses: list[str | dict[str, Any]] = Field(
        [], description="a list of at least two losses, such as [cross_entropy, focal:gamma=3]"
    )
    tune: bool = Field(default=False, description="true or false")


class SearchSpec(_Strict):
    """One search as it was asked for: a SPEC with its defaults filled in.

    Attributes carry the names of the SPEC's keys, except `time_limit_s`, which is `time_limit` in seconds.
    `task` is the name of a built-in task, "/absolute/path/to/file.py:function", or what `TableSpec` says.
    The names of tasks, spaces and samplers are checked by those who own them.
    """

    task: str | dict[str, Any] = Field(
        min_length=1,
        description="the name of a built-in task such as digits-longtail, path/to/file.py:function, or a "
        "mapping such as {file: data.csv, target: label}",
    )
    space: str | dict[str, Any] = Field(
        "auto",
        description="auto, the name of a preset, or a mapping of preset, parameters, switches and terms",
    )
    trials: int | None = Field(
        None, ge=1, le=10**9, description="a whole number of at least 1, such as 256: the losses to try"
    )
    time_limit_s: float | None = Field(
        None,
        alias="time_limit",
        description="a time such as 90s, 10m or 1h30m, for the whole search",
    )
    sampler: str = Field("auto", min_length=1, description="the name of a sampler, such as auto")
    engine: str = Field("auto", min_length=1, description="auto, cohort or loop")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:1")
    precision: Literal["float32", "bf16"] = Field("float32", description="float32 or bf16")
    repeats: Repeats = Field(Repeats(), description="a mapping such as {seeds: 4}")
    headroom: Headroom = Field("warn", description="warn, stop or off")
    seed: int = Field(0, ge=0, lt=2**63, description="a whole number of at least 0, such as 0")
    name: str | None = Field(
        None,
        description="at most 100 letters, digits, dots, dashes or underscores, the first a letter or a "
        "digit, such as digits-1 (a number in quotes)",
    )
    training: dict[str, Any] | None = Field(
        None,
        description="a mapping such as {kind: multiclass, metric: accuracy}, for a function "
        "train(loss, trial)",
    )
    recipe: dict[str, Any] = Field({}, description="a mapping such as {epochs: 20, batch_size: 128}")
    cohort: int | None = Field(
        None, ge=1, le=LARGEST_COHORT, description="a whole number of at least 1, such as 64"
    )
    resources: dict[str, Any] = Field(
        {}, description="a mapping such as {cpus: 1, gpus: 0.5}: what a piece of a cohort gets on a cluster"
    )
    race: RaceSpec = Field(RaceSpec(), description="a mapping such as {seeds: 12, contenders: 24}")
    verdict: VerdictSpec = Field(VerdictSpec(), description="a mapping such as {seeds: 24}")
    transfer: list[str | dict[str, Any]] = Field(
        [], description="a list of tasks such as [digits-noisy, other.py:task]"
    )
    insight: bool = Field(
        default=True, description="true or false: whether the winner's parts are looked into"
    )
    compare: CompareSpec = Field(
        CompareSpec(),
        description="a mapping such as {losses: [cross_entropy, focal]}: losses to compare in place of a "
        "search, which needs no trials",
    )

    @field_validator("time_limit_s", mode="before")
    @classmethod
    def _seconds(cls, value: object) -> float | None:
        return None if value is None else parse_duration(value)

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str | None) -> str | None:
        # The name appears in commands, file names and MLflow; what a shell would expand stays out.
        if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
            raise ValueError("not a name")  # its text may be none: pydantic takes no lone surrogate there
        return value

    @field_validator("engine")
    @classmethod
    def _trains(cls, value: str) -> str:
        from ...search.training.engines.registry import engine_named

        return value if value == "auto" else engine_named(value).name

    @field_validator("recipe")
    @classmethod
    def _trainable(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            Recipe.from_mapping(value)
        except TypeError as error:  # a comparison of, say, text with a number
            raise UserError(f"recipe: each value must have the type of its key, but got {value!r}") from error
        return value

    @field_validator("resources")
    @classmethod
    def _placeable(cls, value: dict[str, Any]) -> dict[str, Any]:
        Resources.from_mapping(value)
        return value

    @model_validator(mode="after")
    def _ends(self) -> SearchSpec:
        if self.trials is None and self.time_limit_s is None and not self.compare.losses:
            raise UserError("a search must have an end: give `trials: 256`, `time_limit: 10m` or both")
        return self

    def _repr_html_(self) -> str:
        return table_html({key: value for key, value in self.to_json().items() if value is not None})

    def to_json(self) -> dict[str, Any]:
        """Return a plain document for the store; `from_json` reads it back."""
        searches = None if self.compare.losses else {"compare"}
        return self.model_dump(mode="json", by_alias=True, exclude=searches)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SearchSpec:
        """Read the SPEC that a document describes.

        Raises:
            UserError: The document describes none; in one line.
        """
        return validated(document, "SPEC")


def validated(document: Mapping[str, Any], label: str) -> SearchSpec:
    """Check the SPEC that a document describes.

    Args:
        document: The keys of a SPEC.
        label: What the document is called in an error, such as its file.

    Raises:
        UserError: A key is unknown, or a value breaks its rule.
    """
    try:
        return SearchSpec.model_validate(document)
    except ValidationError as error:
        raise UserError(explained(error, SearchSpec, label)) from error
