"""What a frozen loss costs beside F.cross_entropy and the focal losses of other libraries.

    python benchmarks/frozen_loss.py [--device cuda] [--classes 10 100 1000] [--eager] [--json]

Forward and backward of N = 4096 samples; medians of one run in which the losses take turns. Memory is the
peak that forward and backward allocate beyond the inputs. kornia's loss is that of its package (the group
`dev`), without smoothing and logit adjustment; torchvision's, which is of yes-or-no answers and is compared
with one such, stands here as its documentation has it. On a CPU the allocator is told to keep what is freed,
for all of them: whether a buffer has to be mapped anew depends on what was freed before. There, `cpu x CE`
compares the processor time of blocks of steps, which what else runs on the machine changes less. On a GPU,
`of a copy` is the share of the memory bandwidth that a copy of 256 MiB reaches.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode

from lossmith.losses import standard_loss
from lossmith.search.memory import keep_freed_memory

SAMPLES, ROUNDS = 4096, 60
Loss = Callable[[Tensor, Tensor], Tensor]


def losses(classes: int, device: str) -> dict[str, Loss]:
    """What is measured on logits and classes, by name."""
    from kornia.losses import focal_loss

    counts = [1 + 10_000 // (k + 1) for k in range(classes)]
    frozen = standard_loss(
        "focal",
        kind="multiclass",
        class_counts=counts,
        label_smoothing__epsilon=0.1,
        logit_adjustment__tau=1.0,
    ).to(device)
    return {
        "F.cross_entropy": F.cross_entropy,
        "frozen focal + smoothing + adjustment": frozen,
        "frozen focal": standard_loss("focal", kind="multiclass").to(device),
        "kornia focal_loss": lambda o, t: focal_loss(o, t, alpha=None, gamma=2.0, reduction="mean"),
    }


def label_losses(device: str) -> dict[str, Loss]:
    """What is measured on logits and labels: the focal loss of yes-or-no answers, alpha .25 and gamma 2."""
    return {
        "frozen focal of labels": standard_loss("focal", kind="multilabel").to(device),
        "sigmoid_focal_loss": sigmoid_focal_loss,
    }


def sigmoid_focal_loss(outputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """torchvision's of this name, as its documentation has it: its package needs a GPU build."""
    p = torch.sigmoid(outputs)
    loss = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    p_true = p * targets + (1 - p) * (1 - targets)
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    return (weight * loss * (1 - p_true) ** gamma).mean()


class Allocated(TorchDispatchMode):
    """Counts the bytes of tensors that are alive at the same time, on any device."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        import weakref

        found = func(*args, **(kwargs or {}))
        for value in found if isinstance(found, tuple | list) else (found,):
            if isinstance(value, Tensor):
                storage = value.untyped_storage()
                key = storage._cdata  # noqa: SLF001
                if key not in self.alive:
                    self.alive[key] = storage.nbytes()
                    weakref.finalize(storage, self.alive.pop, key, None)
        self.peak = max(self.peak, sum(self.alive.values()))
        return found


def step(loss: Loss, outputs: Tensor, targets: Tensor) -> None:
    """One forward and backward."""
    outputs.grad = None
    loss(outputs, targets).backward()


def measure(found: dict[str, Loss], outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Median seconds of a step, the losses taking turns."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for turn in range(ROUNDS + 10):
        for name, loss in found.items():
            if outputs.is_cuda:
                torch.cuda.synchronize()
            start = time.perf_counter()
            step(loss, outputs, targets)
            if outputs.is_cuda:
                torch.cuda.synchronize()
            if turn >= 10:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_bytes(loss: Loss, outputs: Tensor, targets: Tensor) -> int:
    """The most bytes that one step holds at a time."""
    if outputs.is_cuda:
        step(loss, outputs, targets)
        outputs.grad = None
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(loss, outputs, targets)
        return torch.cuda.max_memory_allocated() - before
    outputs.grad = None
    with Allocated() as counting:
        step(loss, outputs, targets)
    return counting.peak


def processor_seconds(found: dict[str, Loss], outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """The least processor time of a step, over blocks of 20 steps of each loss in turn."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(6):
        for name, loss in found.items():
            step(loss, outputs, targets)
            start = time.process_time()
            for _ in range(20):
                step(loss, outputs, targets)
            times[name].append((time.process_time() - start) / 20)
    return {name: min(values) for name, values in times.items()}


def copied_per_second(device: str, size: int = 1 << 28) -> float:
    """Bytes read and written each second where tensors of `size` bytes are copied: what memory can do."""
    source, target = (torch.zeros(size // 4, device=device) for _ in range(2))
    times = []
    for _ in range(20):
        torch.cuda.synchronize()
        start = time.perf_counter()
        target.copy_(source)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 2 * size / statistics.median(times)


def table(
    found: dict[str, Loss], outputs: Tensor, targets: Tensor, base: dict[str, Any] | None, mode: str
) -> list[dict[str, Any]]:
    """A row for each loss; `base` is that of F.cross_entropy, or None where it is the first of them."""
    rows: list[dict[str, Any]] = []
    counted = mode == "eager" or outputs.is_cuda
    spent = processor_seconds(found, outputs, targets)
    for name, value in measure(found, outputs, targets).items():
        peak = peak_bytes(found[name], outputs, targets) if counted else None
        # Read the outputs twice, write the gradient once: what no loss can do without.
        bandwidth = 3 * outputs.numel() * outputs.element_size() / value / 1e9
        row = {"classes": outputs.shape[1], "mode": mode, "loss": name, "ms": value * 1e3}
        row |= {"cpu_ms": spent[name] * 1e3, "peak": peak, "GB_per_s": bandwidth}
        usual = base or (rows[0] if rows else row)
        row |= {"ratio": row["ms"] / usual["ms"], "cpu_ratio": row["cpu_ms"] / usual["cpu_ms"]}
        rows.append(row | {"memory": peak / usual["peak"] if peak else None})
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    # On a GPU every figure of GB/s stands beside what a copy reaches; a CPU holds much of this in its caches.
    copied = copied_per_second(options.device) / 1e9 if options.device.startswith("cuda") else None
    rows = []
    for classes in options.classes:
        generator = torch.Generator().manual_seed(classes)
        outputs = torch.randn(SAMPLES, classes, generator=generator).to(options.device).requires_grad_()
        targets = torch.randint(classes, (SAMPLES,), generator=generator).to(options.device)
        labels = F.one_hot(targets, classes).float()
        for mode in ("eager",) if options.eager else ("eager", "compiled"):
            torch._dynamo.reset()  # noqa: SLF001
            pairs = [(losses(classes, options.device), targets), (label_losses(options.device), labels)]
            base = None
            for given, wanted in pairs:
                found = given
                if mode == "compiled":
                    found = {n: torch.compile(f, fullgraph=True, dynamic=False) for n, f in given.items()}
                made = table(found, outputs, wanted, base, mode)
                base = base or made[0]
                rows += [row | {"of_bandwidth": copied and row["GB_per_s"] / copied} for row in made]
    if options.json:
        print(json.dumps({"device": options.device, "threads": options.threads, "rows": rows}, indent=1))
        return
    print(
        f"{'classes':>7} {'mode':<9} {'loss':<38} {'ms':>8} {'x CE':>6} {'cpu x CE':>8} {'memory x CE':>12} "
        f"{'GB/s':>7} {'of a copy':>9}"
    )
    for row in rows:
        memory = f"{row['memory']:.2f}" if row["memory"] else ""
        share = f"{row['of_bandwidth']:.0%}" if row["of_bandwidth"] else ""
        print(
            f"{row['classes']:>7} {row['mode']:<9} {row['loss']:<38} {row['ms']:>8.3f} {row['ratio']:>6.2f} "
            f"{row['cpu_ratio']:>8.2f} {memory:>12} {row['GB_per_s']:>7.1f} {share:>9}"
        )


if __name__ == "__main__":
    main()
