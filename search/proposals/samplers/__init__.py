"""Who proposes: one file for each sampler. `SAMPLERS` names them."""

from .auto import Auto
from .cmaes import CmaEs
from .evolution import Evolution
from .qmc import Qmc
from .random import Random
from .sampler import Observation, Sampler
from .tpe import Tpe

SAMPLERS: dict[str, type[Sampler]] = {
    "auto": Auto,
    "cmaes": CmaEs,
    "evolution": Evolution,
    "qmc": Qmc,
    "random": Random,
    "tpe": Tpe,
}

__all__ = ["SAMPLERS", "Observation", "Sampler"]
