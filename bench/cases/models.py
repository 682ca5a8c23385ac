# Whole training steps of small models: forward, backward and optimiser together.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.registry import case, uniform


def mlp(torch: Any, *widths: int) -> Any:
    """Linear layers of these widths with tanh between them."""
    layers: list[Any] = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def _regression_step(torch: Any, batch: int, widths: tuple[int, ...], optimiser: str) -> Callable[[], Any]:
    torch.manual_seed(0)
    model = mlp(torch, *widths)
    step = getattr(torch.optim, optimiser)(model.parameters(), lr=1e-3)
    x = uniform(torch, batch, widths[0], lo=-1.0)
    y = uniform(torch, batch, widths[-1], lo=-1.0)
    loss_of = torch.nn.MSELoss()

    def fn() -> None:
        step.zero_grad()
        loss_of(model(x), y).backward()
        step.step()

    return fn


@case("mlp_2_16_16_1_sgd", "models", target=10.0)
def mlp_tiny(torch: Any) -> Callable[[], Any]:
    return _regression_step(torch, 4, (2, 16, 16, 1), "SGD")


@case("mlp_8_32_32_4_adam", "models", target=10.0)
def mlp_small(torch: Any) -> Callable[[], Any]:
    return _regression_step(torch, 16, (8, 32, 32, 4), "Adam")


def _classification_step(torch: Any, widths: tuple[int, ...]) -> Callable[[], Any]:
    nn = torch.nn
    torch.manual_seed(0)
    layers: list[Any] = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    step = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = uniform(torch, 64, widths[0])
    y = torch.arange(64) % widths[-1]
    loss_of = nn.CrossEntropyLoss()

    def fn() -> None:
        step.zero_grad()
        loss_of(model(x), y).backward()
        step.step()

    return fn


@case("mnist_784_128_10_adam", "models", target=1.8)
def mnist_one_hidden(torch: Any) -> Callable[[], Any]:
    return _classification_step(torch, (784, 128, 10))


@case("mnist_784_256_128_10_adam", "models", target=1.8)
def mnist_two_hidden(torch: Any) -> Callable[[], Any]:
    return _classification_step(torch, (784, 256, 128, 10))


@case("lstm_cell_20_steps", "models", target=10.0)
def lstm_cell_20_steps(torch: Any) -> Callable[[], Any]:
    """An LSTM cell (8 in, 32 hidden, batch 16) in plain operations, forward and backward."""
    steps, batch, inputs, hidden = 20, 16, 8, 32
    w_x = uniform(torch, inputs, 4 * hidden, lo=-0.2, hi=0.2).requires_grad_()
    w_h = uniform(torch, hidden, 4 * hidden, lo=-0.2, hi=0.2).requires_grad_()
    bias = torch.zeros(4 * hidden, requires_grad=True)
    weights = (w_x, w_h, bias)
    xs = [uniform(torch, batch, inputs, lo=-1.0) for _ in range(steps)]
    zero = torch.zeros(batch, hidden)

    def fn() -> None:
        h = c = zero
        for x in xs:
            i, f, g, o = (x @ w_x + h @ w_h + bias).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        h.sum().backward()
        for weight in weights:
            weight.grad = None

    return fn


@case("rosenbrock_100_steps", "models", target=20.0)
def rosenbrock_100_steps(torch: Any) -> Callable[[], Any]:
    """A hundred steps of gradient descent on Rosenbrock's function, scalar by scalar."""

    def fn() -> None:
        x = torch.tensor(-1.2, requires_grad=True)
        y = torch.tensor(1.0, requires_grad=True)
        for _ in range(100):
            loss = (1 - x) ** 2 + 100 * (y - x**2) ** 2
            loss.backward()
            with torch.no_grad():
                x -= 1e-3 * x.grad
                y -= 1e-3 * y.grad
            x.grad = None
            y.grad = None

    return fn
