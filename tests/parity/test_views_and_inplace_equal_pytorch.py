"""Random programs of views and in-place changes, run by both libraries: geometry, sharing, versions, gradients."""

from __future__ import annotations

import random

import numpy as np
import pytest

import torchy

pytorch = pytest.importorskip("torch")

SHAPES = [(2, 3), (4,), (2, 2, 3), (1, 4), (3, 1, 2)]


def a_view(rng, shape):
    """The text of one view that a tensor of this shape allows, with x for the tensor."""
    n = len(shape)
    ways = ["x.unsqueeze(0)", "x.squeeze()", "x[...]", "x.view_as(x)", "x.expand(2, *x.shape)", "x.unsqueeze(-1)"]
    if n >= 1:
        d = rng.randrange(n)
        if shape[d] > 0:
            ways += [f"x.select({d}, {rng.randrange(shape[d])})", f"x.narrow({d}, {rng.randrange(shape[d])}, 1)",
                     f"x.unfold({d}, 1, 1)", f"x.split(1, {d})[0]", f"x.unbind({d})[-1]", f"x.chunk(2, {d})[0]"]  # fmt: skip
        ways += [f"x[{rng.choice(['1:', ':1', '::2', '-1:'])}]", "x[None]"]
    if n >= 2:
        ways += ["x.transpose(0, 1)", "x.mT", "x.diagonal()", "x[:, 0]", "x[..., 1:]", f"x.permute({', '.join(map(str, reversed(range(n))))})",
                 "x.movedim(0, -1)", "x.T" if n == 2 else "x.swapaxes(0, 2)"]  # fmt: skip
    return rng.choice(ways)


CHANGES = ["x.mul_(2)", "x.add_(1)", "x.copy_(x * 3)", "x.zero_()", "x.fill_(2.5)", "x.sin_()", "x.mul_(w)", "x.add_(w)",
           "x.masked_fill_(x > 0, 0.5)", "x.copy_(w)", "x.pow_(2)", "x.neg_()", "x.clamp_(min=-0.5)", "x.fill_(w)"]  # fmt: skip
SETS = ["x[0] = 1.5", "x[...] = w", "x[-1] = x[0] * 2", "x[0:1] *= w", "x[x > 0.2] = 0.1"]


def make_program(seed):
    """A list of (statement, name it makes): tensors t0 (from the leaf) and views of them, changed in place."""
    rng = random.Random(seed)
    shape = rng.choice(SHAPES)
    steps = []
    probe = {"t0": pytorch.zeros(shape)}
    for _ in range(rng.randrange(3, 9)):
        source = rng.choice(list(probe))
        kind = rng.random()
        if kind < 0.5 and len(probe) < 7:
            name = f"t{len(probe)}"
            text = a_view(rng, tuple(probe[source].shape))
            try:
                probe[name] = eval(text, {"x": probe[source]})
            except (RuntimeError, IndexError):
                continue
            steps.append((name, source, text))
        elif kind < 0.85:
            steps.append((None, source, rng.choice(CHANGES)))
        elif probe[source].dim() and probe[source].shape[0]:
            steps.append((None, source, rng.choice(SETS)))
    return shape, steps


def start(module, shape):
    n = int(np.prod(shape))
    leaf = module.tensor(np.linspace(-1, 1, n).tolist(), dtype=module.float64).reshape(shape).requires_grad_()
    w = module.tensor(0.7, dtype=module.float64, requires_grad=True)
    return leaf, w


def execute(module, shape, steps, record):
    """Everything that can be seen of the run: geometry, versions, values, gradients, or where which error came."""
    leaf, w = start(module, shape)
    tensors = {"t0": leaf * 1.0 if record else leaf.detach().clone()}
    if not record:
        w = w.detach()
    seen = []
    for name, source, text in steps:
        scope = {"x": tensors[source], "w": w}
        try:
            if name:
                tensors[name] = eval(text, scope)
            else:
                exec(text, scope)
        except Exception as error:
            seen.append((text, type(error).__name__))
            continue
        try:
            seen.append((text, [state(t, tensors) for t in tensors.values()]))
        except RuntimeError as error:  # PyTorch forbids to look at a piece of split or unbind whose base was changed
            assert module is pytorch and "returns multiple views" in str(error), error
            return seen
    if record:
        try:
            total = sum((t * (k + 1.5)).sum() for k, t in enumerate(tensors.values()))
            grads = module.autograd.grad(total, [leaf, w], allow_unused=True)
            seen.append([None if g is None else np.round(g.detach().tolist(), 9).tolist() for g in grads])
        except Exception as error:
            seen.append(type(error).__name__)
    return seen


def state(t, tensors):
    base = t._base
    names = [k for k, v in tensors.items() if v is base]
    return (tuple(t.shape), t.stride(), t.storage_offset(), t._version, names or base is not None, t.requires_grad, t.is_leaf,
            np.round(np.array(t.detach().tolist()), 9).tolist())  # fmt: skip


def shares(tensors):
    return [[a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr() for a in tensors] for b in tensors]


@pytest.mark.parametrize("record", [True, False], ids=["recorded", "plain"])
@pytest.mark.parametrize("seed", range(120))
def test_a_random_program_of_views_and_changes(seed, record):
    shape, steps = make_program(seed)
    theirs = execute(pytorch, shape, steps, record)
    ours = execute(torchy, shape, steps, record)
    for a, b in zip(ours, theirs):
        assert a == b, f"{steps}\nafter {b[0]}"
    assert len(ours) >= len(theirs) > 0


@pytest.mark.parametrize("seed", range(40))
def test_views_share_the_storage_of_their_base(seed):
    shape, steps = make_program(1000 + seed)
    found = []
    for module in (pytorch, torchy):
        tensors = {"t0": start(module, shape)[0].detach()}
        for name, source, text in steps:
            if name:
                tensors[name] = eval(text, {"x": tensors[source]})
        found.append((shares(list(tensors.values())), [t.is_contiguous() for t in tensors.values()]))
    assert found[0] == found[1]


INPLACE_GEOMETRY = ["x.t_()", "x.transpose_(0, 1)", "x.unsqueeze_(0)", "x.unsqueeze_(-1)", "x.squeeze_()", "x.squeeze_(0)",
                    "x.swapaxes_(0, 1)", "x.swapdims_(1, 0)", "x.as_strided_((2,), (1,), 1)"]  # fmt: skip


@pytest.mark.parametrize("text", INPLACE_GEOMETRY)
@pytest.mark.parametrize("of_view", [False, True], ids=["whole", "view"])
def test_in_place_geometry(text, of_view):
    found = []
    for module in (pytorch, torchy):
        leaf, _ = start(module, (2, 1, 3))
        base = leaf * 2
        base = base.reshape(2, 3).clone() if not of_view else base.clone()
        x = base[:, 0] if of_view else base
        result = eval(text, {"x": x})
        x.mul_(3)
        (base.reshape(-1) ** 2).sum().backward()
        found.append((result is x, x.shape, x.stride(), x.storage_offset(), x._version, base._version, tuple(base.shape), x.tolist(),
                      leaf.grad.tolist()))  # fmt: skip
    assert found[0] == found[1]
