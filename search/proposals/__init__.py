"""Who proposes the next trials."""

from .prefetch import ProposalPrefetcher, cohort_size
from .proposer import Proposer
from .samplers import SAMPLERS, Observation, Sampler, register_sampler, sampler_named
from .screening import rejected

__all__ = [
    "SAMPLERS",
    "Observation",
    "ProposalPrefetcher",
    "Proposer",
    "Sampler",
    "cohort_size",
    "register_sampler",
    "rejected",
    "sampler_named",
]
