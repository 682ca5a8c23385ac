"""Random programs (new results, views, in-place, detach, no_grad, backward) against the NumPy model."""

from __future__ import annotations

import numpy as np
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import torchy as torch
from tests.property.tape_model import TORCH_VIEWS, UNARY, VIEWS, Model, can_view

LEAVES = [np.linspace(-0.8, 0.9, 6).reshape(2, 3), np.array([0.5, -0.3, 0.7])]
index = st.integers(0, 1000)
unary = st.sampled_from(sorted(UNARY))


class Tape:
    """The same steps on torchy. Rules read copies, so that no step changes what a rule has saved."""

    def __init__(self) -> None:
        self.leaves = [torch.tensor(a, requires_grad=True) for a in LEAVES]
        self.entries = list(self.leaves)

    def operand(self, i, j, inplace):
        other = self.entries[j]
        shape = tuple(self.entries[i].shape)
        try:
            fits = np.broadcast_shapes(shape, tuple(other.shape))
        except ValueError:
            fits = None
        return other.clone() if fits is not None and (not inplace or fits == shape) else other.sum() * 0.1

    def unary(self, i, name):
        self.entries.append(getattr(self.entries[i].clone(), name)().clone())

    def binary(self, i, name, j):
        self.entries.append(getattr(torch, name)(self.entries[i].clone(), self.operand(i, j, False)))

    def view(self, i, name):
        self.entries.append(TORCH_VIEWS[name](self.entries[i]))

    def expand(self, i):
        self.entries.append(self.entries[i].expand(2, *self.entries[i].shape))

    def detach(self, i):
        self.entries.append(self.entries[i].detach())

    def inplace(self, i, name, j, recorded):
        target = self.entries[i]
        with torch.set_grad_enabled(recorded):
            if name in UNARY:
                if name in ("tanh", "sigmoid"):  # these rules read the result, which later steps change
                    target.copy_(getattr(target.clone(), name)())
                else:
                    getattr(target, name + "_")()
            elif name == "zero":
                target.zero_()
            else:
                getattr(target, name + "_")(self.operand(i, j, True))


class Programs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.tape, self.model = Tape(), Model(LEAVES)
        self.steps: list[tuple] = []
        self.cut = False

    def do(self, name, *args):
        getattr(self.model, name)(*args)
        getattr(self.tape, name)(*args)
        self.steps.append((name, args))

    def pick(self, i):
        return i % len(self.model.entries)

    @precondition(lambda self: len(self.model.entries) < 25)
    @rule(i=index, name=unary)
    def unary(self, i, name):
        self.do("unary", self.pick(i), name)

    @precondition(lambda self: len(self.model.entries) < 25)
    @rule(i=index, j=index, name=st.sampled_from(["add", "sub", "mul"]))
    def binary(self, i, j, name):
        self.do("binary", self.pick(i), name, self.pick(j))

    @rule(i=index, name=st.sampled_from(sorted(VIEWS)))
    def view(self, i, name):
        i = self.pick(i)
        if can_view(name, self.model.entries[i].value.shape):
            self.do("view", i, name)

    @rule(i=index)
    def expand(self, i):
        if self.model.entries[self.pick(i)].value.ndim < 3:
            self.do("expand", self.pick(i))

    @rule(i=index)
    def detach(self, i):
        i = self.pick(i)
        if self.model.entries[i].value.flags.writeable:
            self.cut = True
            self.do("detach", i)

    @rule(
        i=index,
        j=index,
        name=st.sampled_from(["add", "sub", "mul", "copy", "zero", *UNARY]),
        recorded=st.sampled_from([True] * 4 + [False]),
    )
    def inplace(self, i, j, name, recorded):
        i = self.pick(i)
        e = self.model.entries[i]
        if e.writable and np.abs(e.value).max(initial=0) < 1e3:
            self.cut = self.cut or not recorded
            self.do("inplace", i, name, self.pick(j), recorded)

    @invariant()
    def values_agree(self):
        for e, t in zip(self.model.entries, self.tape.entries):
            np.testing.assert_allclose(t.detach().numpy(), e.value, rtol=1e-10, atol=1e-12)

    @rule(i=index)
    def gradients_agree(self, i):
        i = self.pick(i)
        e, t = self.model.entries[i], self.tape.entries[i]
        weights = np.cos(np.arange(e.value.size)).reshape(e.value.shape)
        expect = (e.tangent * weights).reshape(len(e.tangent), -1).sum(axis=1)
        if not t.requires_grad:
            assert not expect.any()
            return
        found = torch.autograd.grad(
            (t * torch.tensor(weights)).sum(), self.tape.leaves, retain_graph=True, materialize_grads=True
        )
        flat = np.concatenate([g.numpy().ravel() for g in found])
        np.testing.assert_allclose(flat, expect, rtol=1e-8, atol=1e-10)

    def value_at(self, leaves, weights):
        model = Model(leaves)
        for name, args in self.steps:
            getattr(model, name)(*args)
        return float((model.entries[-1].value * weights).sum())

    def teardown(self):
        """All of it once more: backward from the sum of everything, and finite differences."""
        for i in range(len(self.model.entries)):
            self.gradients_agree(i)
        last = self.tape.entries[-1]
        if self.cut or not last.requires_grad:
            return
        weights = np.cos(np.arange(last.numel())).reshape(tuple(last.shape))
        (last * torch.tensor(weights)).sum().backward()
        for k, leaf in enumerate(self.tape.leaves):
            direction = np.sin(np.arange(1, leaf.numel() + 1)).reshape(tuple(leaf.shape))
            slope = [
                self.value_at([a + s * 1e-6 * direction if n == k else a for n, a in enumerate(LEAVES)], weights)
                for s in (1, -1)
            ]
            found = 0.0 if leaf.grad is None else float((leaf.grad.numpy() * direction).sum())
            np.testing.assert_allclose(found, (slope[0] - slope[1]) / 2e-6, rtol=1e-4, atol=1e-4)


TestRandomPrograms = Programs.TestCase
TestRandomPrograms.settings = settings(max_examples=200, stateful_step_count=25)
