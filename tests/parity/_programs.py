# Random programs as data: a list of steps that either library can play, so that hypothesis can shrink them. A step reads
# earlier entries by number; what it does depends on shapes and dtypes only. Used by test_random_programs_equal_pytorch.
from __future__ import annotations

import math

from hypothesis import strategies as st

REAL, COMPLEX = "float64", "complex128"
NUMBERS = [0.613, -0.427, 0.191, -0.884, 0.352, 0.758, -0.139, 0.947, -0.671, 0.488, -0.263, 0.825]
SHAPES = {"matrix": (2, 3), "square": (2, 2), "vector": (3,), "scalar": (), "cube": (2, 1, 2), "row": (1, 3)}


def fit(T, x, y, k, inside=False):
    """y, or a scalar made of it where the shapes do not go together (k of 7 leaves it, as an error may be right)."""
    if inside and y.is_complex() and not x.is_complex() and k != 7:
        y = y.real
    try:
        shape = tuple(T.broadcast_shapes(x.shape, y.shape))
    except RuntimeError:
        shape = None
    good = shape is not None and (not inside or shape == tuple(x.shape))
    return y if good or k == 7 else y.sum() * 0.3


def real(x):
    return x.real if x.is_complex() else x


def same_kind(x, y):
    """y with the dtype of x, for operations that do not promote."""
    return (y if x.is_complex() else real(y)).to(x.dtype)


def dim(x, k):
    return k % x.dim() if x.dim() else 0


def spread(T, x):
    """x with different numbers added along its elements, so that no two compare alike."""
    return real(x) + T.linspace(0.1, 0.237, x.numel(), dtype=T.float64).reshape(x.shape)


def index(T, x, k):
    """Positions along a dimension, some twice, some counted from the end."""
    n = x.shape[dim(x, k)] if x.dim() else 1
    return T.tensor([0, n - 1, k % n] if n else [], dtype=T.int64)


def keys(T, x, k):
    """One of the ways to write x[...]."""
    keys = [0, slice(1, None), slice(None, None, 2), (Ellipsis, -1), None, (slice(None), 0), [0, -1]]
    return (*keys, (Ellipsis, index(T, x, 1)))[k]


POINTWISE = {
    "add": lambda T, x, y, k: x + fit(T, x, y, k),
    "sub": lambda T, x, y, k: T.sub(x, fit(T, x, y, k), alpha=0.5 + k),
    "mul": lambda T, x, y, k: x * fit(T, x, y, k),
    "div": lambda T, x, y, k: x / (real(fit(T, x, y, k)) ** 2 + 2),
    "sin": lambda T, x, y, k: x.sin(),
    "tanh": lambda T, x, y, k: (0.3 * x).tanh(),
    "exp": lambda T, x, y, k: (x * 0.2).exp(),
    "sigmoid": lambda T, x, y, k: x.sigmoid() if not x.is_complex() else x * 1,
    "log": lambda T, x, y, k: (real(x) ** 2 + 1).log(),
    "sqrt": lambda T, x, y, k: (real(x) ** 2 + 0.5).sqrt(),
    "pow": lambda T, x, y, k: x ** (k % 4),
    "pow_tensor": lambda T, x, y, k: (real(x) ** 2 + 1) ** real(fit(T, x, y, k)),
    "relu": lambda T, x, y, k: T.relu(real(x) + 0.0917),
    "abs": lambda T, x, y, k: (x + 0.3113).abs(),
    "clamp": lambda T, x, y, k: real(x).clamp(-0.3331, 0.7171),
    "maximum": lambda T, x, y, k: T.maximum(real(x), real(fit(T, x, y, k)) + 0.1237),
    "where": lambda T, x, y, k: T.where(real(x) > 0.3019, x, same_kind(x, fit(T, x, y, k))),
    "lerp": lambda T, x, y, k: T.lerp(x, same_kind(x, fit(T, x, y, k)), 0.3),
    "addcmul": lambda T, x, y, k: T.addcmul(x, x, fit(T, x, y, k), value=0.4),
    "conj": lambda T, x, y, k: x.conj() * fit(T, x, y, k),
    "to_complex": lambda T, x, y, k: T.complex(real(x), real(x) * 0.5 + 1),
}  # fmt: skip
REDUCE = {
    "sum": lambda T, x, y, k: x.sum() if k == 0 else x.sum(dim(x, k), keepdim=k % 2 == 0),
    "mean": lambda T, x, y, k: x.mean(dim(x, k)),
    "prod": lambda T, x, y, k: x.prod(dim(x, k)),
    "var": lambda T, x, y, k: real(x).var(dim(x, k), correction=0),
    "amax": lambda T, x, y, k: spread(T, x).amax(dim(x, k)),
    "max": lambda T, x, y, k: spread(T, x).max(dim(x, k)).values * 1,  # PyTorch's values can be a view of forward mode
    "logsumexp": lambda T, x, y, k: real(x).logsumexp(dim(x, k)),
    "norm": lambda T, x, y, k: (x + 0.3113).norm(),
    "softmax": lambda T, x, y, k: real(x).softmax(dim(x, k)),
    "log_softmax": lambda T, x, y, k: real(x).log_softmax(dim(x, k)),
    "cumsum": lambda T, x, y, k: x.cumsum(dim(x, k)),
    "cumprod": lambda T, x, y, k: x.cumprod(dim(x, k)),
    "sort": lambda T, x, y, k: spread(T, x).sort(dim(x, k)).values * 1,
    "matmul": lambda T, x, y, k: x @ same_kind(x, y) * 0.5,
    "matmul_t": lambda T, x, y, k: x @ x.mT * 0.5,
    "outer": lambda T, x, y, k: T.outer(x.reshape(-1)[:3], x.reshape(-1)[:2]),
}
JOIN = {
    "cat": lambda T, x, y, k: T.cat([x, y if k == 7 else x * 0.5], dim(x, k)),
    "stack": lambda T, x, y, k: T.stack(
        [x, fit(T, x, y, 0).expand(x.shape) if x.numel() >= y.numel() else x], dim(x, k)
    ),
    "take": lambda T, x, y, k: x[keys(T, x, k)],
    "index_select": lambda T, x, y, k: x.index_select(dim(x, k), index(T, x, k)),
    "gather": lambda T, x, y, k: x.gather(dim(x, k), T.zeros(x.shape, dtype=T.int64)),
    "mask": lambda T, x, y, k: x[T.arange(x.numel()).reshape(x.shape) % 2 == 0],
    "flip": lambda T, x, y, k: x.flip(dim(x, k)) if x.dim() else x.clone(),
    "roll": lambda T, x, y, k: x.roll(1, dim(x, k)),
    "repeat": lambda T, x, y, k: x.repeat(2, *[1] * x.dim()) if x.numel() < 9 else x * 1,
    "tril": lambda T, x, y, k: x.tril(k % 3 - 1),
    "pad": lambda T, x, y, k: T.nn.functional.pad(x, (1, 0)),
    "reshape": lambda T, x, y, k: x.mT.reshape(-1) if x.dim() > 1 else x.reshape(-1, 1),
    "select_scatter": lambda T, x, y, k: real(x).select_scatter(real(x).select(dim(x, k), 0) * 2, dim(x, k), -1),
}
VIEWS = {
    "select": lambda T, x, y, k: x.select(dim(x, k), -1 if k % 2 else 0),
    "slice": lambda T, x, y, k: x[1:] if k % 2 else x[..., ::2],
    "narrow": lambda T, x, y, k: x.narrow(dim(x, k), k % 2, 1),
    "transpose": lambda T, x, y, k: x.transpose(0, -1),
    "permute": lambda T, x, y, k: x.permute(*reversed(range(x.dim()))),
    "diagonal": lambda T, x, y, k: x.diagonal(k % 3 - 1),
    "view": lambda T, x, y, k: x.view(-1) if k % 2 else x.view_as(x),
    "expand": lambda T, x, y, k: x.expand(2, *x.shape) if x.numel() < 9 else x,
    "unsqueeze": lambda T, x, y, k: x.unsqueeze(k % (x.dim() + 1)),
    "squeeze": lambda T, x, y, k: x.squeeze() if k % 2 else x.squeeze(dim(x, k)),
    "unfold": lambda T, x, y, k: x.unfold(dim(x, k), 2, 2),
    "real": lambda T, x, y, k: x.imag if k % 2 and x.is_complex() else x.real,
    "view_as_real": lambda T, x, y, k: T.view_as_real(x),
    "view_as_complex": lambda T, x, y, k: T.view_as_complex(x),
    "detach": lambda T, x, y, k: x.detach(),
}


def whole(x):
    """x, or a copy if it is expanded: PyTorch lets some operations fill such a tensor, torchy lets others."""
    return x.clone() if any(step == 0 and size > 1 for step, size in zip(x.stride(), x.shape)) else x


def put(T, x, y, k):
    x = whole(x)
    key = keys(T, x, k if k < 6 else 0)  # the others may name a position twice: PyTorch's jacfwd adds both
    x[key] = same_kind(x, y).sum() * 0.3 if k % 2 else 0.25


INPLACE = {
    "add_": lambda T, x, y, k: x.add_(fit(T, x, y, k, True), alpha=0.5),
    "mul_": lambda T, x, y, k: x.mul_(fit(T, x, y, k, True)),
    "sub_": lambda T, x, y, k: x.sub_(fit(T, x, y, k, True)),
    "div_": lambda T, x, y, k: x.div_(real(fit(T, x, y, k, True)) ** 2 + 2),
    "mul_number_": lambda T, x, y, k: x.mul_(0.5 + k),
    "copy_": lambda T, x, y, k: x.copy_(fit(T, x, y, k, True) * 1),
    "zero_": lambda T, x, y, k: x.zero_(),
    "fill_": lambda T, x, y, k: whole(x).fill_(0.7 if k % 2 else same_kind(x, y).sum() * 0.1),
    "sin_": lambda T, x, y, k: x.sin_(),
    "tanh_": lambda T, x, y, k: x.tanh_(),
    "exp_": lambda T, x, y, k: x.mul_(0.2).exp_(),
    "neg_": lambda T, x, y, k: x.neg_(),
    "pow_": lambda T, x, y, k: x.pow_(2),
    "clamp_": lambda T, x, y, k: real(x).clamp_(-0.3331, 0.7171),
    "masked_fill_": lambda T, x, y, k: whole(x).masked_fill_(T.arange(x.numel()).reshape(x.shape) % 2 == 0, 0.4),
    "addcmul_": lambda T, x, y, k: x.addcmul_(x.clone(), fit(T, x, y, k, True), value=0.3),
    "cumsum_": lambda T, x, y, k: x.cumsum_(dim(x, k)),
    "put": put,
    "index_add_": lambda T, x, y, k: x.index_add_(0, T.tensor([0]), x[:1].clone() * 2),
    "index_fill_": lambda T, x, y, k: whole(x).index_fill_(dim(x, k), index(T, x, k), 0.3),
    "part_mul_": lambda T, x, y, k: x[..., 0].mul_(2) if k % 2 else x.select(0, -1).add_(1),
}
VIEWS_TOO = {*VIEWS, "take", "reshape"}
PLAIN = {*POINTWISE, *REDUCE, *JOIN} - VIEWS_TOO
STEPS = {**POINTWISE, **REDUCE, **JOIN, **VIEWS, **INPLACE}
number = st.integers(0, 11)
MODES = ["grad"] * 9 + ["no_grad"]


def step(names, modes):
    return st.tuples(st.sampled_from(names), number, number, st.integers(0, 7), st.sampled_from(modes))


def programs(groups, most=12, modes=MODES):
    """Lists of 3 to `most` steps; every group of operations is drawn as often as the others."""
    kinds = st.one_of([step(list(group), modes) for group in groups])
    return st.lists(kinds, min_size=3, max_size=most)


def leaves(T, kinds, grad=True):
    """One leaf for each (shape's name, dtype's name)."""
    made = []
    for n, (shape, dtype) in enumerate(kinds):
        count = math.prod(SHAPES[shape])
        values = [NUMBERS[(i + 5 * n) % 12] for i in range(count)]
        if dtype == COMPLEX:
            values = [complex(v, NUMBERS[(i + 3 * n + 1) % 12]) for i, v in enumerate(values)]
        t = T.tensor(values, dtype=getattr(T, dtype)).reshape(SHAPES[shape]).clone()  # not a view
        made.append(t.requires_grad_(grad))
    return made


def play(T, program, start, apart=False, copies=False):
    """The entries (the leaves, then each step's result) and what every step did: a type of error, or its facts.

    A step that raises makes no entry. A change in place reads no other view of the memory it writes; with `apart` it
    reads copies only (PyTorch's tangent of x.mul_(x) is not 2 x dx), and no facts are looked up, which the tensors of
    PyTorch's transforms do not have. With `copies` no change in place reaches what a step has saved.
    """
    entries, events = list(start), []
    for name, i, j, k, mode in program:
        x, y = entries[i % len(entries)], entries[j % len(entries)]
        if name in INPLACE and (apart or copies or (y is not x and memory(y) == memory(x))):
            y = y.clone()
        try:
            # PyTorch calls a view made under no_grad tracked if its base is; torchy does not.
            with T.set_grad_enabled(mode == "grad" or name in VIEWS_TOO):
                result = (with_copies if copies else STEPS[name])(T, x, y, k, *[name] * copies)
        except Exception as error:
            events.append(type(error).__name__)
            continue
        if name in PLAIN and not (x.is_contiguous() and y.is_contiguous() and x.is_complex() == result.is_complex()):
            result = result.contiguous().clone()  # torchy's are contiguous where PyTorch's keep a permuted layout
        if name not in INPLACE and 0 < result.numel() <= 40 and result.dim() <= 5:
            entries.append(result)
        events.append(None if apart or copies else [facts(t) for t in entries])
    return entries, events


def with_copies(T, x, y, k, name):
    if name in PLAIN:
        return STEPS[name](T, x.clone(), y.clone(), k).clone()
    if name not in INPLACE:
        return STEPS[name](T, x, y, k)
    changed = x.clone()
    STEPS[name](T, changed, y, k)
    return x.copy_(changed.clone())


def memory(t):
    return t.untyped_storage().data_ptr()


def facts(t):
    base = t._base
    strides = [step for step, size in zip(t.stride(), t.shape) if size > 1]  # the others address nothing
    return [
        tuple(t.shape),
        tuple(strides),
        str(t.dtype).split(".")[-1],
        t._version,
        base is not None,
        t.requires_grad,
        t.is_leaf,
    ]
