"""Every public operation of the table on its samples, beside the PyTorch operation of the same name.

Compared: values, dtype, shape, strides of views, gradients, names of nodes, types of errors.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import torchy
from optable.samples import Arr
from optable.spec import load_all
from tests._rules.inputs import has_complex_run, inputs_of

pytorch = pytest.importorskip("torch")

TABLE = load_all()
DTYPES = ["float32", "float64", "int64", "int32", "bool", "float16", "bfloat16", "complex64"]
RTOL = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 3e-5, "complex64": 5e-5, "float64": 1e-9, "complex128": 1e-9}

# PyTorch's home of a name that is not torch.name or Tensor.name.
HOMES = {"one_hot": "nn.functional", "linear": "_C._nn", "embedding": "nn.functional", "gelu": "nn.functional",
         "silu": "nn.functional", "mish": "nn.functional", "elu": "nn.functional", "relu6": "nn.functional",
         "softplus": "nn.functional", "log_sigmoid": "_C._nn", "hardsigmoid": "nn.functional", "hardtanh": "nn.functional",
         "hardswish": "nn.functional", "leaky_relu": "_C._nn", "softshrink": "nn.functional", "softsign": "nn.functional",
         "tanhshrink": "nn.functional", "glu": "nn.functional"}  # fmt: skip

# Operations whose values are not compared, with the reason.
UNDEFINED = {"alias": "PyTorch exposes it for tests of its own", "empty": "not set", "empty_like": "not set", "empty_strided": "not set", "new_empty": "not set",
             "resize": "not set"}  # fmt: skip
RANDOM = {name for name, op in TABLE.items() if op.family == "random"}  # test_random_stream_equals_pytorch.py

# PyTorch gives a result where torchy refuses, with the reason. (Empty and 0-d inputs aside: PyTorch returns before it
# looks at their dtype.)
NARROWER = {
    "logsumexp": "complex numbers are not implemented",
    "logcumsumexp": "complex numbers are not implemented",
    "complex": "halves of float16 make complex32, a dtype that torchy does not have",
    "view_as_complex": "halves of float16 make complex32, a dtype that torchy does not have",
    "take_along_dim": "sizes that do not broadcast are an error in torchy where PyTorch reads a part",
}
# torchy gives a result where PyTorch refuses, with the reason. (Dtypes without a kernel in PyTorch aside.)
WIDER = {
    "positive": "bool is returned as it is",
    "sub_alpha": "alpha makes bool an integer before the difference is taken",
    "rsub": "alpha makes bool an integer before the difference is taken",
    "deg2rad": "defined for complex numbers",
    "rad2deg": "defined for complex numbers",
    "elu": "the function of the table has all parameters of the operation",
    "logsumexp": "dim=None means all dims",
    "index_put": "None among the indices stands for a whole dim",
    "addr": "a factor that is not whole makes integers floating",
    "nanmean": "integers are averaged as floats",
    "isin": "bool may be looked up",
    "embedding": "complex weights are allowed",
    "silu": "defined for complex numbers",
    "select_scatter": "complex: PyTorch's gradient is not implemented",
    "slice_scatter": "complex: PyTorch's gradient is not implemented",
    "scatter_reduce": "complex sums are allowed",
    "addmm": "bool factors and a number add up to integers",
    "linear": "bool factors and a number add up to integers",
}
# Nodes named otherwise than PyTorch's, with the reason.
ONE_ENTRY = "one entry stands for PyTorch's overloads with a tensor and with a number, which PyTorch numbers"
COMPOSED = "composed of other operations here, or there: the name is that of the last one"
SLICES = "all pieces are made by one node here, each by one of its own there"
NODE_NAMES = {
    **dict.fromkeys(["pow", "fmod", "remainder", "copysign", "lerp", "masked_fill", "xlogy", "clamp_max", "clamp_min", "div_mode"], ONE_ENTRY),
    **dict.fromkeys(["add_alpha", "sub_alpha"], ONE_ENTRY),
    **dict.fromkeys(["H", "mH", "adjoint", "conj", "conj_physical"], "conj() computes at once here, is a lazy view there"),
    **dict.fromkeys(["addbmm", "addmv", "addr", "deg2rad", "rad2deg", "diag", "flatten", "float_power", "glu", "linear", "matmul",
                     "movedim", "msort", "prelu", "repeat_interleave_self_int", "rsub", "sum_to_size", "vdot", "norm"], COMPOSED),
    **dict.fromkeys(["chunk", "dsplit", "dsplit_indices", "hsplit", "hsplit_indices", "tensor_split", "tensor_split_indices",
                     "vsplit", "vsplit_indices"], SLICES),
}  # fmt: skip
# Gradients other than PyTorch's, with the reason. A number is the relative difference allowed.
GRADIENTS = {
    "celu": (1e-7, "PyTorch keeps 1 / alpha in float32"),
    "hardsigmoid": (1e-7, "PyTorch keeps 1 / 6 in float32"),
    "polar": (None, "PyTorch turns the sign for a negative absolute value"),
    "as_strided_scatter": (None, "PyTorch lets the gradient through where src was written, and stops it elsewhere"),
    **dict.fromkeys(["var_correction", "std_correction", "var_mean_correction", "std_mean_correction"],
                    (None, "dim=[] means all dims, but PyTorch's gradient counts one element")),
}  # fmt: skip
TIES = {
    "topk",
    "kthvalue",
    "median",
    "mode",
    "sort",
    "argsort",
    "msort",
}  # which of equal elements is not said by PyTorch


def public(op) -> bool:
    return bool(op.forms & {"function", "method", "property"}) and not op.name.startswith("_")


OPS = [name for name, op in TABLE.items() if public(op) and name not in RANDOM and op.samples]


def caller(module, op):
    """The function of one library that stands for the entry, or None."""
    if "property" in op.forms:
        return lambda self: getattr(self, op.name)
    if "function" in op.forms:
        for path in ("", HOMES.get(op.name, "")):
            home = module
            for part in filter(None, path.split(".")):
                home = getattr(home, part, None)
            if hasattr(home, op.name):
                return getattr(home, op.name)
    if "method" in op.forms and hasattr(module.Tensor, op.name):
        return lambda self, *args, **kwargs: getattr(self, op.name)(*args, **kwargs)
    return None


def convert(module, described, value, dtype, grad):
    """One argument for one library; floating descriptions take the dtype of the run."""
    if isinstance(described, Arr):
        x = module.tensor(value.tolist(), dtype=getattr(module, described.dtype or dtype)).reshape(described.shape)
        differentiable = x.is_floating_point() or x.is_complex()
        return x.requires_grad_() if grad and described.grad and differentiable else x
    if isinstance(described, (list, tuple)) and any(isinstance(d, Arr) for d in described):
        return [convert(module, d, v, dtype, grad) for d, v in zip(described, value)]
    if isinstance(value, str) and hasattr(pytorch, value) and isinstance(getattr(pytorch, value), pytorch.dtype):
        return getattr(module, value)
    return value


def call(name, module, sample, dtype, grad=False):
    """Arguments and result, or the error."""
    op = TABLE[name]
    is_complex = dtype.startswith("complex")
    args, kwargs = inputs_of(sample, is_complex)
    if not is_complex and not dtype.startswith(("float", "bfloat")):
        args, kwargs = whole(args, dtype), dict(zip(kwargs, whole(list(kwargs.values()), dtype)))
    args = [convert(module, d, v, dtype, grad) for d, v in zip(sample.args, args)]
    kwargs = {k: convert(module, sample.kwargs[k], v, dtype, grad) for k, v in kwargs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return args, kwargs, caller(module, op)(*args, **kwargs), None
        except Exception as error:
            return args, kwargs, None, error


def whole(values, dtype):
    """Floating arrays as small whole numbers, never 0 where that would divide by it."""
    out = []
    for v in values:
        if isinstance(v, np.ndarray) and v.dtype.kind == "f":
            v = np.sign(v) * np.ceil(np.abs(v))
            v = (v > 0) if dtype == "bool" else np.nan_to_num(v, posinf=9, neginf=-9).astype(dtype)
        elif isinstance(v, list) and v and isinstance(v[0], np.ndarray):
            v = whole(v, dtype)
        out.append(v)
    return out


def flat(result):
    if isinstance(result, (torchy.Tensor, pytorch.Tensor)):
        return [result]
    if isinstance(result, (list, tuple)):
        return [t for r in result for t in flat(r)]
    return [result]


def array(t):
    if isinstance(t, pytorch.Tensor) and t.is_sparse:  # embedding(sparse=True): dense in torchy
        t = t.to_dense()
    elif isinstance(t, pytorch.Tensor) and t._is_zerotensor():
        t = t.clone()
    return np.array(t.detach().tolist()) if hasattr(t, "detach") else t


def empty(sample):
    return any(isinstance(a, Arr) and (0 in a.shape or a.shape == ()) for a in sample.args)


def assert_equal(ours, theirs, dtype, where, values=True):
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs), where
    if where.split()[0] in TIES and not dtype.startswith(("float", "bfloat", "complex")):
        ours, theirs = ours[:1], theirs[:1]  # the values, not where they were
    for a, b in zip(ours, theirs):
        if not isinstance(b, pytorch.Tensor):
            assert a == b, where
            continue
        assert str(a.dtype).split(".")[-1] == str(b.dtype).split(".")[-1], f"{where}: dtype"
        assert tuple(a.shape) == tuple(b.shape), f"{where}: shape"
        if values:
            rtol = RTOL.get(str(b.dtype).split(".")[-1], 0)
            rtol = max(rtol, RTOL.get(dtype, 0)) if rtol else 0
            x, y = array(a), array(b)
            scale = float(np.nanmax(np.abs(np.where(np.isfinite(y), y, 0)))) if y.size and y.dtype != bool else 0.0
            np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * max(scale, 1e-3), err_msg=where)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPS)
def test_values_and_dtypes(name, dtype):
    op = TABLE[name]
    if caller(pytorch, op) is None or caller(torchy, op) is None:
        pytest.skip("PyTorch has no function of this name")
    for i, sample in enumerate(op.samples):
        if dtype.startswith("complex") and not has_complex_run(sample):
            continue
        *_, theirs, refused = call(name, pytorch, sample, dtype)
        *_, ours, error = call(name, torchy, sample, dtype)
        where = f"{name} sample {i} {dtype}"
        if refused is not None or error is not None:
            if refused is None:
                assert name in NARROWER or empty(sample), f"{where}: torchy raises {error!r}"
            elif error is None:
                wider = isinstance(refused, NotImplementedError) or name in WIDER
                assert wider, f"{where}: PyTorch raises {refused!r}"
            continue
        assert_equal(ours, theirs, dtype, where, name not in UNDEFINED)
        for a, b in zip(flat(ours), flat(theirs)):
            if op.view:
                assert a.stride() == b.stride(), f"{where}: strides"
                assert a.storage_offset() == b.storage_offset(), f"{where}: offset"


DIFFERENTIABLE = [n for n in OPS if (TABLE[n].differentiable or TABLE[n].composite) and TABLE[n].samples]


def backward(module, result, leaves):
    total = None
    for t in flat(result):
        if not (hasattr(t, "requires_grad") and t.requires_grad):
            continue
        n = t.numel()
        w = module.tensor(np.cos(np.arange(n) + 1.0).tolist(), dtype=module.float64).reshape(t.shape).to(t.dtype)
        if t.is_complex():
            w = w * (1 - 0.5j)
            part = (t * w).sum()
            part = module.view_as_real(part)[0] + module.view_as_real(part)[1] * 0.3
        else:
            part = (t * w).sum()
        total = part if total is None else total + part
    if total is None:
        return None
    return module.autograd.grad(total, leaves, allow_unused=True)


def leaves_in(args, kwargs):
    return [t for t in flat([*args, *kwargs.values()]) if hasattr(t, "requires_grad") and t.requires_grad]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_and_node_names(name, dtype):
    op = TABLE[name]
    if caller(pytorch, op) is None or caller(torchy, op) is None:
        pytest.skip("PyTorch has no function of this name")
    for i, sample in enumerate(op.samples):
        if dtype.startswith("complex") and (op.complex == "no" or not has_complex_run(sample)):
            continue
        where = f"{name} sample {i} {dtype}"
        outcome = []
        for module in (pytorch, torchy):
            args, kwargs, result, error = call(name, module, sample, dtype, grad=True)
            leaves = leaves_in(args, kwargs)
            grads = None
            if error is None and leaves:
                try:
                    grads = backward(module, result, leaves)
                except Exception as failed:
                    error = failed
            if error is not None:
                outcome.append((type(error).__name__, error, None))
                continue
            node = next((t.grad_fn.name() for t in flat(result) if getattr(t, "grad_fn", None)), None)
            outcome.append(("value", grads, node))
        (kind, theirs, their_node), (our_kind, ours, our_node) = outcome
        if kind != "value":  # PyTorch computes no such gradient: torchy may
            continue
        assert our_kind == "value", f"{where}: torchy raises {ours!r}"
        assert (theirs is None) == (ours is None), f"{where}: differentiable"
        if theirs is None:
            continue
        for k, (a, b) in enumerate(zip(ours, theirs)):
            assert (a is None) == (b is None), f"{where}: gradient {k}"
            if b is not None and name not in GRADIENTS:
                assert_equal(a, b, "float64", f"{where}: gradient {k}")
            elif b is not None and GRADIENTS[name][0]:
                np.testing.assert_allclose(array(a), array(b), rtol=GRADIENTS[name][0], atol=1e-9, err_msg=where)
        assert our_node == their_node or name in NODE_NAMES, f"{where}: {our_node}, in PyTorch {their_node}"


@pytest.mark.parametrize("name", [n for n in OPS if TABLE[n].errors])
def test_errors_have_the_same_type(name):
    op = TABLE[name]
    if caller(pytorch, op) is None or caller(torchy, op) is None:
        pytest.skip("PyTorch has no function of this name")
    for i, (sample, *_) in enumerate(op.errors):
        *_, theirs, error = call(name, pytorch, sample, "float64")
        *_, ours, our_error = call(name, torchy, sample, "float64")
        assert our_error is not None, f"{name} error {i}: torchy gives {ours}"
        if error is None:
            assert name in NARROWER, f"{name} error {i}: PyTorch gives {theirs}"
            continue
        assert isinstance(our_error, type(error)), f"{name} error {i}: {our_error!r} against {error!r}"


def test_the_lists_of_deviations_name_operations_of_the_table():
    listed = {*NARROWER, *WIDER, *NODE_NAMES, *UNDEFINED, *GRADIENTS, *TIES}
    assert listed <= set(TABLE), sorted(listed - set(TABLE))
