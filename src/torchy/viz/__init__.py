"""torchy.viz: graphs of recorded programs, made for people. Layer: torchy.viz."""

from __future__ import annotations

from torchy.viz._tree import graph_text

__all__ = ["graph_text"]
