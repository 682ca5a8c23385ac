"""Products with the Jacobian and Hessian of a function, and the matrices: repeated autograd.grad. Layer: torchy."""

from __future__ import annotations

from torchy import _C
from torchy.autograd import grad
from torchy.autograd.grad_mode import enable_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Func = Callable[..., Any]  # of tensors, gives a tensor or a tuple of tensors
    Tensors = Any  # a tensor or a tuple of tensors

__all__ = ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"]


def _listed(value: Any, what: str, op: str) -> tuple[bool, tuple[Any, ...]]:
    """Whether `value` is a tuple, and its tensors."""
    is_tuple = isinstance(value, tuple)
    tensors: tuple[Any, ...] = value if is_tuple else (value,)
    for i, t in enumerate(tensors):
        if not isinstance(t, _C.Tensor):
            where = f"entry {i} of the {what}" if is_tuple else f"the {what}"
            raise TypeError(f"{op}: {where} has type {type(t).__name__}; give a Tensor or a tuple of Tensors")
    return is_tuple, tensors


def _new_objects(given: tuple[Any, ...], create_graph: bool, grad: bool) -> tuple[Any, ...]:
    """Tensors of our own, so that a function that also captures the caller's does not mix the two."""
    return tuple(t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_(grad) for t in given)


def _outputs(func: Func, inputs: tuple[Any, ...], strict: bool, op: str) -> tuple[bool, tuple[Any, ...]]:
    is_tuple, outputs = _listed(func(*inputs), "outputs of the function", op)
    for i, t in enumerate(outputs):
        if strict and not t.requires_grad:
            raise _not_strict(op, f"output {i} of the function does not require grad")
    return is_tuple, outputs


def _not_strict(op: str, fact: str) -> RuntimeError:
    return RuntimeError(f"{op}: {fact}, which strict=True forbids; pass strict=False to allow it")


def _vector(v: Any, like: tuple[Any, ...], what: str, create_graph: bool, op: str) -> tuple[Any, ...] | None:
    """`v` as a tuple of tensors shaped like those of `like`; None stands for a single 1."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            sizes = [tuple(t.shape) for t in like]
            raise RuntimeError(f"{op}: v is None, but the {what} have sizes {sizes}, not one element; give v")
        return None
    vector = _new_objects(_listed(v, "v", op)[1], create_graph, False)
    if len(vector) != len(like):
        raise RuntimeError(f"{op}: v has {len(vector)} tensors, but there are {len(like)} {what}; give one for each")
    for i, (a, b) in enumerate(zip(vector, like)):
        if a.shape != b.shape:
            raise RuntimeError(
                f"{op}: entry {i} of v has size {tuple(a.shape)}; give it {tuple(b.shape)}, as the {what}"
            )
    return vector


def _grads(outputs: Any, inputs: Any, v: Any, create_graph: bool, retain: bool | None = None) -> tuple[Any, ...]:
    """autograd.grad where outputs may be None or without history; None for inputs they do not depend on."""
    pairs = [(t, g) for t, g in zip(outputs, v or [None] * len(outputs)) if t is not None and t.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    if not inputs:
        raise RuntimeError("grad: there are no inputs to differentiate by; give at least one Tensor")
    roots, weights = zip(*pairs)
    return grad(roots, inputs, weights, retain, create_graph, allow_unused=True)


def _filled(grads: Any, like: Any, strict: bool, history: bool, op: str, what: str) -> tuple[Any, ...]:
    """Zeros in place of None; `strict` makes that an error, and a gradient without history where it is wanted."""
    for i, g in enumerate(grads):
        if strict and g is None:
            raise _not_strict(op, f"{what} {i}")
        if strict and history and not g.requires_grad:
            raise _not_strict(op, f"entry {i} of a derivative does not depend on the inputs")
    return tuple(_C.zeros_like(t) if g is None else g for g, t in zip(grads, like))


def _result(tensors: tuple[Any, ...], is_tuple: bool, create_graph: bool, op: str) -> Any:
    """As the caller gave it, a tensor or a tuple; cut from the graph unless it was asked for."""
    if not tensors:
        raise IndexError(f"{op}: there are no inputs or no outputs; an empty tuple has no derivative")
    done = tensors if create_graph else tuple(t.detach() for t in tensors)
    return done if is_tuple else done[0]


def vjp(func: Func, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`(func(*inputs), v^T J)`, the second shaped like `inputs`: one backward.

    func: of tensors, gives a tensor or a tuple. v: shaped like the outputs; None stands for 1 where the output is one
    tensor of one element. create_graph: record both results' computation. strict: RuntimeError where a result is zero
    because nothing depends on an input; otherwise zeros. TypeError for other things than tensors, RuntimeError for
    sizes of v. Complex: the gradient's convention of autograd.grad (the conjugate).
    """
    with enable_grad():
        in_tuple, listed = _listed(inputs, "inputs", "vjp")
        xs = _new_objects(listed, create_graph, True)
        out_tuple, outputs = _outputs(func, xs, strict, "vjp")
        vector = _vector(v, outputs, "outputs", create_graph, "vjp")
        found, what = _grads(outputs, xs, vector, create_graph), "the outputs do not depend on input"
        found = _filled(found, xs, strict, create_graph, "vjp", what)
        return _result(outputs, out_tuple, create_graph, "vjp"), _result(found, in_tuple, create_graph, "vjp")


def _start(func: Func, inputs: Tensors, v: Tensors, create_graph: bool, strict: bool, op: str) -> tuple[Any, ...]:
    """Where jvp, vhp and hvp begin: v is shaped like the inputs, and checked before the function runs."""
    in_tuple, listed = _listed(inputs, "inputs", op)
    xs = _new_objects(listed, create_graph, True)
    vector = _vector(v, xs, "inputs", create_graph, op)
    return in_tuple, xs, vector, *_outputs(func, xs, strict, op)


def jvp(func: Func, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False) -> Any:
    """`(func(*inputs), J v)`, the second shaped like the outputs: two backwards.

    v: shaped like `inputs`; None stands for 1 where the input is one tensor of one element. The rest as in `vjp`.
    There is no forward mode: u^T J is linear in u, so its own vector-Jacobian product, by u, is J v
    (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
    """
    with enable_grad():
        _, xs, vector, out_tuple, outputs = _start(func, inputs, v, create_graph, strict, "jvp")
        u = tuple(_C.zeros_like(t).requires_grad_() for t in outputs)
        back = _filled(_grads(outputs, xs, u, True), xs, strict, True, "jvp", "the outputs do not depend on input")
        found = _grads(back, u, vector, create_graph)
        found = _filled(found, outputs, strict, create_graph, "jvp", "no gradient depends on the weight of output")
        return _result(outputs, out_tuple, create_graph, "jvp"), _result(found, out_tuple, create_graph, "jvp")


def _jacobians(outputs: tuple[Any, ...], xs: tuple[Any, ...], create_graph: bool, strict: bool, shared: bool) -> Any:
    """For each output, its Jacobian by each input, from backwards where one element weighs 1 and all others 0.

    shared (vectorize): 0 times the infinite derivative of another output is NaN; one result has history if any has.
    """
    flats = [out.reshape(-1) for out in outputs]
    picks = [(i, j) for i, f in enumerate(flats) for j in range(f.numel())]
    if not picks and (not shared or any(out.requires_grad for out in outputs)):
        raise (IndexError if shared else RuntimeError)("jacobian: an output has no elements to differentiate; omit it")
    if not shared and outputs[0].requires_grad and outputs[0].is_complex():
        raise RuntimeError(f"jacobian: an output is {outputs[0].dtype}; return real tensors, or use vectorize=True")
    zeros = [_C.zeros_like(f.detach()) for f in flats]
    rows: list[Any] = []
    for k, (i, j) in enumerate(picks):
        one = _C.zeros_like(zeros[i])
        one[j] = 1
        weights = [*zeros[:i], one, *zeros[i + 1 :]]
        found = _grads(flats, xs, weights, create_graph, create_graph or not shared or k + 1 < len(picks))
        rows.append(_filled(found, xs, strict, create_graph, "jacobian", "an output does not depend on input"))
    tables, first = [_C.stack(c) for c in zip(*rows)] if rows else [x.new_zeros((0, *x.shape)) for x in xs], 0
    for out in outputs:
        yield tuple(t.narrow(0, first, out.numel()).view((*out.shape, *x.shape)) for t, x in zip(tables, xs))
        first += out.numel()


def jacobian(
    func: Func, inputs: Tensors, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The derivatives of every element of the outputs by every element of the inputs: one backward per output element.

    Gives, for output i and input j, a tensor of size `output.shape + input.shape` and the dtype of the input: J[i][j],
    without the index whose side is a single tensor. Real outputs only, unless vectorize (rows then conjugate, as in
    `vjp`). create_graph, strict: as in `vjp`. vectorize: a loop here too, no faster, with the results of PyTorch's
    batched backward, where all outputs share the rows; not with strict (RuntimeError). strategy: "reverse-mode";
    NotImplementedError for "forward-mode", AssertionError for other names.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(f'jacobian: strategy is {strategy!r}; use "reverse-mode"')
    if strategy == "forward-mode":
        if strict and not create_graph:
            raise RuntimeError('jacobian: strict=True has no strategy="forward-mode"; use strategy="reverse-mode"')
        raise NotImplementedError('jacobian: there is no forward mode; use strategy="reverse-mode", or jvp per column')
    with enable_grad():
        in_tuple, listed = _listed(inputs, "inputs", "jacobian")
        xs = _new_objects(listed, create_graph, True)
        out_tuple, outputs = _outputs(func, xs, strict, "jacobian")
        if vectorize and strict:
            raise RuntimeError("jacobian: strict=True cannot go with vectorize=True; use vectorize=False")
        groups = [outputs] if vectorize else zip(outputs)
        rows = (row for some in groups for row in _jacobians(some, xs, create_graph, strict, vectorize))
        found = tuple(_result(row, in_tuple, create_graph, "jacobian") for row in rows)
    if not found:
        raise (AssertionError if vectorize else IndexError)("jacobian: there are no outputs; return at least one")
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
    in_tuple, listed = _listed(inputs, "inputs", "hessian")

    def value(*xs: Any) -> Any:
        return _scalar(*_outputs(func, xs, strict, "hessian"), "hessian").squeeze()

    def slope(*xs: Any) -> Any:
        return _filled(jacobian(value, xs, create_graph=True), xs, strict, True, "hessian", "no gradient by input")

    found = jacobian(slope, listed, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if in_tuple else found[0][0]


def _curvature(func: Func, inputs: Tensors, v: Tensors, create_graph: bool, strict: bool, op: str) -> Any:
    """Both products with the Hessian H: v^T H is the gradient's vjp, H v its jvp (the trick of `jvp`)."""
    with enable_grad():
        in_tuple, xs, vector, is_tuple, outputs = _start(func, inputs, v, create_graph, strict, op)
        back = _grads((_scalar(is_tuple, outputs, op),), xs, None, True)
        back = _filled(back, xs, strict, True, op, "the output does not depend on input")
        by, what = xs, "the gradient does not depend on input"
        if op == "hvp":
            by, what = tuple(_C.zeros_like(x).requires_grad_() for x in xs), "the Hessian has no row of input"
            back = _grads(back, xs, by, True)
        found = _filled(_grads(back, by, vector, create_graph), xs, strict, create_graph, op, what)
        return _result(outputs, False, create_graph, op), _result(found, in_tuple, create_graph, op)


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
