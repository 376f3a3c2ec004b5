"""A frozen backbone run once over data, and its features kept on disk under the hash of both."""

from __future__ import annotations

import inspect
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ....losses.custom import user_error
from ....losses.errors import UserError
from ..streaming import Streamed

SPOKEN_EVERY_S = 5.0
PROBES = 16  # inputs whose features are made again before those in the cache are believed
TOLERANCE = 1e-4  # relative: batches of another size round otherwise

Told = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A backbone on its way over the parts of the data.

    Attributes:
        backbone: The module that makes features (N, ...) of inputs.
        device: Where it runs.
        batch_size: The number of inputs it is given at a time.
        folder: Where features are kept.
        told: Called with each line on the progress.
        name: The task's name, with which lines begin.
    """

    backbone: nn.Module
    device: torch.device
    batch_size: int
    folder: Path
    told: Told
    name: str

    def features(self, part: str, inputs: Tensor) -> Tensor:
        """The features (N, F) of a part's inputs, from the cache or from the backbone.

        Features in the cache are believed once the backbone has made some of them again.

        Args:
            part: The part's name, for lines and errors.
            inputs: The inputs (N, ...) of the backbone.

        Raises:
            UserError: The backbone fails, or returns no finite features (N, ...).
        """
        path = self.folder / f"{content_hash(self.backbone, inputs)}.pt"
        found = _cached(path, len(inputs))
        if found is not None and self._still_made(inputs, found):
            self.told(f"{self.name}: {part} features from {path}")
            return found
        if found is not None:
            self.told(f"{self.name}: the backbone makes other {part} features than {path} holds: made anew")
        made = torch.cat(list(self._batches(part, inputs)))
        if not bool(made.isfinite().all()):
            row = int((~made.isfinite()).any(1).nonzero()[0])
            raise UserError(f"{self.name}: features must be finite, but those of {part} row {row} are not")
        _store(path, made, self.told)
        return made

    def _still_made(self, inputs: Tensor, features: Tensor) -> bool:
        """Whether the backbone makes these features of some of the inputs, spread over all of them.

        The hash does not see what decides in a plain attribute or in a function that `forward` calls.
        """
        rows = torch.linspace(0, len(inputs) - 1, min(len(inputs), PROBES)).round().long()
        with _frozen(self.backbone, self.device):
            made = self._of(inputs[rows])
        kept = features[rows]
        slack = TOLERANCE * float(kept.abs().max())
        return made.shape == kept.shape and bool(torch.allclose(made, kept, rtol=TOLERANCE, atol=slack))

    def _batches(self, part: str, inputs: Tensor) -> Iterator[Tensor]:
        started = spoken = time.monotonic()
        done, total = 0, len(inputs)
        with _frozen(self.backbone, self.device):
            for batch in inputs.split(self.batch_size):
                yield self._of(batch)
                done += len(batch)
                now = time.monotonic()
                if now - spoken >= SPOKEN_EVERY_S or done == total:
                    spoken = now
                    left = "" if done == total else f", {(now - started) / done * (total - done):.0f}s left"
                    self.told(f"{self.name}: {part} features {done:,}/{total:,}{left}")

    def _of(self, batch: Tensor) -> Tensor:
        try:  # on a copy, for it may work in place
            features = self.backbone(batch.to(self.device, copy=True))
        except (Exception, SystemExit) as error:
            said = f"{self.name}: the backbone must accept inputs {tuple(batch.shape)}, but it raised"
            raise user_error(said, error) from error
        if (
            not isinstance(features, Tensor)
            or features.dim() < 2
            or len(features) != len(batch)
            or not features.numel()
        ):
            got = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise UserError(
                f"{self.name}: the backbone must return features (N, ...), but for {len(batch)} samples it "
                f"returned {got}; wrap it in a module that does"
            )
        if features.is_complex():
            raise UserError(
                f"{self.name}: features must be real numbers, but the backbone returned {features.dtype}"
            )
        return features.flatten(1).float().cpu()


@contextmanager
def _frozen(backbone: nn.Module, device: torch.device) -> Iterator[None]:
    """Within it the backbone evaluates on the device; afterwards it is as it was."""
    modes = {module: module.training for module in backbone.modules()}
    home = next((tensor.device for tensor in (*backbone.parameters(), *backbone.buffers())), device)
    backbone.to(device).eval()
    try:
        with torch.no_grad():
            yield
    finally:
        backbone.to(home)
        for module, mode in modes.items():
            module.training = mode


def content_hash(backbone: nn.Module, inputs: Tensor) -> str:
    """32 hexadecimal digits that tell a backbone by its structure, code and weights, and data by its numbers.

    Args:
        backbone: The module.
        inputs: Its inputs (N, ...), a tensor or streamed.
    """
    found = sha256(repr(backbone).encode())
    for kind in sorted({type(module) for module in backbone.modules()}, key=lambda k: k.__qualname__):
        if not kind.__module__.startswith("torch."):
            with suppress(OSError, TypeError):  # a class that was typed in has no source
                found.update(inspect.getsource(kind).encode())
    for key, tensor in backbone.state_dict().items():
        _update(found, key, tensor.detach().cpu())
    chunks: Any = inputs.chunks() if isinstance(inputs, Streamed) else inputs.split(4096)
    for chunk in chunks:
        _update(found, "inputs", chunk)
    return found.hexdigest()[:32]


def _update(found: Any, key: str, tensor: Tensor) -> None:
    found.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
    if tensor.numel():
        found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())


def _cached(path: Path, count: int) -> Tensor | None:
    """The features in the file; None where there is none, or one that cannot be read."""
    try:
        held: Mapping[str, Tensor] = torch.load(path, weights_only=True)
        features = held["features"]
    except Exception:  # noqa: BLE001  (a broken file is made anew, whatever is wrong with it)
        return None
    return features if len(features) == count else None


def _store(path: Path, features: Tensor, told: Told) -> None:
    """Write the features wholly or not at all."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            torch.save({"features": features}, file)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        told(f"the features are not kept: {path.parent} cannot be written ({error.strerror})")
