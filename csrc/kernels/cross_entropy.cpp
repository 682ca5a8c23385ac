// Cross entropy of class indices, and its gradient: softmax and the choice of the target in one pass.
// Layer: kernels.
#include "../core/tls.h"
#include "copy.h"
#include "kernels_gen.h"

namespace torchy::kernels {

namespace {

enum Reduction : int64_t { kNone, kMean, kSum };

void check_target(const Tensor& self, const Tensor& target, int64_t ignore_index) {
  TORCHY_CHECK(self.ndim() == 2 && is_float(self.dtype()),
               "cross_entropy: expected floating scores of shape (n, classes), got ", dtype_name(self.dtype()),
               " of shape ", self.sizes());
  if (target.ndim() != 1 || target.sizes()[0] != self.sizes()[0])
    fail_value("Expected input batch_size (", self.sizes()[0], ") to match target batch_size (",
               target.ndim() ? target.sizes()[0] : 0, ").");
  TORCHY_CHECK(target.dtype() == DType::Int64, "cross_entropy: expected target of dtype int64, got ",
               dtype_name(target.dtype()));
  const int64_t* t = target.data<int64_t>();
  for (int64_t i = 0; i < target.numel(); ++i) {
    int64_t c = t[i * target.strides()[0]];
    if (c != ignore_index && (c < 0 || c >= self.sizes()[1])) fail_index("Target ", c, " is out of bounds.");
  }
}

int64_t count_kept(const Tensor& target, int64_t ignore_index) {
  int64_t n = 0;
  const int64_t* t = target.data<int64_t>();
  for (int64_t i = 0; i < target.numel(); ++i) n += t[i * target.strides()[0]] != ignore_index;
  return n;
}

template <class F>
void visit_real(DType d, F&& f) {
  if (d == DType::Float64) f(double());
  else f(float());
}

}  // namespace

Tensor cross_entropy_indices(const Tensor& self, const Tensor& target, int64_t reduction, int64_t ignore_index) {
  check_target(self, target, ignore_index);
  if (is_half(self.dtype()))
    return to_dtype(cross_entropy_indices(to_dtype(self, DType::Float32), target, reduction, ignore_index),
                    self.dtype());
  Tensor log_p = contiguous(log_softmax(self, 1, std::nullopt));
  int64_t n = self.sizes()[0], classes = self.sizes()[1];
  Tensor out = reduction == kNone ? empty({n}, self.dtype()) : empty({}, self.dtype());
  const int64_t* t = target.data<int64_t>();
  visit_real(self.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* p = log_p.data<T>();
    T* o = out.data<T>();
    double total = 0;
    for (int64_t i = 0; i < n; ++i) {
      int64_t c = t[i * target.strides()[0]];
      T loss = c == ignore_index ? T(0) : -p[i * classes + c];
      if (reduction == kNone) o[i] = loss;
      else total += static_cast<double>(loss);
    }
    if (reduction == kMean) total /= static_cast<double>(count_kept(target, ignore_index));
    if (reduction != kNone) *o = static_cast<T>(total);
  });
  return out;
}

Tensor cross_entropy_backward(const Tensor& grad_output, const Tensor& self, const Tensor& target, int64_t reduction,
                              int64_t ignore_index) {
  check_target(self, target, ignore_index);
  if (is_half(self.dtype()))
    return to_dtype(cross_entropy_backward(to_dtype(grad_output, DType::Float32), to_dtype(self, DType::Float32),
                                           target, reduction, ignore_index),
                    self.dtype());
  Tensor out = contiguous(softmax(self, 1, std::nullopt));
  int64_t n = self.sizes()[0], classes = self.sizes()[1];
  Tensor grad = to_dtype(contiguous(grad_output), self.dtype());
  const int64_t* t = target.data<int64_t>();
  visit_real(self.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* p = out.data<T>();
    const T* g = grad.data<T>();
    T mean = reduction == kMean ? T(1) / static_cast<T>(count_kept(target, ignore_index)) : T(1);
    for (int64_t i = 0; i < n; ++i) {
      int64_t c = t[i * target.strides()[0]];
      T scale = c == ignore_index ? T(0) : (reduction == kNone ? g[i] : g[0] * mean);
      T* row = p + i * classes;
      if (c != ignore_index) row[c] -= T(1);
      for (int64_t j = 0; j < classes; ++j) row[j] *= scale;
    }
  });
  return out;
}

}  // namespace torchy::kernels
