// Matrix products of tensors: shape checks, half types, layouts, then gemm. Layer: kernels.
#include "../core/shape.h"
#include "../core/tls.h"
#include "copy.h"
#include "gemm.h"
#include "kernels_gen.h"

namespace torchy::kernels {

namespace {

void check_same_dtype(const Tensor& a, const Tensor& b, const char* op) {
  TORCHY_CHECK(a.dtype() == b.dtype(), op, ": expected both tensors to have the same dtype, but got ",
               dtype_name(a.dtype()), " and ", dtype_name(b.dtype()), "; convert one, e.g. with .to(dtype)");
}

Tensor widen(const Tensor& t) { return to_dtype(t, compute_dtype(t.dtype())); }

// f(pointer type tag) for the dtypes products are computed in.
template <class F>
void visit_product(DType d, F&& f) {
  visit_dtype(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!IsHalf<T>::value) f(tag);
  });
}

struct Matrix {
  char* data;
  int64_t rows, cols, rs, cs;
};
// The last two dims of t at element offset `at`.
Matrix last_two(const Tensor& t, int64_t at = 0) {
  auto n = size_t(t.ndim());
  return {t.raw() + at * itemsize(t.dtype()), t.sizes()[n - 2], t.sizes()[n - 1], t.strides()[n - 2],
          t.strides()[n - 1]};
}

void product(const Tensor& out, const Matrix& a, const Matrix& b, char* c, int64_t ldc, const Scalar& alpha,
             const Scalar& beta) {
  LongSection section(a.rows * a.cols * b.cols > 8 * kLongWork);
  visit_product(out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    gemm<T>(reinterpret_cast<T*>(c), ldc, reinterpret_cast<const T*>(a.data), a.rs, a.cs,
            reinterpret_cast<const T*>(b.data), b.rs, b.cs, a.rows, b.cols, a.cols, alpha.to<T>(), beta.to<T>());
  });
}

void check_matrices(const Tensor& a, const Tensor& b, const char* op) {
  TORCHY_CHECK(a.ndim() == 2, op, ": self must be a matrix, but has shape ", a.sizes(),
               "; use matmul for other shapes");
  TORCHY_CHECK(b.ndim() == 2, op, ": mat2 must be a matrix, but has shape ", b.sizes(),
               "; use matmul for other shapes");
  TORCHY_CHECK(a.sizes()[1] == b.sizes()[0], op, ": mat1 and mat2 shapes cannot be multiplied (", a.sizes()[0], "x",
               a.sizes()[1], " and ", b.sizes()[0], "x", b.sizes()[1], ")");
  check_same_dtype(a, b, op);
}

// out = beta * self + alpha * (a @ b), `out` filled with self first unless beta is 0.
Tensor start_sum(const Tensor& self, IntSpan shape, DType dtype, const Scalar& beta, const char* op) {
  Tensor out = empty(shape, compute_dtype(dtype));
  TORCHY_CHECK(broadcastable_to(self.sizes(), shape), op, ": self of shape ", self.sizes(),
               " cannot be broadcast to the product's shape ", shape);
  check_same_dtype(self, empty({0}, dtype), op);
  if (!beta.is_zero()) copy_into(out, self);
  return out;
}

}  // namespace

Tensor mm(const Tensor& self, const Tensor& mat2) {
  check_matrices(self, mat2, "mm");
  if (is_half(self.dtype())) return to_dtype(mm(widen(self), widen(mat2)), self.dtype());
  Tensor out = empty({self.sizes()[0], mat2.sizes()[1]}, self.dtype());
  product(out, last_two(self), last_two(mat2), out.raw(), mat2.sizes()[1], 1, 0);
  return out;
}

Tensor mv(const Tensor& self, const Tensor& vec) {
  TORCHY_CHECK(self.ndim() == 2, "mv: self must be a matrix, but has shape ", self.sizes());
  TORCHY_CHECK(vec.ndim() == 1, "mv: vec must be a vector, but has shape ", vec.sizes());
  TORCHY_CHECK(self.sizes()[1] == vec.sizes()[0], "mv: size mismatch, got a matrix of shape ", self.sizes(),
               " and a vector of length ", vec.sizes()[0]);
  check_same_dtype(self, vec, "mv");
  if (is_half(self.dtype())) return to_dtype(mv(widen(self), widen(vec)), self.dtype());
  Tensor out = empty({self.sizes()[0]}, self.dtype());
  Matrix a = last_two(self);
  LongSection section(a.rows * a.cols > kLongWork);
  visit_product(self.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    gemv<T>(out.data<T>(), 1, reinterpret_cast<const T*>(a.data), a.rs, a.cs, vec.data<T>(), vec.strides()[0], a.rows,
            a.cols, T(1), T(0));
  });
  return out;
}

Tensor dot(const Tensor& self, const Tensor& tensor) {
  TORCHY_CHECK(self.ndim() == 1 && tensor.ndim() == 1, "dot: 1D tensors expected, but got shapes ", self.sizes(),
               " and ", tensor.sizes(), "; use matmul, or (a * b).sum()");
  TORCHY_CHECK(self.numel() == tensor.numel(),
               "dot: inconsistent tensor size, expected both to have the same number of "
               "elements, but got ",
               self.numel(), " and ", tensor.numel());
  check_same_dtype(self, tensor, "dot");
  if (is_half(self.dtype())) return to_dtype(dot(widen(self), widen(tensor)), self.dtype());
  Tensor out = empty({}, self.dtype());
  LongSection section(self.numel() > kLongWork);
  visit_product(self.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    *out.data<T>() =
        torchy::dot<T>(self.data<T>(), self.strides()[0], tensor.data<T>(), tensor.strides()[0], self.numel());
  });
  return out;
}

Tensor matmul_nd(const Tensor& self, const Tensor& other) {
  check_same_dtype(self, other, "matmul");
  auto na = size_t(self.ndim()), nb = size_t(other.ndim());
  IntSpan sa = self.sizes(), sb = other.sizes();
  TORCHY_CHECK(na >= 2 && nb >= 2 && sa[na - 1] == sb[nb - 2], "matmul: shapes ", sa, " and ", sb,
               " cannot be multiplied: the last size of the first and the second last of the second must agree");
  if (is_half(self.dtype())) return to_dtype(matmul_nd(widen(self), widen(other)), self.dtype());
  int64_t n = sa[na - 2], k = sa[na - 1], m = sb[nb - 1];
  if (nb == 2) {  // a shared matrix: all rows in one product
    Tensor rows = contiguous(self);
    IntVec shape(sa);
    shape.back() = m;
    Tensor out = empty(shape, self.dtype());
    int64_t count = 1;
    for (size_t i = 0; i + 1 < na; ++i) count *= sa[i];
    product(out, {rows.raw(), count, k, k, 1}, last_two(other), out.raw(), m, 1, 0);
    return out;
  }
  IntVec batch = broadcast_shapes(IntSpan(sa.data(), na - 2), IntSpan(sb.data(), nb - 2), "matmul");
  IntVec shape(batch);
  shape.push_back(n);
  shape.push_back(m);
  Tensor out = empty(shape, self.dtype());
  if (out.numel() == 0) return out;
  // Strides of both over the broadcast batch dims; one run of equal steps goes to bmm at once.
  auto batch_strides = [&](const Tensor& t, size_t nd) {
    IntVec st(batch.size());
    size_t lead = batch.size() - (nd - 2);
    for (size_t i = lead; i < batch.size(); ++i) st[i] = t.sizes()[i - lead] == 1 ? 0 : t.strides()[i - lead];
    return st;
  };
  IntVec ta = batch_strides(self, na), tb = batch_strides(other, nb);
  int64_t inner = batch.back(), outer = numel_of(batch) / inner;
  Matrix a = last_two(self), b = last_two(other);
  LongSection section(out.numel() * k > 8 * kLongWork);
  IntVec index(batch.size(), 0);
  for (int64_t o = 0; o < outer; ++o) {
    int64_t oa = 0, ob = 0;
    for (size_t i = 0; i + 1 < batch.size(); ++i) {
      oa += index[i] * ta[i];
      ob += index[i] * tb[i];
    }
    visit_product(self.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      torchy::bmm<T>(out.data<T>() + o * inner * n * m, n * m, m, reinterpret_cast<const T*>(a.data) + oa, ta.back(),
                     a.rs, a.cs, reinterpret_cast<const T*>(b.data) + ob, tb.back(), b.rs, b.cs, inner, n, m, k, T(1),
                     T(0));
    });
    for (size_t i = batch.size() - 1; i-- > 0;) {
      if (++index[i] < batch[i]) break;
      index[i] = 0;
    }
  }
  return out;
}

static void check_batches(const Tensor& a, const Tensor& b, const char* op) {
  TORCHY_CHECK(a.ndim() == 3 && b.ndim() == 3, op, ": both must be 3-dimensional batches of matrices, but have shapes ",
               a.sizes(), " and ", b.sizes());
  TORCHY_CHECK(a.sizes()[0] == b.sizes()[0], op, ": batch sizes differ: ", a.sizes()[0], " and ", b.sizes()[0]);
  TORCHY_CHECK(a.sizes()[2] == b.sizes()[1], op, ": shapes ", a.sizes(), " and ", b.sizes(), " cannot be multiplied");
}

Tensor bmm(const Tensor& self, const Tensor& mat2) {
  check_batches(self, mat2, "bmm");
  return matmul_nd(self, mat2);
}

Tensor addmm(const Tensor& self, const Tensor& mat1, const Tensor& mat2, const Scalar& beta, const Scalar& alpha) {
  check_matrices(mat1, mat2, "addmm");
  DType d = mat1.dtype();
  int64_t n = mat1.sizes()[0], m = mat2.sizes()[1];
  Tensor out = start_sum(self, {n, m}, d, beta, "addmm");
  Tensor a = widen(mat1), b = widen(mat2);
  product(out, last_two(a), last_two(b), out.raw(), m, alpha, beta);
  return to_dtype(out, d);
}

Tensor baddbmm(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
               const Scalar& alpha) {
  check_batches(batch1, batch2, "baddbmm");
  check_same_dtype(batch1, batch2, "baddbmm");
  DType d = batch1.dtype();
  int64_t n = batch1.sizes()[1], k = batch1.sizes()[2], m = batch2.sizes()[2];
  Tensor out = start_sum(self, {batch1.sizes()[0], n, m}, d, beta, "baddbmm");
  Tensor a = widen(batch1), b = widen(batch2);
  Matrix ma = last_two(a), mb = last_two(b);
  LongSection section(out.numel() * k > 8 * kLongWork);
  visit_product(out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    torchy::bmm<T>(out.data<T>(), n * m, m, a.data<T>(), a.strides()[0], ma.rs, ma.cs, b.data<T>(), b.strides()[0],
                   mb.rs, mb.cs, batch1.sizes()[0], n, m, k, alpha.to<T>(), beta.to<T>());
  });
  return to_dtype(out, d);
}

Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  TORCHY_CHECK(weight.ndim() == 2, "linear: weight must be a matrix (out, in), but has shape ", weight.sizes());
  TORCHY_CHECK(input.ndim() >= 1 && input.sizes().back() == weight.sizes()[1], "linear: input of shape ", input.sizes(),
               " does not fit weight of shape ", weight.sizes(), ": mat1 and mat2 shapes cannot be multiplied (",
               input.ndim() ? input.numel() / std::max<int64_t>(input.sizes().back(), 1) : 1, "x",
               input.ndim() ? input.sizes().back() : 1, " and ", weight.sizes()[1], "x", weight.sizes()[0], ")");
  check_same_dtype(input, weight, "linear");
  int64_t m = weight.sizes()[0], k = weight.sizes()[1];
  if (bias.defined()) {
    TORCHY_CHECK(bias.ndim() <= 1 && (bias.numel() == m || bias.numel() == 1), "linear: bias of shape ", bias.sizes(),
                 " does not fit weight of shape ", weight.sizes(), "; expected (", m, ",)");
    check_same_dtype(input, bias, "linear");
  }
  if (is_half(input.dtype()))
    return to_dtype(linear(widen(input), widen(weight), bias.defined() ? widen(bias) : bias), input.dtype());
  IntVec shape(input.sizes());
  shape.back() = m;
  Tensor out = empty(shape, input.dtype());
  Tensor rows = input.ndim() == 2 ? input : contiguous(input);
  Matrix a =
      input.ndim() == 2
          ? last_two(rows)
          : Matrix{rows.raw(), k ? rows.numel() / k : numel_of(IntSpan(shape.data(), shape.size() - 1)), k, k, 1};
  Matrix w = last_two(weight);
  if (bias.defined()) copy_into(out, bias);
  product(out, a, {w.data, w.cols, w.rows, w.cs, w.rs}, out.raw(), m, 1, bias.defined() ? 1 : 0);
  return out;
}

}  // namespace torchy::kernels
