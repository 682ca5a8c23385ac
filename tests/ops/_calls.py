"""How tests of operations call the built torchy: tensors from samples, every form of an operation, comparisons."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _rules import language
from _rules.inputs import arrays_in, has_complex_run, inputs_of
from _rules.numeric import flat, text_of

import torchy
from optable.spec import NONDIFF, Op, load_all
from torchy import _C, Tensor

TABLE = load_all()
# What has no binding is reached through the public operations that use it.
PUBLIC = {name: op for name, op in TABLE.items() if op.forms & {"function", "method", "property", "inplace"}}
DETERMINISTIC = {
    name: op for name, op in PUBLIC.items() if op.family != "random" and not name.startswith(("empty", "new_empty"))
}
DTYPES = {str(d).removeprefix("torch."): d for d in (
    torchy.bool, torchy.uint8, torchy.int8, torchy.int16, torchy.int32, torchy.int64, torchy.float16, torchy.bfloat16,
    torchy.float32, torchy.float64, torchy.complex64, torchy.complex128,
)}  # fmt: skip
ERRORS = (RuntimeError, TypeError, ValueError, IndexError, OverflowError)  # NotImplementedError is a RuntimeError


def tensor_of(a: np.ndarray) -> Tensor:
    """A new tensor with the array's values; its memory is its own."""
    return torchy.from_numpy(np.array(a, order="C")).reshape(a.shape)


def mapped(x: Any, f: Callable[[Any], Any], kind: type | tuple[type, ...]) -> Any:
    """`f` applied to every `kind` in x, also in lists and tuples; the rest as it is."""
    if isinstance(x, kind):
        return f(x)
    if isinstance(x, (list, tuple)) and not isinstance(x, torchy.Size):
        return [mapped(v, f, kind) for v in x]
    return x


def leaves(x: Any) -> list[Any]:
    """All values of nested lists, tuples and dictionaries."""
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        return [v for y in x for v in leaves(y)]
    return [x]


def tensors_in(x: Any) -> list[Tensor]:
    return [v for v in leaves(x) if isinstance(v, Tensor)]


def tensorial(x: Any) -> Any:
    """Tensors instead of arrays, in lists too."""
    return mapped(x, lambda a: tensor_of(np.asarray(a)), (np.ndarray, np.generic))


def numeric(t: Tensor) -> np.ndarray:
    """The values as an array; bfloat16, which NumPy has not, as float32."""
    t = t.detach()
    return np.array((t.float() if t.dtype == torchy.bfloat16 else t).numpy())


@dataclass
class Case:
    """One sample of one operation, its arrays made."""

    op: Op
    number: int
    complex_run: bool
    args: list[Any]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        kind = "complex" if self.complex_run else "real"
        return f"{self.op.cname}: sample {self.number} ({kind}: {text_of(self.op.samples[self.number])})"

    def tensors(self, f: Callable[[Tensor], Tensor] = lambda t: t) -> tuple[list[Any], dict[str, Any]]:
        """Arguments with new tensors, each passed through `f`."""
        return arguments(self.op, self.args, self.kwargs, f)

    def wanted(self) -> list[Any]:
        """The results of the reference, as arrays."""
        args = [language.wrapped(a) for a in self.args]
        given = language.bound(self.op, args, {k: language.wrapped(v) for k, v in self.kwargs.items()})
        with np.errstate(all="ignore"):
            return [language.unwrapped(r) for r in language.forward(self.op, given)]

    def slots(self) -> list[tuple[str, int | None]]:
        """Where the differentiable inputs are: names of arguments, with a position in those that are lists."""
        names = [p.name for p in self.op.params]
        described = {
            **dict(zip(names, self.op.samples[self.number].args, strict=False)),
            **self.op.samples[self.number].kwargs,
        }
        out: list[tuple[str, int | None]] = []
        for name, value in self.named().items():
            arrs = arrays_in(described[name])
            if self.op.composite is None and self.op.vjp.get(name, NONDIFF) == NONDIFF or not all(a.grad for a in arrs):
                continue
            items = value if isinstance(value, list) else [value]
            out += [
                (name, i if isinstance(value, list) else None)
                for i, x in enumerate(items)
                if isinstance(x, np.ndarray) and str(x.dtype) in ("float64", "complex128")
            ]
        return out

    def named(self) -> dict[str, Any]:
        return {**dict(zip((p.name for p in self.op.params), self.args, strict=False)), **self.kwargs}

    def inputs(self) -> list[np.ndarray]:
        """The differentiable inputs."""
        values = self.named()
        return [values[n] if i is None else values[n][i] for n, i in self.slots()]

    def as_function(self) -> Callable[..., list[Tensor]]:
        """From the differentiable inputs, as tensors, to the differentiable results."""
        slots, values = self.slots(), self.named()

        def f(*inputs: Tensor) -> list[Tensor]:
            now = {n: list(v) if isinstance(v, list) else v for n, v in values.items()}
            for (name, i), x in zip(slots, inputs, strict=True):
                if i is None:
                    now[name] = x
                else:
                    now[name][i] = x
            names = list(now)
            args, kwargs = arguments(
                self.op, [now[n] for n in names[: len(self.args)]], {k: now[k] for k in self.kwargs}
            )
            out = run(self.op, args, kwargs)
            kept = [r for (_, n), r in zip(self.op.returns, out, strict=True) if n not in self.op.nondiff_outputs]
            return [t for t in tensors_in(kept) if t.dtype in (torchy.float64, torchy.complex128)]

        return f


def arguments(
    op: Op, args: Sequence[Any], kwargs: dict[str, Any], f: Callable[[Tensor], Tensor] = lambda t: t
) -> tuple[list[Any], dict[str, Any]]:
    """Tensors from arrays, dtypes from their names."""
    types = {p.name: p.type for p in op.params}

    def one(type_: str, value: Any) -> Any:
        if type_.startswith("dtype") and isinstance(value, str):
            return DTYPES[value]
        return mapped(tensorial(value), f, Tensor)

    names = [p.name for p in op.params]
    return (
        [one(types[n], a) for n, a in zip(names, args, strict=False)],
        {k: one(types[k], v) for k, v in kwargs.items()},
    )


def cases_of(op: Op) -> list[Case]:
    """Every sample, and once more with complex inputs where the operation is differentiable there."""
    out = []
    for number, sample in enumerate(op.samples):
        for complex_run in (False, True):
            if not complex_run or (op.complex != "no" and has_complex_run(sample)):
                out.append(Case(op, number, complex_run, *inputs_of(sample, complex_run)))
    return out


def name_of(op: Op) -> str:
    """The name of the first form that is not in place; else of the in-place form."""
    return op.name if op.forms & {"function", "method", "property"} else f"{op.name}_"


def function(op: Op) -> Callable[..., Any]:
    """The operation as a function of all its arguments, in whatever form it has."""
    if "function" in op.forms:
        return getattr(_C, op.name)
    return method(op)


def method(op: Op) -> Callable[..., Any]:
    """The form that is called on its first argument: a method, a property, an in-place method."""
    if "method" in op.forms:
        return operator_of(op.name)
    if "property" in op.forms:
        return operator.attrgetter(op.name)
    inplace = operator_of(f"{op.name}_")
    return lambda self, *args, **kwargs: inplace(self.clone(), *args, **kwargs)


def operator_of(name: str) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: getattr(self, name)(*args, **kwargs)


def results_of(op: Op, out: Any) -> list[Any]:
    """The results as the schema lists them."""
    return [out] if len(op.returns) == 1 else list(out)


def run(op: Op, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    return results_of(op, function(op)(*args, **kwargs))


def problem(got: Any, want: Any, rtol: float, atol: float, dtype: bool = True) -> str | None:
    """What is wrong with `got`, tensors, against `want`, arrays; None if nothing."""
    if isinstance(want, (list, tuple)):
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            return f"{len(flat(got))} results instead of {len(want)}"
        return next((p for g, w in zip(got, want, strict=True) if (p := problem(g, w, rtol, atol, dtype))), None)
    if not isinstance(want, (np.ndarray, np.generic)):
        return None if got == want else f"{got!r} instead of {want!r}"
    if not isinstance(got, Tensor):
        return f"{type(got).__name__} instead of a tensor"
    want = np.asarray(want)
    if tuple(got.shape) != want.shape:
        return f"shape {tuple(got.shape)} instead of {want.shape}"
    if dtype and str(got.dtype) != f"torch.{want.dtype}":
        return f"{got.dtype} instead of {want.dtype}"
    found = numeric(got)
    with np.errstate(all="ignore"):
        near = np.isclose(found, want, rtol, atol, equal_nan=True) if want.dtype.kind in "fc" else found == want
    if not np.all(near):
        return (
            f"differs in {int(np.size(near) - np.sum(near))} of {np.size(near)} elements:\n{found}\ninstead of\n{want}"
        )
    return None


def snapshot(x: Any) -> list[tuple[Any, ...]]:
    """Everything about tensors that a call must not change."""
    return [
        (tuple(t.shape), t.stride(), t.dtype, t._version, t.requires_grad, t.data_ptr(), numeric(t).tobytes())
        for t in tensors_in(x)
    ]
