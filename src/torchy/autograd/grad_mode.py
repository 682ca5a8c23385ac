"""no_grad, enable_grad, set_grad_enabled, inference_mode: context managers and decorators."""

from __future__ import annotations

import functools

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Mode:
    """A thread-local mode as a context manager and a decorator (generators included)."""

    def __init__(self) -> None:
        self._saved: list[int] = []

    def _enter(self) -> None:
        raise NotImplementedError

    def _clone(self) -> _Mode:
        return type(self)()

    def __enter__(self) -> None:
        self._saved.append(_C._tls_flags())
        self._enter()

    def __exit__(self, *exc: object) -> None:
        _C._set_tls_flags(self._saved.pop())

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        import inspect  # not on top: it would take a quarter of `import torchy`

        if inspect.isclass(fn):
            raise TypeError(f"{type(self).__name__}: decorate functions or methods, not the class {fn.__name__}")
        if inspect.isgeneratorfunction(fn):
            return self._wrap_generator(fn)

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._clone():
                return fn(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = fn(*args, **kwargs)
            send: Callable[[], Any] = functools.partial(next, generator)
            while True:
                try:
                    with self._clone():
                        value = send()
                except StopIteration as stop:
                    return stop.value
                try:
                    got = yield value
                except GeneratorExit:
                    with self._clone():
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001  (handed to the wrapped generator)
                    send = functools.partial(generator.throw, error)
                else:
                    send = functools.partial(generator.send, got)

        return wrapped


class _BareDecorator(_Mode):
    """Also usable without parentheses: ``@no_grad``."""

    def __new__(cls, fn: Callable[..., Any] | None = None) -> Any:
        if fn is None:
            return super().__new__(cls)
        return cls()(fn)

    def __init__(self, fn: Callable[..., Any] | None = None) -> None:
        super().__init__()


class no_grad(_BareDecorator):  # noqa: N801  (PyTorch's name)
    """Operations inside are not recorded: results do not require grad."""

    def _enter(self) -> None:
        _C._set_grad_enabled(False)


class enable_grad(_BareDecorator):  # noqa: N801
    """Operations inside are recorded, also within no_grad."""

    def _enter(self) -> None:
        _C._set_grad_enabled(True)


class set_grad_enabled(_Mode):  # noqa: N801
    """``set_grad_enabled(flag)`` sets the mode at once; in a with block it is put back at the end."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._before = _C._tls_flags()
        _C._set_grad_enabled(self.mode)

    def _clone(self) -> _Mode:
        return set_grad_enabled(self.mode)

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        _C._set_tls_flags(self._before)
        return super().__call__(fn)

    def __enter__(self) -> None:
        self._saved.append(self._before)
        _C._set_grad_enabled(self.mode)

    def _enter(self) -> None:
        _C._set_grad_enabled(self.mode)


class inference_mode(_BareDecorator):  # noqa: N801
    """no_grad whose results can never take part in recording: no versions, no views to track."""

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode):
            return cls()(mode)
        return object.__new__(cls)

    def __init__(self, mode: Any = True) -> None:
        _Mode.__init__(self)
        self.mode = True if callable(mode) else bool(mode)

    def _clone(self) -> _Mode:
        return inference_mode(self.mode)

    def _enter(self) -> None:
        _C._set_inference_mode(self.mode)
        _C._set_grad_enabled(not self.mode)
