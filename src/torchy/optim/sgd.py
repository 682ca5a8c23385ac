# Stochastic gradient descent, with momentum (Polyak, Nesterov), dampening and weight decay.
# Options and state are kept here; the arithmetic is in _fused.py and in the core.
from __future__ import annotations

import torchy

from ._fused import sgd_composed
from .optimizer import Optimizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["SGD"]

_sgd_step = torchy._C._sgd_step
_NO_STATE: dict[str, Any] = {}


class SGD(Optimizer):
    """``p -= lr * (grad + weight_decay * p)``, or with momentum ``buf = momentum * buf +
    (1 - dampening) * grad; p -= lr * buf``.

    ``foreach`` and ``fused`` are accepted; there is one implementation, fused for all parameters.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if isinstance(lr, torchy.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}; it must be at least 0")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}; it must be at least 0")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}; it must be at least 0")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_implementation(fused, foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # from a state of an older version
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once; ``closure``, if given, computes the loss first."""
        loss = None
        if closure is not None:
            with torchy.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = group["params"]
            grads = [param.grad for param in params]
            bufs = None
            if group["momentum"] != 0:
                state_of = self.state.get
                bufs = [state_of(param, _NO_STATE).get("momentum_buffer") for param in params]
            if group["differentiable"]:
                self._step_composed(group, params, grads, bufs, range(len(params)))
                continue
            left = _sgd_step(
                params,
                grads,
                bufs,
                float(group["lr"]),
                group["momentum"],
                group["dampening"],
                float(group["weight_decay"]),
                group["nesterov"],
                group["maximize"],
            )
            if left is not None:
                self._step_composed(group, params, grads, bufs, left)
        return loss

    def _step_composed(
        self, group: dict[str, Any], params: list[Any], grads: list[Any], bufs: Any, indices: Any
    ) -> None:
        with torchy.set_grad_enabled(group["differentiable"]):
            sgd_composed(params, grads, bufs, group, indices)
        if bufs is not None:
            for i in indices:
                if grads[i] is not None:
                    self.state[params[i]]["momentum_buffer"] = bufs[i]


def check_implementation(fused: bool | None, foreach: bool | None, differentiable: bool) -> None:
    """Refuse the combinations of options that exclude each other."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
