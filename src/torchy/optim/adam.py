# Adam (Kingma and Ba, 2015), with AMSGrad (Reddi et al., 2018) and decoupled weight decay.
# Options and state are kept here; the arithmetic is in _fused.py and in the core.
from __future__ import annotations

import torchy

from ._fused import adam_composed
from .optimizer import Optimizer
from .sgd import check_implementation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Adam"]

_adam_step = torchy._C._adam_step
_NO_STATE: dict[str, Any] = {}


class Adam(Optimizer):
    """Steps of the gradient's running mean over the root of its running square.

    ``foreach``, ``fused`` and ``capturable`` are accepted; there is one implementation, fused for
    all parameters.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, torchy.Tensor):
            if foreach and not capturable:
                raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
            if lr.numel() != 1:
                raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}; it must be at least 0")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}; it must be at least 0")
        for position, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {position}: {beta}; it must be in [0, 1)")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}; it must be at least 0")
        check_implementation(fused, foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # from a state of an older version
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)
            group.setdefault("decoupled_weight_decay", False)
            for param in group["params"]:
                step = self.state.get(param, _NO_STATE).get("step")
                if step is not None and not isinstance(step, torchy.Tensor):
                    self.state[param]["step"] = torchy.tensor(float(step), dtype=torchy.float32)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once; ``closure``, if given, computes the loss first."""
        loss = None
        if closure is not None:
            with torchy.enable_grad():
                loss = closure()
        state_of = self.state.get
        for group in self.param_groups:
            params = group["params"]
            grads = [param.grad for param in params]
            states = [state_of(param, _NO_STATE) for param in params]
            steps = [state.get("step") for state in states]
            exp_avgs = [state.get("exp_avg") for state in states]
            exp_avg_sqs = [state.get("exp_avg_sq") for state in states]
            amsgrad = group["amsgrad"]
            maxima = [state.get("max_exp_avg_sq") for state in states] if amsgrad else None
            if group["differentiable"]:
                self._step_composed(group, params, grads, range(len(params)))
                continue
            beta1, beta2 = group["betas"]
            left = _adam_step(
                params,
                grads,
                exp_avgs,
                exp_avg_sqs,
                maxima,
                steps,
                float(group["lr"]),
                float(beta1),
                float(beta2),
                group["eps"],
                group["weight_decay"],
                amsgrad,
                group["maximize"],
                group["decoupled_weight_decay"],
            )
            if left is not None:
                self._step_composed(group, params, grads, left)
        return loss

    def _step_composed(self, group: dict[str, Any], params: list[Any], grads: list[Any], indices: Any) -> None:
        chosen = [i for i in indices if grads[i] is not None]
        states = []
        for i in chosen:
            state = self.state[params[i]]
            if len(state) == 0:
                self._init_state(group, params[i], state)
            states.append(state)
        amsgrad = group["amsgrad"]
        with torchy.set_grad_enabled(group["differentiable"]):
            adam_composed(
                [params[i] for i in chosen],
                [grads[i] for i in chosen],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [state["max_exp_avg_sq"] for state in states] if amsgrad else None,
                [state["step"] for state in states],
                group,
                range(len(chosen)),
            )

    @staticmethod
    def _init_state(group: dict[str, Any], param: Any, state: dict[str, Any]) -> None:
        with torchy.no_grad():
            state["step"] = torchy.tensor(0.0, dtype=torchy.float32)
            state["exp_avg"] = torchy.zeros_like(param)
            state["exp_avg_sq"] = torchy.zeros_like(param)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = torchy.zeros_like(param)
