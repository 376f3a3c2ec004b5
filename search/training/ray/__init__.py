"""Training on a Ray cluster; importing this package imports no Ray."""

from .function_trainer import function_on_ray
from .resources import Resources
from .trainer import on_ray

__all__ = ["Resources", "function_on_ray", "on_ray"]
