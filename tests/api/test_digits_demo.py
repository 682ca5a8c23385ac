# The digits that come with the package, the demo that learns them, and the command line.
from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

import torchy
from torchy import _demo
from torchy.__main__ import main
from torchy._curves import training_curves_svg
from torchy.data import load_digits


def test_digits_have_the_known_shape_and_counts():
    images, labels = load_digits()
    assert images.shape == (1797, 64) and images.dtype is torchy.float32
    assert labels.shape == (1797,) and labels.dtype is torchy.int64
    assert (images.min().item(), images.max().item()) == (0.0, 1.0)
    assert torchy.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # the first image, a zero, row by row
    first = (images[0] * 16).to(torchy.int64).view(8, 8).tolist()
    assert first[0] == [0, 0, 5, 13, 9, 1, 0, 0] and first[4] == [0, 5, 8, 0, 0, 9, 8, 0]
    assert round(images.sum().item() * 16) == 561718


def test_derivative_is_the_known_one(capsys):
    da, db = _demo.show_derivative()
    assert (da.item(), db.item()) == (53.75, 0.5)
    text = capsys.readouterr().out
    assert "53.75" in text
    tree = """
Tensor (-)
  Tensor (*)
    Tensor a
    Tensor b
  Tensor (+)
    Tensor (/)
      Tensor b
      Tensor a
    Tensor b
"""
    assert tree in text


def test_same_seed_trains_the_same_network():
    a, b = _demo.train_digits(epochs=1, seed=3), _demo.train_digits(epochs=1, seed=3)
    assert a.losses == b.losses and len(a.losses) == 57
    assert a.losses[-1] < 0.6 * a.losses[0]
    assert 0.5 < a.accuracies[-1] <= 1.0


def test_demo_reaches_its_goal_and_saves_its_curves(tmp_path, capsys):
    out = tmp_path / "curves.svg"
    assert main(["--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    root = ElementTree.parse(out).getroot()
    assert root.tag.endswith("svg")
    lines = [e for e in root.iter() if e.tag.endswith("polyline")]
    assert [e.get("class") for e in lines] == ["raw loss", "curve loss", "curve accuracy"]
    assert len(lines[0].get("points").split()) == 57 * 20
    assert len(lines[2].get("points").split()) == 20


def test_out_may_be_a_directory(tmp_path, capsys):
    main(["--epochs", "1", "--out", str(tmp_path)])
    curve = tmp_path / "loss_curve.svg"
    assert curve.read_text().startswith("<svg") and str(curve) in capsys.readouterr().out


def test_without_out_the_curve_is_in_the_working_directory(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["--epochs", "1"])
    assert [file.name for file in tmp_path.iterdir()] == ["loss_curve.svg"]
    assert "loss_curve.svg" in capsys.readouterr().out


def test_demo_that_misses_its_goal_exits_with_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_demo, "GOAL", 1.01)
    assert main(["--epochs", "1", "--out", str(tmp_path / "x.svg")]) == 1


@pytest.mark.parametrize("losses", [[2.0], [2.3, 0.0, 1e-9], [5.0] * 40])
def test_curves_of_unusual_numbers_stay_inside_the_picture(losses):
    root = ElementTree.fromstring(training_curves_svg("t", losses, [0.1, 1.0], 0.97))
    height, width = float(root.get("height")), float(root.get("width"))
    for line in root.iter():
        for point in (line.get("points") or "").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width and 0 <= y <= height


def test_info_names_version_and_build(capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert torchy.__version__ in text.splitlines()[0]
    for word in ("compiler", "isa", "num threads", "blas", "python"):
        assert f"\n{word}" in text


def test_module_runs_from_the_command_line():
    done = subprocess.run([sys.executable, "-m", "torchy", "info"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.startswith("torchy")
    wrong = subprocess.run([sys.executable, "-m", "torchy", "nonsense"], capture_output=True, text=True, timeout=120)
    assert wrong.returncode == 2
