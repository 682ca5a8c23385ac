# The demo behind `python -m torchy`: a derivative with its graph, then a digit classifier trained
# to a goal, with its curves as SVG. Uses only the public API.
from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path

import torchy
from torchy import nn
from torchy.data import load_digits
from torchy.nn import functional as F
from torchy.utils.data import DataLoader, TensorDataset, random_split

from ._curves import training_curves_svg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from torchy import Tensor

__all__ = ["CURVE", "GOAL", "TrainingResult", "run_demo", "show_derivative", "train_digits"]

GOAL = 0.97  # share of the held-out fifth that must be recognised
CURVE = "loss_curve.svg"


def show_derivative() -> tuple[Tensor, Tensor]:
    """Print the derivative of (a*b) - ((b/a)+b) at a = 2, b = 43, with its graph."""
    a = torchy.tensor(2.0, requires_grad=True)
    b = torchy.tensor(43.0, requires_grad=True)
    c = (a * b) - ((b / a) + b)
    c.backward()
    print("c = (a * b) - ((b / a) + b)   at a = 2, b = 43\n")
    print(f"  c     = {c.item():g}")
    print(f"  dc/da = {a.grad.item():g}      (b + b / a**2)")
    print(f"  dc/db = {b.grad.item():g}        (a - 1 / a - 1)\n")
    # Names are looked up in the user's frames; these variables are torchy's own.
    c.graph(names={"a": a, "b": b})
    print()
    return a.grad, b.grad


class TrainingResult:
    """What a training run leaves: the loss of each step, the accuracy after each epoch."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self.seconds = 0.0


def _with_shifts(images: Tensor) -> Tensor:
    """The images, and each of them moved by one pixel in the four directions."""
    padded = torchy.zeros(len(images), 10, 10)
    padded[:, 1:9, 1:9] = images.view(-1, 8, 8)
    corners = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    return torchy.cat([padded[:, y : y + 8, x : x + 8].reshape(-1, 64) for y, x in corners])


def _model() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def _accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    with torchy.no_grad():
        right = (model(images).argmax(1) == labels).sum()
    model.train()
    return right.item() / len(labels)


def train_digits(
    epochs: int = 20,
    seed: int = 0,
    on_step: Callable[[TrainingResult], Any] | None = None,
) -> TrainingResult:
    """Train a small network on four fifths of the digits and test it on the rest."""
    torchy.manual_seed(seed)
    images, labels = load_digits()
    train, test = random_split(TensorDataset(images, labels), [0.8, 0.2])
    chosen = torchy.tensor(train.indices)
    held_out = torchy.tensor(test.indices)
    test_images, test_labels = images[held_out], labels[held_out]
    samples = TensorDataset(_with_shifts(images[chosen]), labels[chosen].repeat(5))
    loader = DataLoader(samples, batch_size=128, shuffle=True)
    model = _model()
    result = TrainingResult(model)
    optimizer = torchy.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    steps = epochs * len(loader)
    start = time.perf_counter()
    for _ in range(epochs):
        for batch_images, batch_labels in loader:
            # Smaller and smaller steps let the weights settle.
            optimizer.param_groups[0]["lr"] = 2e-3 * (1 - len(result.losses) / steps)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(batch_images), batch_labels)
            loss.backward()
            optimizer.step()
            result.losses.append(loss.item())
            if on_step is not None:
                on_step(result)
        result.accuracies.append(_accuracy(model, test_images, test_labels))
    result.seconds = time.perf_counter() - start
    return result


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[TrainingResult], None]]:
    """A progress bar where rich is installed, and a quiet run where it is not."""
    try:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        yield lambda result: None
        return
    columns = (
        TextColumn("  training"),
        BarColumn(bar_width=40),
        TextColumn("loss {task.fields[loss]}   held-out {task.fields[accuracy]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("", total=steps, loss="-", accuracy="-")

        def update(result: TrainingResult) -> None:
            done = len(result.losses)
            if done % 16 and done != steps:  # the bar must not cost more than the steps
                return
            accuracy = f"{100 * result.accuracies[-1]:.2f} %" if result.accuracies else "-"
            bar.update(task, completed=done, loss=f"{result.losses[-1]:.4f}", accuracy=accuracy)

        yield update


def run_demo(out: str = ".", epochs: int = 20, seed: int = 0) -> int:
    """Run everything; 0 if the goal was reached, 1 if not. ``out``: a file, or a directory."""
    path = Path(out)
    if path.is_dir():
        path /= CURVE
    show_derivative()
    print("Handwritten digits: 1,797 images of 8 x 8 pixels, a fifth held out\n")
    steps_per_epoch = -(-1438 * 5 // 128)  # as the loader has them
    with _progress(epochs * steps_per_epoch) as update:
        result = train_digits(epochs, seed, update)
    accuracy = result.accuracies[-1]
    title = f"Digits: {100 * accuracy:.2f} % of the held-out fifth after {epochs} epochs"
    svg = training_curves_svg(title, result.losses, result.accuracies, GOAL)
    path.write_text(svg, encoding="utf-8")
    rate = len(result.losses) / result.seconds
    print(f"\n  {len(result.losses)} steps in {result.seconds:.2f} s ({rate:.0f} a second)")
    print(f"  held-out accuracy {100 * accuracy:.2f} % (goal {100 * GOAL:g} %)")
    print(f"  loss curve saved to {path}")
    return 0 if accuracy >= GOAL else 1
