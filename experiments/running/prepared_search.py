"""A SPEC made ready to run: its task, space and plan, and who trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from ...losses.custom import adopt, fingerprints
from ...losses.errors import UserError
from ...search import Plan, Task, TrainingFunction, load_task
from ...search.proposals.samplers import sampler_named
from ...search.records import EngineChoice
from ...search.tasks import Subject, TaskRecord
from ...search.tasks.load import check_untrained
from ...search.tasks.named_losses import NamedLoss, named_losses
from ...search.training.engines.device import Hardware
from ...search.training.functions import rehearsed
from ...search.training.ray import Resources
from ...spaces import LEARNING_RATE, Space, own_terms, space_from
from ..spec import SearchSpec
from ..usercode import trust
from .runners import Training, TrainingRequest, runner_named


@dataclass(frozen=True, eq=False)
class PreparedSearch:
    """A SPEC made ready: everything that can be wrong with it has been looked at.

    Attributes:
        spec: The SPEC.
        task: What a loss is searched for.
        space: Which losses may be searched.
        plan: The budget of each phase.
        given: Whether the task was made in Python, so that a resume must be given it again.
        others: The tasks under `transfer`.
        hardware: The device and precision, for a task that lossmith trains itself.
        named: The losses to compare, where none is searched.
    """

    spec: SearchSpec
    task: Task | TrainingFunction
    space: Space
    plan: Plan
    given: bool = False
    others: tuple[Task, ...] = ()
    hardware: Hardware = field(default_factory=Hardware)
    named: tuple[NamedLoss, ...] = ()

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the verdict should be warned of; raises `UserError` for folds that cannot be."""
        return tuple(self.task.warnings(self.plan.folds))

    @classmethod
    def of(cls, spec: SearchSpec, given: Task | TrainingFunction | None = None) -> PreparedSearch:
        """Make a SPEC ready to run.

        Args:
            spec: The SPEC.
            given: The task that was made in Python; None where the SPEC names one.

        Raises:
            UserError: Something of what it asks for cannot be.
        """
        sampler_named(spec.sampler)
        if given is not None:
            check_untrained("a task given as an object", spec.training)
        task = given or load_task(spec.task, training=spec.training)
        task = task.with_recipe(spec.recipe) if spec.recipe else task
        if isinstance(task, TrainingFunction):
            task = rehearsed(task, spec.seed)
        if spec.repeats.folds is not None and not task.folds:
            raise UserError(
                f"repeats: folds must be left out where the task has a validation part, as {task.name} has, "
                f"but got {spec.repeats.folds}; its repeats are seeds"
            )
        trust(own_terms(spec.space))
        space = space_from(spec.space, task.kind, task.constants.class_counts, task.metric)
        if not task.tunes:
            space = replace(space, fixed={**space.fixed, LEARNING_RATE: task.settings.rate})
        hardware = Hardware()
        if task.reports_outputs:  # a function that trains chooses its own
            hardware = Hardware.asked(spec.device, spec.precision)
        others = tuple(_others(spec, task))
        named = _named(spec, task)
        return cls(spec, task, space, _plan(spec), given is not None, others, hardware, named)

    def start(
        self, runner: str | None, note: Callable[[str], None], before: EngineChoice | None = None
    ) -> Training:
        """Start the runner that will train this search.

        Args:
            runner: Its name; None is this machine.
            note: Is told what the user should read.
            before: The engine that the search began with, where it is resumed.

        Raises:
            UserError: The runner is unknown or cannot start, or the SPEC names a device that it does not let
                a SPEC choose.
        """
        chosen = runner_named(runner)
        decides = chosen.decides or (
            None if self.task.reports_outputs else "a function train(loss, trial), which"
        )
        if decides and (self.spec.device, self.spec.precision) != ("auto", "float32"):
            raise UserError(
                f"device and precision must be left out for {decides} decides, "
                f"but got {self.spec.device} and {self.spec.precision}"
            )
        resources = Resources.from_mapping(self.spec.resources)
        asked = TrainingRequest(
            self.task, self.plan, self.spec.engine, self.hardware, resources, note, before
        )
        return chosen.start(asked)

    def describe(self, training: Training) -> TaskRecord:
        """Return what the store keeps of the task: its data, the constants of its losses, how it is trained.

        Args:
            training: Who trains it.
        """
        return replace(
            self.task.describe(),
            notes=tuple(self.task.notes),
            warnings=self.warnings,
            given=self.given or None,
            terms=fingerprints(own_terms(self.spec.space)) or None,
            engine=training.choice,
            hardware=training.hardware or None,
        )


def _others(spec: SearchSpec, task: Subject) -> Iterator[Task]:
    """The tasks under `transfer`; raises `UserError` for one on which the loss cannot be tried."""
    seen: set[str] = set()
    for name in spec.transfer:
        other = load_task(name)
        if not isinstance(other, Task):
            raise UserError(f"transfer: each must be a task with data, but {name} is a training function")
        if other.kind != task.kind:
            raise UserError(
                f"transfer: each task must be of the search's own kind, {task.kind}, but {other.name} is "
                f"{other.kind}; leave it out"
            )
        if other.name in seen:
            raise UserError(f"transfer: tasks must differ in their names, but two are called {other.name}")
        seen.add(other.name)
        yield other


def _named(spec: SearchSpec, task: Subject) -> tuple[NamedLoss, ...]:
    """The losses under `compare`; those of the user's own by the names of their objects."""
    if not spec.compare.losses:
        return ()
    places = own_terms(spec.space)
    parts = zip(places, adopt(places, task.kind), strict=True)
    own = {place.rpartition(":")[2]: found.name for place, found in parts}
    return named_losses(task, spec.compare.losses, own, tune=spec.compare.tune)


def _plan(spec: SearchSpec) -> Plan:
    asked = {
        "folds": spec.repeats.folds,
        "width": spec.cohort,
        "race_seeds": spec.race.seeds,
        "contenders": spec.race.contenders,
        "verdict_seeds": spec.verdict.seeds,
    }
    searches = not spec.compare.losses
    return Plan(
        trials=spec.trials if searches else 0,
        time_limit_s=spec.time_limit_s,
        seeds=spec.repeats.seeds,
        headroom=spec.headroom if searches else "off",
        margin=spec.verdict.margin,
        random_search=spec.verdict.random_search and searches,
        insight=spec.insight and searches,
        seed=spec.seed,
        **{name: value for name, value in asked.items() if value is not None},
    )
