"""A SPEC made ready to run: its task, space and plan, and who trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ...losses.custom.load_file import fingerprints
from ...losses.errors import UserError, unknown
from ...search import Plan, Task, TrainingFunction, load_task
from ...search.proposals.samplers import SAMPLERS
from ...search.tasks.subject import Subject
from ...search.training.cohort_trainer import Trainer
from ...search.training.engines.autotune import EngineChoice
from ...search.training.engines.device import Hardware
from ...search.training.functions import FunctionTrainer, local_function, rehearsed
from ...search.training.local import local
from ...search.training.ray import Resources
from ...spaces import LEARNING_RATE, Space, own_terms, space_from
from ..spec import SearchSpec
from ..usercode.trust import trust


@dataclass(frozen=True, eq=False)
class PreparedSearch:
    """A SPEC made ready: everything that can be wrong with it has been looked at."""

    spec: SearchSpec
    task: Task | TrainingFunction
    space: Space
    plan: Plan
    given: bool = False
    others: tuple[Task, ...] = ()
    hardware: Hardware = field(default_factory=Hardware)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the verdict should be warned of; raises `UserError` for folds that cannot be."""
        return tuple(self.task.warnings(self.plan.folds))

    @classmethod
    def of(cls, spec: SearchSpec, given: Task | TrainingFunction | None = None) -> PreparedSearch:
        """What a SPEC asks for; raises `UserError` for whatever in it cannot be."""
        if spec.sampler not in SAMPLERS:
            raise unknown("sampler", spec.sampler, SAMPLERS)
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
        space = space_from(spec.space, task.kind, task.constants.get("class_counts"), task.metric)
        if not task.tunes:
            space = replace(space, fixed={**space.fixed, LEARNING_RATE: task.settings.rate})
        hardware = Hardware()
        if task.reports_outputs:  # a function that trains chooses its own
            hardware = Hardware.asked(spec.device, spec.precision)
        others = tuple(_others(spec, task))
        return cls(spec, task, space, _plan(spec), given is not None, others, hardware)

    def describe(self, trainer: object = None) -> dict[str, Any]:
        """What the store keeps of the task, with the constants that its losses read and how it is trained."""
        given = {"given": True} if self.given else {}
        choice = getattr(trainer, "choice", None)
        engine = {} if choice is None else {"engine": choice.to_json()}
        if isinstance(trainer, Trainer) and trainer.hardware is not None:
            engine["hardware"] = str(trainer.hardware)
        terms = fingerprints(own_terms(self.spec.space))
        own = {"terms": terms} if terms else {}
        told = {"notes": list(self.task.notes), "warnings": list(self.warnings)}
        return {**self.task.describe(), **self.task.constants, **told, **given, **own, **engine}

    def trainer(
        self, runner: str | None, note: Callable[[str], None], before: EngineChoice | None = None
    ) -> Trainer | FunctionTrainer:
        """Who trains: this machine, or a Ray cluster; as `before`, where the engine was chosen already."""
        elsewhere = None if self.task.reports_outputs else "a function train(loss, trial), which"
        elsewhere = "a Ray cluster, where `resources`" if runner == "ray" else elsewhere
        if elsewhere and (self.spec.device, self.spec.precision) != ("auto", "float32"):
            raise UserError(
                f"device and precision must be left out for {elsewhere} decides, "
                f"but got {self.spec.device} and {self.spec.precision}"
            )
        if runner == "ray":
            from ...search.training.ray import function_on_ray, on_ray

            wanted = Resources.from_mapping(self.spec.resources)
            if isinstance(self.task, TrainingFunction):
                return function_on_ray(self.task, self.plan, wanted)
            return on_ray(self.task, self.plan, self.spec.engine, wanted, note, before)
        if isinstance(self.task, TrainingFunction):
            return local_function(self.task, self.plan)
        return local(self.task, self.plan, self.spec.engine, note, before, self.hardware)


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


def _plan(spec: SearchSpec) -> Plan:
    asked = {
        "folds": spec.repeats.folds,
        "width": spec.cohort,
        "race_seeds": spec.race.seeds,
        "contenders": spec.race.contenders,
        "verdict_seeds": spec.verdict.seeds,
    }
    return Plan(
        trials=spec.trials,
        time_limit_s=spec.time_limit_s,
        seeds=spec.repeats.seeds,
        headroom=spec.headroom,
        margin=spec.verdict.margin,
        random_search=spec.verdict.random_search,
        insight=spec.insight,
        seed=spec.seed,
        **{name: value for name, value in asked.items() if value is not None},
    )
