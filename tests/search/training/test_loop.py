"""The loop engine's own choices: how images lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import standard_spec
from lossmith.search import Candidate, Repeat, Task
from lossmith.search.tasks.splits import split_for
from lossmith.search.training.engines.loop import LoopProgram
from lossmith.search.training.program import Job

from ..small_tasks import image_task

seen: set[bool] = set()


class Watching(nn.Module):
    """Notes whether what the convolution made has its channels last."""

    def forward(self, maps: Tensor) -> Tensor:
        """The maps as they are."""
        seen.add(maps.is_contiguous(memory_format=torch.channels_last))
        return maps


class Viewing(nn.Module):
    """A flattening that takes a view, as many models do."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) as (N, C H W)."""
        return maps.view(len(maps), -1)


def model(*before: nn.Module, flatten: type[nn.Module] = nn.Flatten) -> Callable[[], nn.Module]:
    """A factory of a small convolutional network on images (N, 1, 6, 6)."""
    return lambda: nn.Sequential(nn.Conv2d(1, 4, 3), *before, nn.ReLU(), flatten(), nn.Linear(64, 3))


def trained(task: Task) -> dict[str, Tensor]:
    """The parameters of a model that the loop engine trained."""
    repeat = Repeat(0)
    candidates = [Candidate(standard_spec("cross_entropy", "multiclass"), task.settings)]
    program = LoopProgram(Job(task, split_for(task, repeat, 0, 0), candidates, repeat, 0))
    seen.clear()
    program.train(2)
    return program.parameters(0)


@pytest.mark.parametrize(
    ("made", "last"),
    [
        (model(Watching()), True),
        (model(Watching(), flatten=Viewing), False),
        (model(Watching(), nn.Dropout(0.5)), False),
    ],
    ids=["a model that bears it", "one that takes views", "one that draws random numbers"],
)
def test_images_lie_channels_last_where_the_model_bears_it(
    made: Callable[[], nn.Module],
    last: bool,  # noqa: FBT001
) -> None:
    """Pooling is much faster so, but views break, and random masks would be drawn in another order."""
    trained(image_task(made))
    assert seen == {last}


def test_a_model_ends_alike_in_either_layout() -> None:
    """How images lie in memory is no part of what is trained."""
    one, other = (
        trained(image_task(model(flatten=flatten), torch.float64)) for flatten in (nn.Flatten, Viewing)
    )
    for name, value in one.items():
        assert torch.allclose(value, other[name], rtol=1e-9), name
        assert value.is_contiguous()
