"""NumPy references of fused training operations. For tests only."""

from __future__ import annotations

import numpy as np


def _residual(self, target, ignore_index):
    shifted = np.exp(self - self.max(1, keepdims=True))
    p = shifted / shifted.sum(1, keepdims=True)
    kept = target != ignore_index
    rows = np.arange(len(target))
    p[rows, np.where(kept, target, 0)] -= 1
    return p, kept


def cross_entropy_indices(self, target, reduction=1, ignore_index=-100):
    top = self.max(1, keepdims=True)
    log_p = self - top - np.log(np.exp(self - top).sum(1, keepdims=True))
    kept = target != ignore_index
    loss = np.where(kept, -log_p[np.arange(len(target)), np.where(kept, target, 0)], 0)
    if reduction == 0:
        return loss
    return loss.sum() / kept.sum() if reduction == 1 else loss.sum()


def cross_entropy_backward(grad_output, self, target, reduction, ignore_index):
    residual, kept = _residual(self, target, ignore_index)
    scale = kept / kept.sum() if reduction == 1 else kept.astype(self.dtype)
    return residual * (scale * grad_output)[:, None]
