"""Inputs and hand-written rules for the tests of gradcheck."""

from __future__ import annotations

import pytest

import torchy as torch
from torchy.autograd import Function

REAL, COMPLEX = torch.float64, torch.complex128
MODES = pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])
DTYPES = pytest.mark.parametrize("dtype", [REAL, COMPLEX], ids=["real", "complex"])


def leaf(*shape, dtype=REAL):
    """Between 0.5 and 1.5, also in the imaginary part, so that a conjugate matters."""
    x = torch.rand(shape, dtype=REAL) + 0.5
    if dtype.is_complex:
        x = torch.complex(x, torch.rand(shape, dtype=REAL) + 0.5)
    return x.to(dtype).requires_grad_()


def rule(forward, backward):
    """The function of one tensor with this forward and backward(x, grad)."""

    class Rule(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, g):
            return backward(*ctx.saved_tensors, g)

    return Rule.apply
