"""Who proposes points: one file for each sampler; `register_sampler` adds one from outside."""

from .registry import SAMPLERS, register_sampler, sampler_named
from .sampler import Observation, Sampler

__all__ = ["SAMPLERS", "Observation", "Sampler", "register_sampler", "sampler_named"]
