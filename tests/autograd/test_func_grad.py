"""torchy.func.grad, grad_and_value, vjp, linearize: values against hand-derived ones, trees, history, errors."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import torchy as torch
from torchy._pytree import broadcast_prefix, tree_flatten, tree_leaves, tree_map, tree_unflatten
from torchy.func import grad, grad_and_value, linearize, vjp

Pair = namedtuple("Pair", "u v")
X = [0.5, -1.0, 2.0]


def x(tracked=False):
    return torch.tensor(X, dtype=torch.float64, requires_grad=tracked)


def cube(t):
    return (t**3).sum()


def test_grad_is_the_derivative_and_leaves_the_input_alone():
    a = x()
    g = grad(cube)(a)
    assert torch.allclose(g, 3 * a**2)
    assert not g.requires_grad and not a.requires_grad and a.grad is None


def test_grads_nest():
    a = torch.tensor(0.7, dtype=torch.float64)
    assert torch.allclose(grad(grad(torch.sin))(a), -a.sin())
    assert torch.allclose(grad(grad(grad(lambda t: t**4)))(a), 24 * a)


def test_nested_grads_do_not_confuse_their_variables():
    a = torch.tensor(3.0)
    assert grad(lambda t: t * grad(lambda s: t + s)(torch.tensor(1.0)))(a).item() == 1.0
    assert grad(lambda t: grad(lambda s: s * t**2)(t))(a).item() == 6.0


def test_grad_and_value_gives_both_and_aux():
    a = x()
    g, value = grad_and_value(cube)(a)
    assert value.item() == pytest.approx(sum(v**3 for v in X)) and torch.allclose(g, 3 * a**2)
    g, (value, aux) = grad_and_value(lambda t: (cube(t), {"twice": 2 * t}), has_aux=True)(a)
    assert torch.equal(aux["twice"], 2 * a) and not aux["twice"].requires_grad
    g, aux = grad(lambda t: (cube(t), (t,)), has_aux=True)(a)
    assert aux[0] is a


def test_argnums_choose_inputs_and_count_from_the_end():
    a, b = x(), 2 * x()

    def f(p, q):
        return (p * p * q).sum()

    assert torch.allclose(grad(f)(a, b), 2 * a * b)
    assert torch.allclose(grad(f, argnums=-1)(a, b), a * a)
    both = grad(f, argnums=(1, 0))(a, b)
    assert isinstance(both, tuple) and torch.allclose(both[0], a * a) and torch.allclose(both[1], 2 * a * b)


def test_keywords_reach_the_function_untouched():
    assert torch.equal(grad(lambda t, *, scale: (t * scale).sum())(x(), scale=3.0), torch.full_like(x(), 3))


@pytest.mark.parametrize(
    "tree",
    [
        {"a": 1.0, "b": [2.0, (3.0,)]},
        OrderedDict(z=1.0, a=2.0),
        defaultdict(list, k=1.0),
        deque([1.0, 2.0], maxlen=4),
        Pair(1.0, (2.0,)),
    ],
)
def test_grad_is_shaped_like_the_tree_it_is_taken_by(tree):
    tree = tree_map(lambda v: torch.tensor(v), tree)
    g = grad(lambda t: sum(leaf**2 for leaf in tree_leaves(t)))(tree)
    assert tree_flatten(g)[1] == tree_flatten(tree)[1]
    assert [v.item() for v in tree_leaves(g)] == [2 * v.item() for v in tree_leaves(tree)]


def test_inputs_without_effect_get_zeros():
    g = grad(lambda t: t["used"].sum())({"used": x(), "not": torch.ones(2)})
    assert g["not"].tolist() == [0.0, 0.0]
    assert grad(lambda t: torch.ones(()))(x()).tolist() == [0.0] * 3


def test_no_grad_counts_inside_and_only_hides_the_result_outside():
    def partly(t):
        with torch.no_grad():
            fixed = t**2
        return (t * fixed).sum()

    a = x(tracked=True)
    with torch.no_grad():
        g = grad(cube)(a)
        assert torch.allclose(g, 3 * a**2) and not g.requires_grad
    assert torch.allclose(grad(partly)(a), a**2)
    with torch.inference_mode():
        assert torch.allclose(grad(cube)(torch.ones(2)), torch.full((2,), 3.0))


def test_the_result_is_recorded_as_far_as_it_depends_on_tracked_tensors():
    a, w = x(), x(tracked=True)
    g, (value, aux) = grad_and_value(lambda t: ((t * w).sum(), (t * 2, w * 2)), has_aux=True)(a)
    assert [t.requires_grad for t in (g, value, *aux)] == [True, True, False, True]
    assert not grad(lambda t: cube(t) + w.sum())(a).requires_grad
    g = grad(lambda t: (t * w**2).sum())(a)
    g.sum().backward()
    assert torch.allclose(w.grad, 2 * w)
    tracked = grad(cube)(w)
    assert torch.allclose(torch.autograd.grad(tracked.sum(), w)[0], 6 * w)


def test_finished_transforms_inside_another_leave_its_result_untracked():
    a, b = x(), 2 * x()
    _, pull = vjp(torch.sin, a)
    for inside in (
        lambda t: grad(lambda p: (p**3 * t).sum())(a),  # recorded through t, and through a leaf that grad made
        lambda t: vjp(torch.sin, a)[1](t)[0],
        lambda t: pull(t)[0],
        lambda t: linearize(torch.sin, a)[1](t),
    ):
        g, value = grad_and_value(lambda t, inside=inside: (inside(t) ** 2).sum())(b)
        assert not g.requires_grad and not value.requires_grad and g.any()


def test_aux_can_be_differentiated_after_the_gradient_was_taken():
    a, w = x(), x(tracked=True)

    def f(t):
        shared = t.sin()
        return (shared * shared).sum(), shared * w

    _, aux = grad(f, has_aux=True)(a)
    aux.sum().backward()
    assert torch.allclose(w.grad, a.sin())


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda a: grad(lambda t: t)(a), RuntimeError, "Expected f.* to return a scalar [Tt]ensor, got .* 1 dims"),
        (lambda a: grad(lambda t: 1.0)(a), RuntimeError, "to return a Tensor, got <class 'float'>"),
        (lambda a: grad(cube, argnums=1)(a), RuntimeError, "argnum=1, but only 1 positional"),
        (lambda a: grad(cube, argnums=())(a), RuntimeError, "non-empty"),
        (lambda a: grad(cube, argnums=(0, -1))(a), RuntimeError, "unique"),
        (lambda a: grad(cube, argnums=[0])(a), RuntimeError, "must be int or Tuple"),
        (lambda a: grad(cube, argnums=(0.5,))(a), RuntimeError, "argnum must be int"),
        (lambda a: grad(cube)(3.0), ValueError, "must be Tensor, got <class 'float'>"),
        (lambda a: grad(cube)(a.long()), RuntimeError, "can require gradients"),
        (lambda a: grad(lambda t: (cube(t), 3), has_aux=True)(a), RuntimeError, "Expected tensors, got"),
        (lambda a: grad(cube, has_aux=True)(a), RuntimeError, r"a tuple: \(output, aux\)"),
        (lambda a: grad(lambda t: cube(t.mul_(2)))(a), RuntimeError, "in-place operation"),
        (lambda a: grad(lambda t: cube(t.mul_(2)))(a.requires_grad_() * 1), RuntimeError, "in-place operation"),
        (lambda a: vjp(lambda t: 3.0, a), RuntimeError, "only tensors, got unsupported type <class 'float'>"),
        (lambda a: vjp(lambda t: (), a), RuntimeError, "non-empty output"),
        (lambda a: vjp(lambda t: t.long(), a), RuntimeError, "must be floating-point or complex"),
        (lambda a: vjp(torch.sin, a)[1]((a,)), RuntimeError, r"structure of cotangents.*\(\*,\)"),
        (lambda a: vjp(torch.sin, a)[1](a[:2]), RuntimeError, "[Mm]ismatch in shape"),
        (lambda a: linearize(torch.sin, a.long()), ValueError, "floating point or complex"),
        (lambda a: linearize(torch.sin, a)[1](a[:2]), RuntimeError, "tangent:0 with shape"),
        (lambda a: linearize(torch.sin, a)[1](a.float()), RuntimeError, "tangent:0 with dtype"),
        (lambda a: linearize(torch.sin, a)[1](3.0), RuntimeError, "tangent:0 .* has type"),
        (lambda a: linearize(torch.sin, a)[1](a, a), RuntimeError, "same argspec"),
    ],
)
def test_misuse_says_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call(x())


def test_vjp_pulls_cotangents_back_any_number_of_times():
    a, b = x(), torch.tensor(2.0, dtype=torch.float64)
    out, pull = vjp(lambda p, q: {"y": p.exp() * q, "z": p.sum()}, a, b)
    assert not out["y"].requires_grad
    for scale in (1.0, -2.0):
        ga, gb = pull({"y": torch.full_like(a, scale), "z": torch.tensor(3.0, dtype=torch.float64)})
        assert torch.allclose(ga, scale * 2 * a.exp() + 3)
        assert torch.allclose(gb, scale * a.exp().sum())
    assert vjp(lambda t: (t, t * 2), a, has_aux=True)[2].tolist() == (2 * a).tolist()


def test_vjp_is_recorded_in_its_cotangents():
    a, ct = x(), x(tracked=True)
    _, pull = vjp(torch.sin, a)
    assert not pull(torch.ones_like(a))[0].requires_grad
    (g,) = pull(ct)
    assert torch.allclose(torch.autograd.grad(g.sum(), ct)[0], a.cos())
    with torch.no_grad():
        assert not pull(ct)[0].requires_grad


def test_vjp_inside_grad_is_differentiated():
    a = x()
    assert torch.allclose(grad(lambda t: vjp(torch.sin, t)[1](t)[0].sum())(a), a.cos() - a * a.sin())


def test_vjp_of_complex_conjugates_the_derivative():
    z = torch.tensor([1 + 2j], dtype=torch.complex128)
    (g,) = vjp(lambda t: t * t, z)[1](torch.ones_like(z))
    assert torch.allclose(g, (2 * z).conj())


def test_linearize_runs_the_function_once():
    runs, a = [], x()

    def f(t, s):
        runs.append(1)
        return {"y": t.sin() * s, "constant": torch.ones(2), "kept": "text"}

    s = torch.tensor(2.0, dtype=torch.float64)
    out, push = linearize(f, a, s)
    assert torch.allclose(out["y"], a.sin() * 2) and out["kept"] == "text"
    for k in (1.0, -3.0):
        t = push(torch.full_like(a, k), torch.ones_like(s))
        assert torch.allclose(t["y"], k * a.cos() * 2 + a.sin())
        assert t["constant"].tolist() == [0.0, 0.0] and not t["y"].requires_grad
    assert runs == [1]


def test_linearize_of_complex_multiplies_by_the_derivative():
    z = torch.tensor([1 + 2j], dtype=torch.complex128)
    t = torch.tensor([0.5 - 1j], dtype=torch.complex128)
    assert torch.allclose(linearize(lambda v: v * v, z)[1](t), 2 * z * t)


def test_linearize_is_recorded_in_inputs_and_tangents():
    a, t = x(tracked=True), x(tracked=True)
    pushed = linearize(torch.sin, a)[1](t)
    ga, gt = torch.autograd.grad(pushed.sum(), (a, t))
    assert torch.allclose(ga, -a.sin() * t) and torch.allclose(gt, a.cos())


def test_trees_come_apart_and_together():
    tree = {"b": [1, (2, None)], "a": Pair(3, torch.Size([4, 5]))}
    leaves, spec = tree_flatten(tree)
    assert leaves == [1, 2, None, 3, 4, 5] and spec.num_leaves == 6
    assert tree_unflatten(leaves, spec) == tree
    assert repr(spec) == "{'b': [*, (*, *)], 'a': Pair(*, Size(*, *))}"
    assert tree_flatten({"a": 1, "b": 2})[1] != tree_flatten({"b": 1, "a": 2})[1]
    with pytest.raises(ValueError, match="got 1 leaves"):
        tree_unflatten([1], spec)
    assert tree_map(lambda p, q: (p, q), (1, {"k": 2}), (3, {"k": [4]})) == ((1, 3), {"k": (2, [4])})
    with pytest.raises(ValueError, match="one structure"):
        tree_map(max, (1, 2), [1, 2])


def test_results_of_operations_are_trees():
    leaves, spec = tree_flatten(torch.max(torch.tensor([1.0, 3.0]), 0))
    assert [t.item() for t in leaves] == [3.0, 1]
    assert tree_unflatten(leaves, spec).indices.item() == 1


def test_a_prefix_is_spread_over_the_leaves_below_it():
    assert broadcast_prefix(0, (1, [2, 3])) == [0, 0, 0]
    assert broadcast_prefix((0, None), (1, [2, 3])) == [0, None, None]
    assert broadcast_prefix({"b": 0, "a": 1}, OrderedDict(a=5, b=[6, 7])) == [1, 0, 0]
    assert broadcast_prefix((None, [1, 2]), tree_flatten((1, [2, 3]))[1]) == [None, 1, 2]
    for prefix, tree in [((0,), 1), ([0, 0], (1, 2)), ((0,), (1, 2)), ({"a": 0}, {"b": 1})]:
        with pytest.raises(ValueError, match="does not lead into"):
            broadcast_prefix(prefix, tree)
