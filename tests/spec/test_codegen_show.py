# `python -m codegen show <name>` prints all that is generated for one operation.

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from codegen import __main__ as command
from codegen.stubs import ROOT


def shown(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["codegen", "show", name])
    assert command.main() == 0
    return capsys.readouterr().out


def test_show_prints_struct_rule_saved_set_and_recording_function() -> None:
    run = subprocess.run([sys.executable, "-m", "codegen", "show", "mul"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    text = run.stdout
    assert "// mul(Operand self, Operand other) -> Tensor" in text
    assert "// rules: self: grad * conj(other); other: grad * conj(self)" in text
    assert "// saves: other (value), self (value)" in text
    assert "struct MulNode final : Node {" in text and "SavedOperand other_;" in text
    assert "void MulNode::apply(TensorList& grads, TensorList& out) {" in text
    assert "(grad * rules::conj(other))" in text
    assert re.search(r"^Tensor mul\(.*const Operand& self, .*const Operand& other\) \{$", text, re.M)
    assert "if (requires_grad(self)) node->other_.save(other);" in text and "set_history(result, node);" in text
    assert re.search(r"^void mul_\(.*const Tensor& self, .*const Operand& other\) \{$", text, re.M)
    assert "def mul(self: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Tensor: ..." in text


def test_show_names_what_is_saved(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "// saves: result (result)" in shown("exp", monkeypatch, capsys)
    assert "// saves: nothing" in shown("neg", monkeypatch, capsys)
    assert "dim0 (plain), dim1 (plain)" in shown("transpose", monkeypatch, capsys)
    assert "self (shape), size (plain)" not in shown("view", monkeypatch, capsys)
    assert "// saves: self (shape)" in shown("view", monkeypatch, capsys)


def test_show_prints_every_overload(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown("add", monkeypatch, capsys)
    assert "struct AddNode " in text and "struct AddAlphaNode " in text
    assert "// add.alpha(" not in shown("sub", monkeypatch, capsys)


def test_show_of_an_unknown_name_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["codegen", "show", "nowhere"])
    assert command.main() == 1
    assert "no operation 'nowhere' in the table" in capsys.readouterr().err
