"""Rules of random operations, by the `randomness` of the vmap that calls. Layer: torchy.

"error" refuses, "different" draws for all examples at once, "same" draws for one example and repeats it.
"""

from __future__ import annotations

import math

from torchy import _C

from ._registry import Call, Tensor, rule, with_batch
from ._shape import first_example, with_dims, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Where the size is among the arguments.
SIZED = {"rand": 0, "randn": 0, "randint": 1, "randint_low": 2, "normal_float_float": 2}
# Of a tensor these use only shape and dtype.
LIKE = ("rand_like", "randn_like", "randint_like", "randint_like_low", "bernoulli_p")
# In place: the result goes into self.
FILLING = """
    normal_fill bernoulli_float uniform random_from random_to random exponential cauchy log_normal geometric
""".split()
PARAMETERS = ("bernoulli", "poisson", "normal_Tensor_float", "normal_float_Tensor", "normal_Tensor_Tensor")


def _same(call: Call) -> bool:
    """Is one draw shared by all examples? RuntimeError if the mode allows no draw."""
    if call.randomness not in ("same", "different"):
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
            "'different' randomness flags on vmap or perform the randomness operation out of vmap"
        )
    return call.randomness == "same"


def _once(call: Call) -> Tensor:
    """One example's draw for all; each has its own memory, so that it can be written to."""
    return with_batch(call.run(*first_example(call)), False, call.size).clone()


def _refuse_batched(call: Call, *parameters: int) -> None:
    """One draw cannot follow parameters that differ from example to example."""
    if any(call.batched[i] for i in parameters):
        raise RuntimeError(
            f"vmap: {call.name}: Vmap does not currently support same randomness with a batched tensor input, as one "
            "draw cannot follow all its parameters; use randomness='different'"
        )


@rule(*SIZED)
def sized(call: Call) -> Any:
    if _same(call):
        return _once(call)
    args, at = list(call.args), SIZED[call.name]
    args[at] = [call.size, *args[at]]
    return call.run(*args)


@rule("randperm")
def randperm(call: Call) -> Any:
    """One draw per example: there is no operation that draws several orders."""
    if _same(call):
        return _once(call)
    return _C.stack([call.run(*call.args) for _ in range(call.size)])


@rule(*LIKE)
def like(call: Call) -> Any:
    return _once(call) if _same(call) else call.run(call.full(0), *call.args[1:])


@rule(*FILLING)
def filling(call: Call) -> Any:
    """RuntimeError if self has one value for all examples, which cannot hold different draws."""
    if _same(call):
        return _once(call)
    _needs_batch(call)
    return call.run(*call.args)


def _needs_batch(call: Call) -> None:
    if not call.batched[0]:
        raise RuntimeError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same "
            "randomness; use the out-of-place form, or give vmap a batched self"
        )


@rule("bernoulli_Tensor")
def bernoulli_tensor(call: Call) -> Any:
    self, p, generator = call.args
    if _same(call):
        _refuse_batched(call, 1)
        return _once(call)
    if not call.batched[1]:
        _needs_batch(call)
        return call.run(self, p, generator)
    return call.run(call.full(0), with_dims(p, call.ndim(1), call.ndim(0)), generator)


@rule(*PARAMETERS)
def parameters(call: Call) -> Any:
    """Draws by parameters for each element, which broadcast behind the batch."""
    tensors = [i for i, a in enumerate(call.args) if isinstance(a, Tensor)]
    if _same(call):
        _refuse_batched(call, *tensors)
        return _once(call)
    args, top = list(call.args), max(call.ndim(i) for i in tensors)
    for i in tensors:
        args[i] = with_dims(call.full(i), call.ndim(i), top)
    return call.run(*args)


@rule("multinomial")
def multinomial(call: Call) -> Any:
    """The rows of all examples are drawn as those of one matrix."""
    if call.ndim(0) not in (1, 2):
        wrong(call)
    if _same(call):
        _refuse_batched(call, 0)
        return _once(call)
    weights = call.full(0)
    rows = list(weights.shape[:-1])
    out = call.run(weights.reshape(math.prod(rows), weights.shape[-1]), *call.args[1:])
    return out.reshape(*rows, out.shape[-1])
