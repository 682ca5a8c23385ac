"""Random tensors. Layer: optable (data only).

Numbers come from a generator, PyTorch's stream (docs/random.md); None is the default generator. The argument
parser adds device=, requires_grad=, layout= and pin_memory= to what makes a tensor. A drawn value does not
depend on what it replaces nor, as a number, on its parameters: gradients are zero, as in PyTorch.
"""

from optable.samples import arr, call, idx
from optable.spec import NONDIFF, op

GEN = "Generator? generator=None"
LIKE = "The memory order of self's dims is kept."
ZERO = {"vjp": {"self": "zeros_like(grad)"}, "jvp": "zeros_like(self_t)"}
SHAPES = [call(arr(2, 3)), call(arr()), call(arr(0, 2))]

# ---- new tensors

op(f"rand(int[] size, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc="Uniform on [0, 1), of a floating or complex dtype.",
   forms="function", kernel="rand", ref="ref.rand", samples=[call([2, 3]), call([])],
   errors=[(call([2], dtype="int64"), "NotImplementedError", "not implemented for dtype int64"),
           (call([-1]), "RuntimeError", "negative")])

op(f"randn(int[] size, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc="Normal with mean 0 and variance 1, of a floating or complex dtype.",
   forms="function", kernel="randn", ref="ref.rand", samples=[call([2, 3]), call([])],
   errors=[(call([2], dtype="int64"), "NotImplementedError", "not implemented for dtype int64")])

op(f"randint(int high, int[] size, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc="Integers in [0, high), int64 unless dtype= says otherwise.",
   forms="function out", kernel="randint", ref="ref.randint", samples=[call(5, [2, 3]), call(2, [])],
   errors=[(call(0, [2]), "RuntimeError", "'from' to be less than 'to'"),
           (call(300, [2], dtype="uint8"), "RuntimeError", "to - 1 is out of bounds")])

op(f"randint.low(int low, int high, int[] size, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc="Integers in [low, high), int64 unless dtype= says otherwise.",
   forms="function out", kernel="randint_low", ref="ref.randint_low", samples=[call(-5, 5, [2, 3])],
   errors=[(call(3, 3, [2]), "RuntimeError", "'from' to be less than 'to'"),
           (call(-1, 3, [2], dtype="uint8"), "RuntimeError", "from is out of bounds")])

op(f"randperm(int n, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc="A random order of 0 to n - 1, int64 unless dtype= says otherwise.",
   forms="function out", kernel="randperm", ref="ref.randperm", samples=[call(5), call(0)],
   errors=[(call(-1), "RuntimeError", "non-negative"), (call(300, dtype="uint8"), "RuntimeError", "without overflow"),
           (call(3, dtype="bool"), "NotImplementedError", "not implemented for dtype bool")])

op(f"rand_like(Tensor self, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc=f"Uniform on [0, 1), of self's shape and dtype. {LIKE}",
   forms="function", kernel="rand_like", vjp=NONDIFF, ref="ref.rand_like", samples=SHAPES,
   errors=[(call(idx([1])), "NotImplementedError", "not implemented for dtype int64")])

op(f"randn_like(Tensor self, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc=f"Normal with mean 0 and variance 1, of self's shape and dtype. {LIKE}",
   forms="function", kernel="randn_like", vjp=NONDIFF, ref="ref.rand_like", samples=SHAPES,
   errors=[(call(idx([1])), "NotImplementedError", "not implemented for dtype int64")])

op(f"randint_like(Tensor self, int high, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc=f"Integers in [0, high), of self's shape and dtype. {LIKE}",
   forms="function", kernel="randint_like", vjp=NONDIFF, ref="ref.randint_like", samples=[call(arr(2, 3), 5)],
   errors=[(call(arr(2), 0), "RuntimeError", "'from' to be less than 'to'")])

op(f"randint_like.low(Tensor self, int low, int high, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc=f"Integers in [low, high), of self's shape and dtype. {LIKE}",
   forms="function", kernel="randint_like_low", vjp=NONDIFF, ref="ref.randint_like_low",
   samples=[call(arr(2, 3), -5, 5)], errors=[(call(arr(2), 3, 3), "RuntimeError", "'from' to be less than 'to'")])

# ---- normal: normal_ first, then torch.normal, which numbers the nodes as PyTorch does

op(f"normal.fill(Tensor self, float mean=0.0, float std=1.0, *, {GEN}) -> Tensor",
   doc="Every element becomes a normal number.",
   forms="inplace", kernel="normal_fill", ref="ref.normal_fill", **ZERO,
   samples=[call(arr(2, 3)), call(arr(), 1.0, 0.5), call(arr(0))],
   errors=[(call(arr(2), 0.0, -1.0), "RuntimeError", "expects std >= 0.0"),
           (call(idx([1, 2])), "NotImplementedError", "not implemented for dtype int64")])

op(f"normal.Tensor_float(Tensor mean, float std=1.0, *, {GEN}) -> Tensor",
   doc="Normal numbers with a mean per element.",
   forms="function out", kernel="normal_Tensor_float", ref="ref.normal_Tensor_float",
   vjp={"mean": "zeros_like(grad)"}, jvp="zeros_like(mean_t)",
   samples=[call(arr(2, 3)), call(arr(), 0.5)], errors=[(call(arr(2), -1.0), "RuntimeError", "expects std >= 0.0")])

op(f"normal.float_Tensor(float mean, Tensor std, *, {GEN}) -> Tensor",
   doc="Normal numbers with a standard deviation per element.",
   forms="function out", kernel="normal_float_Tensor", ref="ref.normal_float_Tensor",
   vjp={"std": "zeros_like(grad)"}, jvp="zeros_like(std_t)",
   samples=[call(1.0, arr(2, 3, lo=0.5)), call(0.0, arr(lo=0.5))],
   errors=[(call(0.0, arr(2, lo=-2.0, hi=-1.0)), "RuntimeError", "all elements of std >= 0.0")])

op(f"normal.Tensor_Tensor(Tensor mean, Tensor std, *, {GEN}) -> Tensor",
   doc="Normal numbers with a mean and a standard deviation per element, which broadcast; of the mean's dtype.",
   forms="function out", kernel="normal_Tensor_Tensor", ref="ref.normal_Tensor_Tensor",
   vjp={"mean": "zeros_like(grad)", "std": "zeros_like(grad)"}, jvp="zeros_like(result)",
   samples=[call(arr(2, 3), arr(2, 3, lo=0.5)), call(arr(2, 1), arr(3, lo=0.5)), call(arr(), arr(lo=0.5))],
   errors=[(call(arr(2), arr(2, lo=-2.0, hi=-1.0)), "RuntimeError", "all elements of std >= 0.0"),
           (call(arr(3), arr(2, lo=0.5)), "RuntimeError", "normal")])

op(f"normal.float_float(float mean, float std, int[] size, *, {GEN}, dtype? dtype=None) -> Tensor",
   doc="Normal numbers with one mean and standard deviation.",
   forms="function out", kernel="normal_float_float", ref="ref.normal_float_float",
   samples=[call(1.0, 0.5, [2, 3])], errors=[(call(0.0, -1.0, [2]), "RuntimeError", "expects std >= 0.0")])

# ---- draws by parameters in a tensor

CHANCE = {"lo": 0.2, "hi": 0.8}

op(f"bernoulli(Tensor self, *, {GEN}) -> Tensor",
   doc="1 with the probability that each element of self gives, else 0.",
   forms="function method out", kernel="bernoulli", ref="ref.bernoulli", **ZERO,
   samples=[call(arr(2, 3, **CHANCE)), call(arr(**CHANCE))],
   errors=[(call(arr(2, lo=2.0, hi=3.0)), "RuntimeError", "to be in [0, 1]"),
           (call(idx([0, 1])), "NotImplementedError", "not implemented for dtype int64")])

op(f"bernoulli.p(Tensor self, float p, *, {GEN}) -> Tensor",
   doc="1 with probability p, else 0, of self's shape and dtype; self's values are not used.",
   forms="function method", kernel="bernoulli_p", vjp=NONDIFF, ref="ref.bernoulli_p", samples=[call(arr(2, 3), 0.5)],
   errors=[(call(arr(2), 1.5), "RuntimeError", "to be in [0, 1]")])

op(f"bernoulli.Tensor(Tensor self, Tensor p, *, {GEN}) -> Tensor",
   doc="Every element becomes 1 with the probability that p gives, else 0; p expands to self's shape.",
   forms="inplace", kernel="bernoulli_Tensor", ref="ref.bernoulli_Tensor",
   vjp={"self": "zeros_like(grad)", "p": "zeros_like(grad)"}, jvp="zeros_like(result)",
   samples=[call(arr(2, 3), arr(2, 3, **CHANCE)), call(arr(2, 3), arr(3, **CHANCE)), call(arr(), arr(**CHANCE))],
   errors=[(call(arr(3), arr(2, **CHANCE)), "RuntimeError", "does not expand"),
           (call(arr(2), arr(2, lo=2.0, hi=3.0)), "RuntimeError", "to be in [0, 1]")])

op(f"bernoulli.float(Tensor self, float p=0.5, *, {GEN}) -> Tensor",
   doc="Every element becomes 1 with probability p, else 0.",
   forms="inplace", kernel="bernoulli_float", ref="ref.bernoulli_float", **ZERO,
   samples=[call(arr(2, 3)), call(arr(), 0.2)], errors=[(call(arr(2), 1.5), "RuntimeError", "to be in [0, 1]")])

op(f"poisson(Tensor self, *, {GEN}) -> Tensor",
   doc="Counts of the Poisson distribution with the rate that each element of self gives.",
   forms="function", kernel="poisson", ref="ref.poisson", **ZERO,
   samples=[call(arr(2, 3, lo=0.5)), call(arr(lo=0.5))],
   errors=[(call(arr(2, lo=-2.0, hi=-1.0)), "RuntimeError", "must not be negative"),
           (call(idx([1])), "NotImplementedError", "not implemented for dtype int64")])

op(f"multinomial(Tensor self, int num_samples, bool replacement=False, *, {GEN}) -> Tensor",
   doc="Numbers of categories, drawn by the weights in each row of self, which need not sum to 1.",
   forms="function method out", kernel="multinomial", vjp=NONDIFF, ref="ref.multinomial",
   samples=[call(arr(4, lo=0.5), 2), call(arr(2, 4, lo=0.5), 6, True)],
   errors=[(call(arr(3, lo=0.5), 4), "RuntimeError", "without replacement"), (call(arr(3, lo=0.5), 0), "RuntimeError", "<= 0"),
           (call(arr(1, 2, 3, lo=0.5), 1), "RuntimeError", "1 or 2 dim"), (call(idx([1, 2]), 1), "RuntimeError", "floating"),
           (call(arr(3, lo=-2.0, hi=-1.0), 1), "RuntimeError", "negative")])

# ---- in place: self keeps its shape and dtype, its values are forgotten

op(f"uniform(Tensor self, float from_=0.0, float to=1.0, *, {GEN}) -> Tensor",
   doc="Every element becomes uniform on [from_, to).",
   forms="inplace", kernel="uniform", ref="ref.uniform", **ZERO,
   samples=[call(arr(2, 3)), call(arr(), -1.0, 2.0), call(arr(0))],
   errors=[(call(arr(2), 2.0, 1.0), "RuntimeError", "from=2 > to=1"),
           (call(arr(2), 0.0, float("inf")), "RuntimeError", "to is out of bounds"),
           (call(idx([1])), "NotImplementedError", "not implemented for dtype int64")])

op(f"random.from(Tensor self, int from_, int? to, *, {GEN}) -> Tensor",
   doc="Every element becomes an integer in [from_, to), or up to the largest of the dtype if `to` is None.",
   forms="inplace", kernel="random_from", ref="ref.random_from", **ZERO,
   samples=[call(arr(2, 3), -3, 3), call(arr(), 2, None)],
   errors=[(call(arr(2), 3, 3), "RuntimeError", "'from' to be less than 'to'"),
           (call(idx([1], dtype="uint8"), 300, None), "RuntimeError", "from is out of bounds")])

op(f"random.to(Tensor self, int to, *, {GEN}) -> Tensor",
   doc="Every element becomes an integer in [0, to).",
   forms="inplace", kernel="random_to", ref="ref.random_to", **ZERO, samples=[call(arr(2, 3), 5)],
   errors=[(call(arr(2), 0), "RuntimeError", "'from' to be less than 'to'")])

op(f"random(Tensor self, *, {GEN}) -> Tensor",
   doc="Every element becomes an integer from 0 to the largest of its dtype, or 2^digits for floating dtypes.",
   forms="inplace", kernel="random", ref="ref.random", **ZERO, samples=[call(arr(2, 3))])

op(f"exponential(Tensor self, float lambd=1.0, *, {GEN}) -> Tensor",
   doc="Every element becomes exponentially distributed with rate lambd.",
   forms="inplace", kernel="exponential", ref="ref.exponential", **ZERO,
   samples=[call(arr(2, 3)), call(arr(), 0.5)],
   errors=[(call(arr(2), 0.0), "RuntimeError", "lambda > 0.0"), (call(idx([1])), "RuntimeError", "floating point")])

op(f"cauchy(Tensor self, float median=0.0, float sigma=1.0, *, {GEN}) -> Tensor",
   doc="Every element becomes Cauchy distributed.",
   forms="inplace", kernel="cauchy", ref="ref.cauchy", **ZERO,
   samples=[call(arr(2, 3)), call(arr(), 1.0, 0.5)],
   errors=[(call(arr(2), 0.0, 0.0), "RuntimeError", "sigma > 0.0"), (call(idx([1])), "RuntimeError", "floating point")])

op(f"log_normal(Tensor self, float mean=1.0, float std=2.0, *, {GEN}) -> Tensor",
   doc="Every element becomes the exponential of a normal number with this mean and std.",
   forms="inplace", kernel="log_normal", ref="ref.log_normal", **ZERO,
   samples=[call(arr(2, 3)), call(arr(), 0.0, 0.5)],
   errors=[(call(arr(2), 0.0, 0.0), "RuntimeError", "std > 0.0"),
           (call(idx([1])), "NotImplementedError", "not implemented for dtype int64")])

op(f"geometric(Tensor self, float p, *, {GEN}) -> Tensor",
   doc="Every element becomes the number of trials up to the first success of probability p.",
   forms="inplace", kernel="geometric", ref="ref.geometric", **ZERO,
   samples=[call(arr(2, 3), 0.5), call(arr(), 0.2)],
   errors=[(call(arr(2), 1.0), "RuntimeError", "to be in (0, 1)"), (call(arr(2), 0.0), "RuntimeError", "to be in (0, 1)")])
