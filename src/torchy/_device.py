"""torch.device and the layout and memory-format constants. Only the CPU exists in this build."""

from __future__ import annotations


class device:  # noqa: N801  (PyTorch's name)
    """Where a tensor's memory is: ``device("cpu")``."""

    __slots__ = ("index", "type")

    def __init__(self, type: str | device = "cpu", index: int | None = None) -> None:
        text = str(type)
        kind, _, number = text.partition(":")
        if kind not in ("cpu", "cuda", "mps", "meta", "xpu"):
            raise RuntimeError(f"device: expected 'cpu' at the start of the device string, but got {text!r}")
        self.type = kind
        self.index = int(number) if number else index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class _Constant:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> str:
        return self._name.removeprefix("torch.")


CPU = device("cpu")
strided = _Constant("torch.strided")
contiguous_format = _Constant("torch.contiguous_format")
preserve_format = _Constant("torch.preserve_format")
