"""torchy: tensors with reverse-mode automatic differentiation, PyTorch's API, a small core.

``import torchy as torch`` runs ordinary PyTorch programs. This module only gathers names.
"""

from __future__ import annotations

from torchy import _C
from torchy._C import *  # noqa: F403  (the generated operations)
from torchy._C import (
    _cross_entropy_indices as _cross_entropy_indices,
    Generator,
    Size,
    Tensor,
    bool,  # noqa: A004
    can_cast,
    double,
    dtype,
    float,  # noqa: A004
    get_default_dtype,
    get_num_threads,
    half,
    int,  # noqa: A004
    is_grad_enabled,
    is_inference_mode_enabled,
    long,
    promote_types,
    result_type,
    short,
)
from torchy._device import contiguous_format, device, preserve_format, strided
from torchy._info import __version__, finfo, iinfo
from torchy._tensor_str import set_printoptions
from torchy import _tensor  # noqa: I001  (attaches the Python methods to Tensor)
from torchy import autograd
from torchy.autograd import enable_grad, inference_mode, no_grad, set_grad_enabled
from torchy.functional import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    block_diag,
    broadcast_shapes,
    broadcast_tensors,
    cartesian_prod,
    einsum,
    is_complex,
    is_floating_point,
    is_nonzero,
    is_tensor,
    meshgrid,
    nonzero,
    norm,
    numel,
    split,
    tensordot,
    unique,
    where,
)
from torchy.random import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from torchy.settings import build_info, set_default_dtype, set_num_threads

from torchy._legacy import BoolTensor, ByteTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor
from torchy._constants import e, inf, nan, newaxis, pi

_LAZY = ("nn", "optim", "utils", "data", "viz")


def __getattr__(name: str) -> object:
    """Subpackages are imported when first used, so that `import torchy` stays quick."""
    if name in _LAZY:
        import importlib

        return importlib.import_module(f"torchy.{name}")
    raise AttributeError(f"module 'torchy' has no attribute {name!r}")
