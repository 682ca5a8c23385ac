"""NumPy references of matrix products. For tests only."""

from __future__ import annotations

import numpy as np


def mm(self, mat2):
    assert self.ndim == mat2.ndim == 2
    return self @ mat2


def bmm(self, mat2):
    assert self.ndim == mat2.ndim == 3
    return self @ mat2


def mv(self, vec):
    assert self.ndim == 2 and vec.ndim == 1
    return self @ vec


def dot(self, tensor):
    assert self.ndim == tensor.ndim == 1
    return np.dot(self, tensor)


def matmul_nd(self, other):
    assert self.ndim >= 2 and other.ndim >= 2
    return self @ other


def addmm(self, mat1, mat2, *, beta=1, alpha=1):
    return beta * self + alpha * (mat1 @ mat2)


def baddbmm(self, batch1, batch2, *, beta=1, alpha=1):
    return beta * self + alpha * (batch1 @ batch2)


def addmv(self, mat, vec, *, beta=1, alpha=1):
    return beta * self + alpha * (mat @ vec)


def addr(self, vec1, vec2, *, beta=1, alpha=1):
    return beta * self + alpha * np.outer(vec1, vec2)


def addbmm(self, batch1, batch2, *, beta=1, alpha=1):
    return beta * self + alpha * (batch1 @ batch2).sum(0)


def linear(input, weight, bias=None):
    out = input @ weight.T
    return out if bias is None else out + bias
