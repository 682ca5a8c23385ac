"""gradcheck and gradgradcheck: backward and forward mode compared with central differences. Layer: torchy.

Options, inputs and results are handled here; the stages are in _gradcheck_stages.py and _gradcheck_forward.py.
"""

from __future__ import annotations

import warnings

from torchy import _C, autograd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Tensors = Any  # a tensor, or a sequence of tensors and other values

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Tensor = _C.Tensor


class GradcheckError(RuntimeError):
    """A gradient that `gradcheck` or `gradgradcheck` found to be wrong."""


def _checked(inputs: Sequence[Any]) -> list[tuple[int, Tensor]]:
    """The inputs that require grad, with their positions."""
    found = [(i, x) for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not found:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have "
            "requires_grad=True; call requires_grad_() on the inputs to check"
        )
    for i, x in found:
        if x.dtype not in (_C.float64, _C.complex128):
            warnings.warn(
                f"gradcheck: Input #{i} requires gradient and is {x.dtype}, not double precision; differences of "
                "lower precision are rarely close enough, use float64 or complex128",
                stacklevel=3,
            )
        if any(stride == 0 and n > 1 for stride, n in zip(x.stride(), x.shape)):
            raise RuntimeError(
                f"gradcheck: input {i} has a dimension with stride 0, its elements share memory and cannot change "
                "one by one; pass .contiguous() of it"
            )
    return found


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensors,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` are those that central differences with step `eps` give.

    func: from `inputs` to a tensor or a sequence of them. inputs: a tensor or a sequence; the tensors that require
    grad, best float64 or complex128 and of any shape, are checked, and change by `eps` in place meanwhile.
    A complex output is checked as two real functions, its real and its imaginary part, and the gradient of a real
    L by z = a + ib is dL/da + i dL/db. By default all elements of the Jacobians are compared, within
    atol + rtol * |difference|; fast_mode compares v'Ju for one
    random pair v, u of norm 1 with every output and input, in the time of a few calls.
    nondet_tol: how far two backwards may differ. check_undefined_grad: missing gradients and tangents must act as zeros.
    check_grad_dtypes: gradients must have their inputs' dtypes. check_forward_ad: jvp is compared with the same
    differences; tensors that `func` reaches otherwise than as arguments have no tangents. check_batched_grad,
    check_batched_forward_grad: two backwards, or two tangents, in one run under vmap must give what they give one
    after the other. masked: accepted; it concerns sparse tensors.

    Returns True. A failed check raises GradcheckError, or returns False if not raise_exception. ValueError if no
    input requires grad; AssertionError for an option whose mode is not to be checked.
    """
    from torchy.autograd import _gradcheck_stages as stages  # when used: `import torchy` stays quick

    if not (check_backward_ad or check_forward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    args = stages.as_tuple(inputs)
    check = stages.Check(func, args, _checked(args), eps, atol, rtol, nondet_tol, check_grad_dtypes)
    try:
        check.run(
            fast_mode, check_undefined_grad, check_backward_ad, check_forward_ad, check_batched_grad,
            check_batched_forward_grad,
        )  # fmt: skip
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _random_gradient(like: Tensor, random: Any, strided: bool) -> Tensor:
    """Uniform in [-1, 1), of like's shape, requiring grad; float64 where `like` has no gradient's dtype."""
    shape = (*like.shape, 2) if strided else tuple(like.shape)
    g = 2 * _C.rand(shape, dtype=_C.float64, generator=random) - 1
    if like.is_complex():
        g = _C.complex(g, 2 * _C.rand(shape, dtype=_C.float64, generator=random) - 1)
    if like.is_complex() or like.is_floating_point():
        g = g.to(like.dtype)
    return (g[..., 0] if strided else g).requires_grad_()


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensors,
    grad_outputs: Tensors = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the gradients of the gradients of `func` are right, with respect to `inputs` and `grad_outputs`.

    `gradcheck` of the function from both to the gradients of the inputs; it presumes that those are right, so call
    gradcheck first. check_rev_over_rev: the second derivative by backward, check_fwd_over_rev: by forward mode over the
    first backward. grad_outputs: shaped like the outputs that require grad (None: random, requiring grad, and with
    gen_non_contig_grad_outputs not contiguous). All else, with what is returned and raised, is gradcheck's.
    """
    from torchy.autograd import _gradcheck_stages as stages  # when used: `import torchy` stays quick

    if not (check_rev_over_rev or check_fwd_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    for option, asked in (("check_undefined_grad", check_undefined_grad), ("check_batched_grad", check_batched_grad)):
        if asked and not check_rev_over_rev:
            raise AssertionError(f"Setting {option}=True requires check_rev_over_rev to be True")
    args = stages.as_tuple(inputs)
    if grad_outputs is None:
        random = stages.generator()
        outputs = stages.differentiable(stages.tensors_of(func(*args)))
        weights = tuple(_random_gradient(y, random, gen_non_contig_grad_outputs) for y in outputs)
    else:
        weights = stages.as_tuple(grad_outputs)

    tracked = [isinstance(x, Tensor) and x.requires_grad for x in (*args, *weights)]

    def gradients(*everything: Any) -> tuple[Tensor, ...]:
        # Forward mode gives detached tensors.
        everything = tuple(x.requires_grad_() if wanted else x for x, wanted in zip(everything, tracked))
        values, arriving = everything[: len(args)], everything[len(args) :]
        outputs = stages.differentiable(stages.tensors_of(func(*values)))
        at = [x for x in values if isinstance(x, Tensor) and x.requires_grad]
        if not outputs or not at:
            return ()
        found = autograd.grad(outputs, at, arriving, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients, (*args, *weights), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev, fast_mode=fast_mode, masked=masked,
    )  # fmt: skip
