// Tables and sets: embedding and its gradient, one_hot, isin. Layer: kernels.
#include <algorithm>

#include "copy.h"
#include "index_plan.h"

#include "../core/iterate.h"
#include "../core/promote.h"
#include "../core/shape.h"
#include "../core/tls.h"

namespace torchy::kernels {
namespace {

Tensor embedding_index(const Tensor& indices, int64_t rows, const char* op) {
  TORCHY_CHECK(indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32, op,
               ": Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; got ",
               dtype_name(indices.dtype()));
  const Tensor at = index_int64(indices, op);
  const int64_t* p = at.data<int64_t>();
  for (int64_t i = 0; i < at.numel(); ++i)
    if (p[i] < 0 || p[i] >= rows)
      fail_index(op, ": index out of range in self; index ", p[i], " of a table of ", rows, " rows");
  return at;
}

// Every row's number of occurrences among the indices.
std::vector<int64_t> counts_of(const Tensor& at, int64_t rows) {
  std::vector<int64_t> counts(size_t(rows), 0);
  const int64_t* p = at.data<int64_t>();
  for (int64_t i = 0; i < at.numel(); ++i) ++counts[size_t(p[i])];
  return counts;
}

}  // namespace

Tensor embedding(const Tensor& weight, const Tensor& indices, int64_t, bool, bool) {
  TORCHY_CHECK(weight.ndim() == 2, "embedding: 'weight' must be 2-D; got shape ", weight.sizes());
  return IndexPlan::along(weight, 0, embedding_index(indices, weight.sizes()[0], "embedding")).read(weight);
}

// What a row of the gradient is multiplied by: 0 for the padding row, 1 / count where gradients are
// scaled by frequency, else 1.
Tensor embedding_factor(const Tensor& indices, int64_t padding_idx, bool scale_grad_by_freq) {
  const Tensor at = index_int64(indices, "embedding_factor");
  const int64_t* p = at.data<int64_t>();
  const int64_t n = at.numel(), rows = n ? *std::max_element(p, p + n) + 1 : 0;
  const std::vector<int64_t> counts = counts_of(at, rows);
  Tensor out = torchy::empty(indices.sizes(), DType::Float64);
  for (int64_t i = 0; i < n; ++i)
    out.data<double>()[i] = p[i] == padding_idx ? 0 : scale_grad_by_freq ? 1 / double(counts[size_t(p[i])]) : 1;
  return out;
}

Tensor embedding_dense_backward(const Tensor& grad_output, const Tensor& indices, int64_t num_weights,
                                int64_t padding_idx, bool scale_grad_by_freq) {
  TORCHY_CHECK(is_differentiable(grad_output.dtype()),
               "embedding_dense_backward: a gradient is floating or complex; got ", dtype_name(grad_output.dtype()));
  TORCHY_CHECK(grad_output.ndim() == indices.ndim() + 1 &&
                   IntSpan(grad_output.sizes().data(), size_t(indices.ndim())) == indices.sizes(),
               "embedding_dense_backward: grad_output of shape ", grad_output.sizes(),
               " does not fit indices of shape ", indices.sizes());
  const Tensor at = embedding_index(indices, num_weights, "embedding_dense_backward");
  const int64_t width = grad_output.sizes().back(), n = at.numel();
  std::vector<int64_t> counts;
  if (scale_grad_by_freq) counts = counts_of(at, num_weights);
  return changed(torchy::zeros({num_weights, width}, grad_output.dtype()), [&](Tensor& out) {
    const Tensor in = contiguous(to_dtype(grad_output, out.dtype()));
    const int64_t* p = at.data<int64_t>();
    visit_dtype(out.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T> || IsComplex<T>::value) {
        T* to = out.data<T>();
        const T* from = in.data<T>();
        LongSection section(n * width > kLongWork);
        // By columns: every row is summed in the order of the indices.
        parallel_for(0, width, std::max<int64_t>(16, kIterGrain / std::max<int64_t>(n, 1)), [&](int64_t b, int64_t e) {
          for (int64_t i = 0; i < n; ++i) {
            if (p[i] == padding_idx) continue;
            const T factor = scale_grad_by_freq ? T(1) / T(double(counts[size_t(p[i])])) : T(1);
            T* row = to + p[i] * width;
            for (int64_t j = b; j < e; ++j) row[j] += from[i * width + j] * factor;
          }
        });
      }
    });
  });
}

Tensor one_hot(const Tensor& self, int64_t num_classes) {
  TORCHY_CHECK(self.dtype() == DType::Int64,
               "one_hot: one_hot is only applicable to index tensor of type LongTensor; got ",
               dtype_name(self.dtype()));
  const Tensor at = contiguous(self);
  const int64_t n = at.numel();
  const int64_t* p = at.data<int64_t>();
  TORCHY_CHECK(num_classes >= -1, "one_hot: num_classes must be -1 (infer) or more; got ", num_classes);
  TORCHY_CHECK(n > 0 || num_classes > 0, "one_hot: Can not infer total number of classes from empty tensor.");
  const int64_t largest = n ? *std::max_element(p, p + n) : -1;
  TORCHY_CHECK(n == 0 || *std::min_element(p, p + n) >= 0, "one_hot: Class values must be non-negative; got ",
               n ? *std::min_element(p, p + n) : 0);
  TORCHY_CHECK(num_classes == -1 || largest < num_classes,
               "one_hot: Class values must be smaller than num_classes; got ", largest, " with num_classes ",
               num_classes);
  const int64_t classes = num_classes == -1 ? largest + 1 : num_classes;
  IntVec sizes(self.sizes());
  sizes.push_back(classes);
  Tensor out = torchy::zeros(sizes, DType::Int64);
  for (int64_t i = 0; i < n; ++i) out.data<int64_t>()[i * classes + p[i]] = 1;
  return out;
}

Tensor isin(const Operand& elements, const Operand& test_elements, bool, bool invert) {
  const DType common = result_type(elements, test_elements);
  TORCHY_CHECK(common != DType::Bool && !is_complex(common),
               "isin: Unsupported input type encountered for isin(): ", dtype_name(common));
  const DType dtype = compute_dtype(common);
  const Tensor in = contiguous(to_dtype(static_cast<Tensor>(elements), dtype));
  const Tensor set = contiguous(to_dtype(static_cast<Tensor>(test_elements), dtype));
  Tensor out = torchy::empty(in.sizes(), DType::Bool);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      LongSection section(in.numel() + set.numel() > kLongWork);
      std::vector<T> sorted(set.data<T>(), set.data<T>() + set.numel());
      sorted.erase(std::remove_if(sorted.begin(), sorted.end(), [](T v) { return v != v; }), sorted.end());
      std::sort(sorted.begin(), sorted.end());
      const T* p = in.data<T>();
      bool* to = out.data<bool>();
      for (int64_t i = 0; i < in.numel(); ++i)
        to[i] = (p[i] == p[i] && std::binary_search(sorted.begin(), sorted.end(), p[i])) != invert;
    }
  });
  return out;
}

}  // namespace torchy::kernels
