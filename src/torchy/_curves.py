# Training curves as SVG text: the demo's picture of loss and accuracy. Knows nothing of tensors;
# takes lists of numbers.
from __future__ import annotations

import math

__all__ = ["training_curves_svg"]

_WIDTH, _LEFT, _RIGHT = 760, 76, 28
_PANEL_HEIGHT, _TOP, _GAP, _BOTTOM = 200, 64, 56, 52

_STYLE = """\
  text { font: 13px system-ui, sans-serif; fill: #3d4451; }
  .title { font-size: 17px; font-weight: 600; fill: #1d2330; }
  .name { font-weight: 600; }
  .back { fill: #ffffff; }
  .grid { stroke: #e3e6ec; }
  .axis { stroke: #8a93a3; }
  .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
  .raw { fill: none; stroke-width: 1; opacity: 0.3; }
  .loss { stroke: #2f6fde; }
  .accuracy { stroke: #1d9a6c; }
  .goal { stroke: #b3541e; stroke-dasharray: 5 4; }
  .dot { fill: #1d9a6c; }
  @media (prefers-color-scheme: dark) {
    text { fill: #b9c0cd; }
    .title { fill: #eef1f6; }
    .back { fill: #171a21; }
    .grid { stroke: #2b303b; }
    .axis { stroke: #6b7485; }
    .loss { stroke: #7aa7f7; }
    .accuracy { stroke: #4fcf9f; }
    .goal { stroke: #e39a6a; }
    .dot { fill: #4fcf9f; }
  }"""


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from ``low`` to ``high``."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _smoothed(values: list[float], weight: float) -> list[float]:
    """Exponential mean, without the bias of its start."""
    smooth, mean = [], 0.0
    for i, value in enumerate(values):
        mean = weight * mean + (1 - weight) * value
        smooth.append(mean / (1 - weight ** (i + 1)))
    return smooth


class _Panel:
    """One pair of axes: data to pixels, and the SVG of grid, labels and lines."""

    def __init__(self, top: int, x_end: float, y_low: float, y_high: float, log: bool) -> None:
        self.top = top
        self.x_end = x_end
        self.log = log
        self.y_low, self.y_high = (math.log10(y_low), math.log10(y_high)) if log else (y_low, y_high)
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / self.x_end

    def y(self, value: float) -> float:
        if self.log:
            value = math.log10(max(value, 1e-30))
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return self.top + _PANEL_HEIGHT * (1 - min(max(share, 0.0), 1.0))

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(self, x: float, y: float, text: str, anchor: str, kind: str = "label") -> None:
        self.parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>')

    def curve(self, xs: list[float], ys: list[float], kind: str) -> None:
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(xs, ys))
        self.parts.append(f'<polyline class="{kind}" points="{points}"/>')

    def axes(self, name: str, y_ticks: list[tuple[float, str]]) -> None:
        right, bottom = _WIDTH - _RIGHT, self.top + _PANEL_HEIGHT
        for value, label in y_ticks:
            self.line(_LEFT, self.y(value), right, self.y(value), "grid")
            self.text(_LEFT - 9, self.y(value) + 4.5, label, "end")
        self.line(_LEFT, bottom, right, bottom, "axis")
        self.text(_LEFT, self.top - 12, name, "start", "name")

    def x_axis(self, name: str) -> None:
        bottom = self.top + _PANEL_HEIGHT
        for value in _ticks(0, self.x_end, 8):
            if abs(value - round(value)) < 1e-9:
                self.line(self.x(value), bottom, self.x(value), bottom + 5, "axis")
                self.text(self.x(value), bottom + 20, f"{value:.0f}", "middle")
        self.text((_LEFT + _WIDTH - _RIGHT) / 2, bottom + 41, name, "middle")


def _log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    ticks = []
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for factor in (1, 3):
            value = factor * 10.0**power
            if low <= value <= high:
                ticks.append((value, f"{value:g}"))
    return ticks


def _loss_panel(losses: list[float], epochs: int) -> _Panel:
    smooth = _smoothed(losses, 0.95)
    low = max(min(smooth) / 2.5, 1e-8)
    high = max(max(losses) * 1.1, low * 10)
    panel = _Panel(_TOP, epochs, low, high, log=True)
    panel.axes("Training loss (cross-entropy, logarithmic)", _log_ticks(low, high))
    xs = [epochs * (i + 1) / len(losses) for i in range(len(losses))]
    panel.curve(xs, losses, "raw loss")
    panel.curve(xs, smooth, "curve loss")
    panel.text(_WIDTH - _RIGHT, _TOP - 12, f"{smooth[-1]:.3g} at the end", "end")
    return panel


def _accuracy_panel(accuracies: list[float], goal: float) -> _Panel:
    low = max(0.0, math.floor(min([*accuracies, goal]) * 50 - 0.5) / 50)
    panel = _Panel(_TOP + _PANEL_HEIGHT + _GAP, len(accuracies), low, 1.0, log=False)
    ticks = [(value, f"{100 * value:.4g} %") for value in _ticks(low, 1.0, 5)]
    panel.axes("Held-out accuracy", ticks)
    panel.line(_LEFT, panel.y(goal), _WIDTH - _RIGHT, panel.y(goal), "goal")
    panel.text(_LEFT + 6, panel.y(goal) + 16, f"goal {100 * goal:g} %", "start")
    xs = [float(i + 1) for i in range(len(accuracies))]
    panel.curve(xs, accuracies, "curve accuracy")
    x, y = panel.x(xs[-1]), panel.y(accuracies[-1])
    panel.parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    panel.text(x, y + 22, f"{100 * accuracies[-1]:.2f} %", "end", "name")
    panel.x_axis("epoch")
    return panel


def training_curves_svg(title: str, losses: list[float], accuracies: list[float], goal: float) -> str:
    """A picture of the loss of every step (logarithmic) over the accuracy after every epoch."""
    height = _TOP + 2 * _PANEL_HEIGHT + _GAP + _BOTTOM
    panels = [_loss_panel(losses, len(accuracies)), _accuracy_panel(accuracies, goal)]
    body = "\n".join(f"  {part}" for panel in panels for part in panel.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img">\n'
        f"  <title>{title}</title>\n"
        f"  <style>\n{_STYLE}\n  </style>\n"
        f'  <rect class="back" width="{_WIDTH}" height="{height}"/>\n'
        f'  <text class="title" x="{_LEFT}" y="28">{title}</text>\n'
        f"{body}\n</svg>\n"
    )
