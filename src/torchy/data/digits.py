# load_digits: 1,797 handwritten digits for demos and tests, from digits.bin beside this file
# (zlib: 1797 * 64 pixel bytes 0..16, then 1797 label bytes). Source and licence: README.md.
from __future__ import annotations

import torchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torchy import Tensor

__all__ = ["load_digits"]

_COUNT = 1797
_PIXELS = 64


def load_digits() -> tuple[Tensor, Tensor]:
    """Images (float32, [1797, 64], 0 to 1, each 8 by 8 pixels row by row) and labels (int64)."""
    import zlib
    from pathlib import Path

    raw = bytearray(zlib.decompress(Path(__file__).with_name("digits.bin").read_bytes()))
    if len(raw) != _COUNT * (_PIXELS + 1):
        raise RuntimeError(
            f"load_digits: digits.bin holds {len(raw)} bytes; it should hold "
            f"{_COUNT * (_PIXELS + 1)}; install the package again"
        )
    values = torchy.frombuffer(raw, dtype=torchy.uint8)
    pixels = values[: _COUNT * _PIXELS].view(_COUNT, _PIXELS)
    labels = values[_COUNT * _PIXELS :]
    return pixels.to(torchy.float32) / 16, labels.to(torchy.int64)
