"""What tests of messages share: the line of a call, leaves, an error's text, whether any mode is on."""

from __future__ import annotations

import sys

import torchy as torch


def here():
    """The line of the call, as messages name it."""
    frame = sys._getframe(1)
    return f'File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_name}'


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def error_of(kind, run):
    """The error's text and notes; without pytest's excinfo, which would keep the tensors of its frames."""
    try:
        run()
    except kind as error:
        assert type(error) is kind
        return "\n".join([str(error), *getattr(error, "__notes__", ())])
    raise AssertionError(f"no {kind.__name__}")


def is_off():
    return torch._C._tls_flags() == 0
