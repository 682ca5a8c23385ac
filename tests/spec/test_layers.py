# The layer lint (python -m codegen.layers): the repository obeys it, and it sees every kind of breach.

from __future__ import annotations

from pathlib import Path

import pytest

from codegen import layers


def test_repository_obeys_the_layers() -> None:
    assert layers.problems() == []


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


GOOD = {
    "csrc/core/tensor.h": "#pragma once\n#include <vector>\n",
    "csrc/kernels/view.cpp": '#include "../core/tensor.h"\n#include "core/tensor.h"\n#include "kernels_gen.h"\n',
    "csrc/autograd/node.h": '#include "ops_gen.h"\n#include "../core/tensor.h"\n',
    "csrc/python/module.cpp": '#include <Python.h>\n#include <nanobind/nanobind.h>\n#include "bindings_gen.h"\n',
    "optable/spec.py": "import ast\nfrom optable import samples\n",
    "codegen/emit.py": "from codegen import nodes\nfrom optable.spec import Op\n",
    "src/torchy/__init__.py": "from .nn import Linear\nfrom . import _C\n",
    "src/torchy/nn/__init__.py": "import torchy\nfrom torchy.utils import hooks\ndef f():\n    import numpy\n",
    "src/torchy/utils/__init__.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\n    from torchy.nn import Linear\n"
        "def late():\n    from torchy import nn\n"
    ),
}
BAD = [
    ("csrc/core/storage.h", '#include "../kernels/copy.h"\n', "includes ../kernels/copy.h, which does not exist"),
    ("csrc/core/storage.h", '#include "../autograd/node.h"\n', "../autograd/node.h of autograd, a higher layer than core"),
    ("csrc/core/storage.h", '#include "autograd/node.h"\n', "autograd/node.h of autograd, a higher layer than core"),
    ("csrc/kernels/copy.inc", '  #  include "ops_gen.h"\n', "includes ops_gen.h of autograd, a higher layer than kernels"),
    ("csrc/core/dtype.h", '#include "kernels_gen.h"\n', "includes kernels_gen.h of kernels, a higher layer than core"),
    ("csrc/autograd/engine.cpp", '#include "bindings_gen.h"\n', "bindings_gen.h of python, a higher layer than autograd"),
    ("csrc/autograd/engine.cpp", "#include <Python.h>\n", "includes Python.h; only csrc/python may see Python"),
    ("csrc/core/dtype.h", "#include <nanobind/ndarray.h>\n", "includes nanobind/ndarray.h; only csrc/python"),
    ("csrc/gpu/device.cpp", "\n", "csrc/gpu is not a layer"),
    ("optable/bad.py", "import numpy as np\n", "imports numpy; optable may import the standard library and optable"),
    ("optable/bad.py", "def f():\n    from codegen import emit\n", "imports codegen; optable may import"),
    ("codegen/bad.py", "import torchy\n", "imports torchy; codegen may import the standard library and codegen and optable"),
    ("src/torchy/_a.py", "import numpy\n", "imports numpy when torchy is imported"),
    ("src/torchy/_a.py", "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n", "imports numpy when torchy"),
    ("src/torchy/_a.py", "class A:\n    import scipy.linalg\n", "imports scipy when torchy is imported"),
    ("src/torchy/_a.py", "def f():\n    import torch\n", "imports torch, which the product does not have"),
    ("src/torchy/_a.py", "from optable import TABLE\n", "imports optable, which the product does not have"),
    ("src/torchy/utils/data.py", "from ..nn import Linear\n", "closes the cycle nn -> utils -> nn"),
]  # fmt: skip


def test_obedient_tree_has_no_problems(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert layers.problems(tmp_path) == []


@pytest.mark.parametrize(("name", "text", "problem"), BAD, ids=[f"{i}-{n}" for i, (n, _, _) in enumerate(BAD)])
def test_breach_is_reported_with_its_place(tmp_path: Path, name: str, text: str, problem: str) -> None:
    write(tmp_path, {**GOOD, name: text})
    found = layers.problems(tmp_path)
    assert found and all(f.startswith(name) for f in found), found
    assert any(problem in f for f in found), found
