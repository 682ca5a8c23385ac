"""no_grad, enable_grad, set_grad_enabled, inference_mode: nesting, decorators, generators, threads."""

from __future__ import annotations

import threading

import pytest

import torchy as torch

on = torch.is_grad_enabled


def test_context_managers_nest():
    x = torch.ones(1, requires_grad=True)
    with torch.no_grad():
        assert not on() and not (x * 2).requires_grad
        with torch.enable_grad():
            assert on() and (x * 2).requires_grad
            with torch.set_grad_enabled(False):
                assert not on()
            assert on()
        assert not on()
    assert on() and (x * 2).requires_grad


def test_exceptions_put_the_mode_back():
    for make in (torch.no_grad, torch.inference_mode, lambda: torch.set_grad_enabled(False)):
        with pytest.raises(KeyError):
            with make():
                raise KeyError
        assert on() and not torch.is_inference_mode_enabled()


def test_one_object_may_be_entered_again():
    mode = torch.no_grad()
    with mode:
        with mode:
            assert not on()
        assert not on()
    assert on()


def test_set_grad_enabled_as_a_function():
    torch.set_grad_enabled(False)
    assert not on()
    torch.set_grad_enabled(True)
    assert on()
    with torch.set_grad_enabled(False):
        assert not on()
    assert on()


@pytest.mark.parametrize(
    "make", [lambda f: torch.no_grad()(f), torch.no_grad, lambda f: torch.set_grad_enabled(False)(f)]
)
def test_decorators(make):
    @make
    def f(a, *, b):
        """Doc."""
        return on(), a + b

    assert on(), "decorating changes nothing yet"
    assert f(1, b=2) == (False, 3) and on()
    assert f.__name__ == "f" and f.__doc__ == "Doc."

    @torch.no_grad()
    @torch.enable_grad()
    def g():
        return on()

    assert g()


def test_decorated_functions_may_recurse_and_raise():
    @torch.no_grad()
    def f(n):
        assert not on()
        if n == 0:
            raise ValueError
        f(n - 1)

    with pytest.raises(ValueError):
        f(5)
    assert on()


def test_decorated_methods():
    class Thing:
        @torch.no_grad()
        def f(self):
            return self, on()

    thing = Thing()
    assert thing.f() == (thing, False)


def test_decorated_generators_hold_the_mode_only_while_they_run():
    log = []

    @torch.no_grad()
    def gen():
        try:
            log.append(on())
            got = yield 1
            log.append((on(), got))
            try:
                yield 2
            except KeyError:
                log.append(("caught", on()))
            yield 3
        finally:
            log.append(("closed", on()))
        return 4

    g = gen()
    assert next(g) == 1 and on()
    assert g.send("sent") == 2 and on()
    assert g.throw(KeyError()) == 3 and on()
    g.close()
    assert on() and log == [False, (False, "sent"), ("caught", False), ("closed", False)]

    def outer(result):
        result.append((yield from gen()))

    result = []
    assert list(outer(result)) == [1, 2, 3] and result == [4]


def test_threads_have_their_own_mode():
    seen = []

    def work():
        seen.append(on())
        torch.set_grad_enabled(False)
        seen.append(on())

    with torch.no_grad():
        t = threading.Thread(target=work)
        t.start()
        t.join()
        assert not on()
    assert seen == [True, False] and on()


def test_in_place_on_a_leaf_under_no_grad():
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        x -= 0.5
        x[0] = 3
    assert x.is_leaf and x.requires_grad and x.tolist() == [3, 0.5]
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_requires_grad_made_under_no_grad():
    with torch.no_grad():
        x = torch.ones(2, requires_grad=True)
        p = torch.nn.Parameter(torch.ones(2))
    assert x.requires_grad and p.requires_grad
    (x * p).sum().backward()
    assert x.grad.tolist() == p.grad.tolist() == [1, 1]


def test_inference_mode():
    x = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled() and not on()
        y = x * 2
        view = x.view(2)
        with torch.inference_mode(False):
            assert on() and (x * 2).requires_grad
        y.add_(1)
    assert y.is_inference() and not y.requires_grad and y.tolist() == [3, 3]
    assert not view.is_inference(), "a view of a normal tensor is normal"
    assert not x.is_inference() and not torch.is_inference_mode_enabled()

    @torch.inference_mode()
    def f():
        return (x * 2).is_inference()

    assert f()


def test_inference_tensors_outside():
    with torch.inference_mode():
        y = torch.ones(2)
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="in-place update to an inference tensor"):
        y.add_(1)
    with pytest.raises(RuntimeError, match="cannot be saved for backward"):
        x * y
    with pytest.raises(RuntimeError, match="inference tensor"):
        y.requires_grad_()
    (x + y).sum().backward()
    assert x.grad.tolist() == [1, 1], "nothing of it is saved here"
    (x * y.clone()).sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_a_gradient_first_seen_under_inference_mode_stays_normal():
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    with torch.inference_mode():
        assert not x.grad.is_inference()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [4, 4]
