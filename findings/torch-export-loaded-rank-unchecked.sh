#!/usr/bin/env bash
# torch 2.13.0: a loaded torch.export program checks the rank of its inputs only if it was saved without example inputs.
#
# A cross entropy exported for logits (N, K) is saved twice, with its example inputs (torch.export's default) and with
# them set to None. Loaded without them it refuses logits (N, K, H, W) of a mask. Loaded with them it takes the mask and
# returns another number, several times too large: the mean in the program divides by N alone. One would guess that the
# same program is guarded alike however it was saved. We met it where MLflow loads a registered loss.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 2>/dev/null
cd "$tmp"
"$tmp/venv/bin/python" - 2>/dev/null <<'PY'
import torch
from torch import nn


class CrossEntropy(nn.Module):
    def forward(self, logits, targets):
        own = logits.log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1)
        return -own.sum() / own.shape[0]


batch = torch.export.Dim("batch", min=2)
example = torch.randn(8, 3), torch.arange(8) % 3
program = torch.export.export(CrossEntropy(), example, dynamic_shapes=({0: batch}, {0: batch}))
mask = torch.randn(4, 3, 5, 5), torch.randint(3, (4, 5, 5))
right = float(nn.functional.cross_entropy(*mask))

found = {}
for name in ("with", "without"):
    if name == "without":
        program.example_inputs = None
    torch.export.save(program, f"{name}.pt2")
    loaded = torch.export.load(f"{name}.pt2").module()
    try:
        found[name] = f"{float(loaded(*mask)):.2f}"
    except Exception as error:
        found[name] = type(error).__name__
    print(f"{name} example inputs: {found[name]}; torch's own cross entropy: {right:.2f}")
assert found["without"].endswith("Error"), "it is not refused now: the finding is out of date"
assert not found["with"].endswith("Error"), "it is refused now: the finding is out of date"
PY
