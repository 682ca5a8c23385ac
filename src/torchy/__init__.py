"""torchy: tensors with reverse-mode automatic differentiation, PyTorch's API, a small core.

``import torchy as torch`` runs ordinary PyTorch programs. This module only gathers names;
``x as x`` tells type checkers that a name is the package's.
"""

from __future__ import annotations

from torchy import (
    _C as _C,
    _tensor as _tensor,  # attaches the Python methods to Tensor
    autograd as autograd,
)
from torchy._C import *  # noqa: F403  (the generated operations)
from torchy._C import (
    Generator as Generator,
    Size as Size,
    Tensor as Tensor,
    _cross_entropy_indices as _cross_entropy_indices,
    bool as bool,  # noqa: A004
    can_cast as can_cast,
    double as double,
    dtype as dtype,
    float as float,  # noqa: A004
    get_default_dtype as get_default_dtype,
    get_num_threads as get_num_threads,
    half as half,
    int as int,  # noqa: A004
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    long as long,
    promote_types as promote_types,
    result_type as result_type,
    short as short,
)
from torchy._constants import (
    e as e,
    inf as inf,
    nan as nan,
    newaxis as newaxis,
    pi as pi,
)
from torchy._device import (
    contiguous_format as contiguous_format,
    device as device,
    preserve_format as preserve_format,
    strided as strided,
)
from torchy._info import (
    __version__ as __version__,
    finfo as finfo,
    iinfo as iinfo,
)
from torchy._legacy import (
    BoolTensor as BoolTensor,
    ByteTensor as ByteTensor,
    DoubleTensor as DoubleTensor,
    FloatTensor as FloatTensor,
    HalfTensor as HalfTensor,
    IntTensor as IntTensor,
    LongTensor as LongTensor,
)
from torchy._numeric import (
    asarray as asarray,
    cdist as cdist,
    chain_matmul as chain_matmul,
    combinations as combinations,
    corrcoef as corrcoef,
    cov as cov,
    cross as cross,
    cumulative_trapezoid as cumulative_trapezoid,
    diff as diff,
    dist as dist,
    fill as fill,
    gcd as gcd,
    kron as kron,
    lcm as lcm,
    ldexp as ldexp,
    matrix_power as matrix_power,
    nanquantile as nanquantile,
    quantile as quantile,
    range_ as range,  # noqa: A004, F401
    scalar_tensor as scalar_tensor,
    trapezoid as trapezoid,
    trapezoid as trapz,  # noqa: F401
    unravel_index as unravel_index,
    vander as vander,
)
from torchy._predicates import (
    allclose as allclose,
    equal as equal,
    get_device as get_device,
    is_complex as is_complex,
    is_conj as is_conj,
    is_floating_point as is_floating_point,
    is_inference as is_inference,
    is_neg as is_neg,
    is_nonzero as is_nonzero,
    is_same_size as is_same_size,
    is_signed as is_signed,
    is_storage as is_storage,
    is_tensor as is_tensor,
    isneginf as isneginf,
    isposinf as isposinf,
    isreal as isreal,
    numel as numel,
    typename as typename,
)
from torchy._tensor_str import set_printoptions as set_printoptions
from torchy.autograd import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from torchy.functional import (  # type: ignore[no-redef, assignment]  # instead of the compiled ones
    atleast_1d as atleast_1d,
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    block_diag as block_diag,
    broadcast_shapes as broadcast_shapes,
    broadcast_tensors as broadcast_tensors,
    cartesian_prod as cartesian_prod,
    einsum as einsum,
    meshgrid as meshgrid,
    nonzero as nonzero,
    norm as norm,
    split as split,
    tensordot as tensordot,
    unique as unique,
    unique_consecutive as unique_consecutive,
    where as where,
)
from torchy.random import (
    default_generator as default_generator,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)
from torchy.settings import (
    build_info as build_info,
    set_default_dtype as set_default_dtype,
    set_num_threads as set_num_threads,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from torchy import (
        data as data,
        func as func,
        nn as nn,
        optim as optim,
        profiler as profiler,
        utils as utils,
        viz as viz,
    )
    from torchy._errstate import seterr as seterr
    from torchy.autograd.anomaly_mode import (
        is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
        is_anomaly_enabled as is_anomaly_enabled,
        set_anomaly_enabled as set_anomaly_enabled,
    )
    from torchy.func import vmap as vmap

_LAZY = ("nn", "optim", "utils", "data", "viz", "backends", "cuda", "func", "profiler")
_LAZY_NAMES = {
    "is_anomaly_check_nan_enabled": "torchy.autograd.anomaly_mode",
    "is_anomaly_enabled": "torchy.autograd.anomaly_mode",
    "set_anomaly_enabled": "torchy.autograd.anomaly_mode",
    "seterr": "torchy._errstate",
    "vmap": "torchy.func",
}


def __getattr__(name: str) -> Any:
    """Subpackages are imported when first used, so that `import torchy` stays quick."""
    if name in _LAZY:
        import importlib

        return importlib.import_module(f"torchy.{name}")
    if name in _LAZY_NAMES:
        import importlib

        return getattr(importlib.import_module(_LAZY_NAMES[name]), name)
    raise AttributeError(f"module 'torchy' has no attribute {name!r}")
