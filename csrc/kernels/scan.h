// What the kernels along one dim share: the lines of a contiguous tensor along that dim.
// Layer: kernels; used by scan*.cpp and sort*.cpp.
#pragma once

#include <cmath>
#include <memory>

#include "../core/threads.h"
#include "../core/tls.h"
#include "reduce_fold.h"

namespace torchy::kernels {

// A contiguous tensor as outer x n x inner, n being the dim.
struct Lines {
  int64_t outer = 1, n = 1, inner = 1;

  Lines(const Tensor& t, int64_t dim) {
    const int64_t d = wrap_dim(dim, t.ndim());
    for (int64_t i = 0; i < t.ndim(); ++i) (i < d ? outer : i == d ? n : inner) *= t.sizes()[size_t(i)];
  }
  int64_t grain(int64_t elements_each) const {
    return std::max<int64_t>(1, kParallelGrain / 4 / std::max<int64_t>(elements_each, 1));
  }
  // f(offset of the first element) for every line; elements of a line are `inner` apart. Only raw
  // memory may be touched: the interpreter lock may be free.
  template <class F>
  void each(F&& f) const {
    LongSection section(outer * n * inner > kLongWork);
    parallel_for(0, outer * inner, grain(n), [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) f(i / inner * n * inner + i % inner);
    });
  }
};

}  // namespace torchy::kernels
