"""What an export is good for: a plain loop, autocast, torch.compile, and loading loss.json.

`python examples/use_exported_loss.py FOLDER`, where FOLDER is what `lossmith export NAME --to FOLDER` wrote
for a multiclass task.
"""

import importlib.util
import sys
from pathlib import Path

import torch
from torch import nn

from lossmith.losses import load_frozen


def from_source(folder):
    """`loss.py` needs torch alone: copy it into a project and import it, or import it from where it lies."""
    spec = importlib.util.spec_from_file_location("exported_loss", Path(folder) / "loss.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Loss()


def plain(criterion, model, inputs, targets):
    """One step of a plain loop; the value of the loss before it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    optimizer.zero_grad()
    value = criterion(model(inputs), targets)
    value.backward()
    optimizer.step()
    return value.item()


def mixed_precision(criterion, model, inputs, targets):
    """The same under autocast: half-precision logits are taken, the loss itself is computed in float32."""
    device = inputs.device.type
    with torch.autocast(device, torch.bfloat16):
        logits = model(inputs)
        value = criterion(logits, targets)
    value.backward()
    return value.item()


def compiled(criterion, model, inputs, targets, backend="inductor"):
    """Model and loss as one compiled program."""

    @torch.compile(backend=backend)
    def value_of(inputs, targets):
        return criterion(model(inputs), targets)

    value = value_of(inputs, targets)
    value.backward()
    return value.item()


def main(folder):
    """Every way on one batch; the values must agree, bfloat16 to its three digits."""
    frozen = load_frozen(Path(folder) / "loss.json")
    classes = len(frozen.spec.class_counts or range(10))
    model = nn.Linear(20, classes)
    inputs, targets = torch.randn(64, 20), torch.randint(classes, (64,))
    values = {
        "compiled": compiled(frozen, model, inputs, targets, backend="aot_eager"),
        "mixed precision": mixed_precision(from_source(folder), model, inputs, targets),
        "loss.json": plain(frozen, nn.Sequential(model), inputs, targets),
    }
    for name, value in values.items():
        print(f"{name:16} {value:.6f}")
    return values


if __name__ == "__main__":
    main(sys.argv[1])
