"""Products with the Jacobian and Hessian of a function, and the matrices. Layer: torchy."""

from __future__ import annotations

from torchy import _C
from torchy.autograd import _functional_jacobian as tables
from torchy.autograd._functional_common import filled, grads_of, listed, new_objects, outputs_of, result_of, vector_of
from torchy.autograd.grad_mode import enable_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Func = Callable[..., Any]  # of tensors, gives a tensor or a tuple of tensors
    Tensors = Any  # a tensor or a tuple of tensors

__all__ = ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"]


def vjp(func: Func, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`(func(*inputs), v^T J)`, the second shaped like `inputs`: one backward.

    func: of tensors, gives a tensor or a tuple. v: shaped like the outputs; None stands for 1 where the output is one
    tensor of one element. create_graph: record both results' computation. strict: RuntimeError where a result is zero
    because nothing depends on an input; otherwise zeros. TypeError for other things than tensors, RuntimeError for
    sizes of v. Complex: the gradient's convention of autograd.grad (the conjugate).
    """
    with enable_grad():
        in_tuple, given = listed(inputs, "inputs", "vjp")
        xs = new_objects(given, create_graph, True)
        out_tuple, outputs = outputs_of(func, xs, strict, "vjp")
        vector = vector_of(v, outputs, "outputs", create_graph, "vjp")
        found, what = grads_of(outputs, xs, vector, create_graph), "the outputs do not depend on input"
        found = filled(found, xs, strict, create_graph, "vjp", what)
        return result_of(outputs, out_tuple, create_graph, "vjp"), result_of(found, in_tuple, create_graph, "vjp")


def _start(func: Func, inputs: Tensors, v: Tensors, create_graph: bool, strict: bool, op: str) -> tuple[Any, ...]:
    """Where jvp, vhp and hvp begin: v is shaped like the inputs, and checked before the function runs."""
    in_tuple, given = listed(inputs, "inputs", op)
    xs = new_objects(given, create_graph, True)
    vector = vector_of(v, xs, "inputs", create_graph, op)
    return in_tuple, xs, vector, *outputs_of(func, xs, strict, op)


def jvp(func: Func, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`(func(*inputs), J v)`, the second shaped like the outputs: two backwards.

    v: shaped like `inputs`; None stands for 1 where the input is one tensor of one element. The rest as in `vjp`.
    Backward only (torchy.func.jvp is the forward mode): u^T J is linear in u, so its own vector-Jacobian product, by u, is J v
    (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
    """
    with enable_grad():
        _, xs, vector, out_tuple, outputs = _start(func, inputs, v, create_graph, strict, "jvp")
        u = tuple(_C.zeros_like(t).requires_grad_() for t in outputs)
        back = filled(grads_of(outputs, xs, u, True), xs, strict, True, "jvp", "the outputs do not depend on input")
        found = grads_of(back, u, vector, create_graph)
        found = filled(found, outputs, strict, create_graph, "jvp", "no gradient depends on the weight of output")
        return result_of(outputs, out_tuple, create_graph, "jvp"), result_of(found, out_tuple, create_graph, "jvp")


def jacobian(
    func: Func, inputs: Tensors, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The derivatives of every element of the outputs by every element of the inputs: one backward per output element.

    Gives, for output i and input j, a tensor of size `output.shape + input.shape` and the dtype of the input: J[i][j],
    without the index whose side is a single tensor. Real outputs only, unless vectorize (rows then conjugate, as in
    `vjp`). create_graph, strict: as in `vjp`. vectorize: one backward under vmap for all rows; not with strict
    (RuntimeError). strategy: "forward-mode" runs func once under vmap with all directions of the inputs, cheaper where
    these are few; only with vectorize, and not with create_graph (NotImplementedError) or strict (RuntimeError).
    AssertionError for other names.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(f'jacobian: strategy is {strategy!r}; use "forward-mode" or "reverse-mode"')
    if strategy == "forward-mode":
        return _forward_jacobian(func, inputs, create_graph, strict, vectorize)
    with enable_grad():
        in_tuple, given = listed(inputs, "inputs", "jacobian")
        xs = new_objects(given, create_graph, True)
        out_tuple, outputs = outputs_of(func, xs, strict, "jacobian")
        if vectorize and strict:
            raise RuntimeError("jacobian: strict=True cannot go with vectorize=True; use vectorize=False")
        rows = tables.by_rows(outputs, xs, create_graph) if vectorize and outputs else None
        rows = tables.by_loop(outputs, xs, create_graph, strict) if rows is None else rows
        found = tuple(result_of(row, in_tuple, create_graph, "jacobian") for row in rows)
    if not found:
        raise (AssertionError if vectorize else IndexError)("jacobian: there are no outputs; return at least one")
    return found if out_tuple else found[0]


def _forward_jacobian(func: Func, inputs: Tensors, create_graph: bool, strict: bool, vectorize: bool) -> Any:
    if create_graph:
        raise NotImplementedError(
            'jacobian: create_graph=True and strategy="forward-mode" are not supported together; set '
            'create_graph=False or use strategy="reverse-mode" (torchy.func.jacfwd is differentiable)'
        )
    if strict:
        raise RuntimeError('jacobian: strict=True has no strategy="forward-mode"; use strategy="reverse-mode"')
    in_tuple, xs = listed(inputs, "inputs", "jacobian")
    if not vectorize:
        raise NotImplementedError('jacobian: strategy="forward-mode" is there for vectorize=True only; set that')
    out_tuple, rows = tables.by_columns(func, xs)
    found = tuple(row if in_tuple else row[0] for row in rows)
    return found if out_tuple else found[0]


def _scalar(is_tuple: bool, outputs: tuple[Any, ...], op: str) -> Any:
    if is_tuple or outputs[0].numel() != 1:
        sizes = [tuple(t.shape) for t in outputs]
        raise RuntimeError(f"{op}: the function returned sizes {sizes}; return a single Tensor of one element")
    return outputs[0]


def hessian(
    func: Func, inputs: Tensors, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Jacobian of the gradient of a function of one element: H[i][j] has size `input_i.shape + input_j.shape`.

    A single tensor as `inputs` gives one matrix. Arguments and errors as in `jacobian`; RuntimeError if func does not
    return one tensor of one element; strict: also where a gradient is constant.
    """
    in_tuple, given = listed(inputs, "inputs", "hessian")

    def value(*xs: Any) -> Any:
        return _scalar(*outputs_of(func, xs, strict, "hessian"), "hessian").squeeze()

    def slope(*xs: Any) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            xs = tuple(x.requires_grad_() for x in xs)  # jacobian would detach others, and so drop their tangents
        return filled(jacobian(value, xs, create_graph=True), xs, strict, True, "hessian", "no gradient by input")

    found = jacobian(slope, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if in_tuple else found[0][0]


def _curvature(func: Func, inputs: Tensors, v: Tensors, create_graph: bool, strict: bool, op: str) -> Any:
    """Both products with the Hessian H: v^T H is the gradient's vjp, H v its jvp (the trick of `jvp`)."""
    with enable_grad():
        in_tuple, xs, vector, is_tuple, outputs = _start(func, inputs, v, create_graph, strict, op)
        back = grads_of((_scalar(is_tuple, outputs, op),), xs, None, True)
        back = filled(back, xs, strict, True, op, "the output does not depend on input")
        by, what = xs, "the gradient does not depend on input"
        if op == "hvp":
            by, what = tuple(_C.zeros_like(x).requires_grad_() for x in xs), "the Hessian has no row of input"
            back = grads_of(back, xs, by, True)
        found = filled(grads_of(back, by, vector, create_graph), xs, strict, create_graph, op, what)
        return result_of(outputs, False, create_graph, op), result_of(found, in_tuple, create_graph, op)


def vhp(func: Func, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`(func(*inputs), v^T H)` for a function of one element, the second shaped like `inputs`: two backwards.

    v: shaped like `inputs`; None stands for 1 where the input is one tensor of one element. The rest as in `hessian`.
    """
    return _curvature(func, inputs, v, create_graph, strict, "vhp")


def hvp(func: Func, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`(func(*inputs), H v)`, as `vhp` but by three backwards.

    Where the second derivatives are continuous H is symmetric, and `vhp` gives the same for less.
    """
    return _curvature(func, inputs, v, create_graph, strict, "hvp")
