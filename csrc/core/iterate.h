// Strided<N>: the joint walk over N operands of one shape, dims dropped, sorted and merged so that
// the innermost run is as long and as dense as it can be. Layer: core; knows no dtypes.
#pragma once

#include <cstdint>

#include "intvec.h"
#include "threads.h"

namespace torchy {

// Elements per piece below which a walk is not split over threads.
constexpr int64_t kIterGrain = 32768;

// The first operand decides the order of the dims (it is usually the one written to).
template <int N>
struct Strided {
  static constexpr int kMaxDims = 64;
  int ndim = 0;  // at least 1 after build(), dim 0 outermost
  int64_t numel = 1;
  int64_t sizes[kMaxDims];
  int64_t strides[kMaxDims][N];  // bytes
  char* base[N];

  // Adds one dim of the shape; strides in bytes and of any sign. Sizes of 1 are dropped.
  template <class... S>
  void add(int64_t size, S... s) {
    static_assert(sizeof...(S) == N, "one stride per operand");
    numel *= size;
    if (size == 1) return;
    sizes[ndim] = size;
    const int64_t all[N] = {static_cast<int64_t>(s)...};
    for (int k = 0; k < N; ++k) strides[ndim][k] = all[k];
    ++ndim;
  }

  // Call after the last add.
  void build() {
    if (numel == 0 || ndim == 0) {
      ndim = 1;
      sizes[0] = numel;
      for (int k = 0; k < N; ++k) strides[0][k] = 0;
      return;
    }
    sort();
    merge();
  }

  // f(pointers, n) on runs along the innermost dim that cover elements [begin, end) of the walk.
  template <class F>
  void walk(int64_t begin, int64_t end, F&& f) const {
    if (begin >= end) return;
    const int inner = ndim - 1;
    int64_t index[kMaxDims];
    char* p[N];
    for (int k = 0; k < N; ++k) p[k] = base[k];
    int64_t rest = begin;
    for (int d = inner; d >= 0; --d) {
      index[d] = rest % sizes[d];
      rest /= sizes[d];
      for (int k = 0; k < N; ++k) p[k] += index[d] * strides[d][k];
    }
    for (int64_t left = end - begin;;) {
      // Whole rows one after another need no bookkeeping but a step.
      if (inner > 0 && index[inner] == 0 && left >= sizes[inner]) {
        const int d = inner - 1;
        const int64_t fit = left / sizes[inner], until_end = sizes[d] - index[d];
        const int64_t rows = fit < until_end ? fit : until_end;
        for (int64_t r = 0; r < rows; ++r) {
          f(p, sizes[inner]);
          for (int k = 0; k < N; ++k) p[k] += strides[d][k];
        }
        left -= rows * sizes[inner];
        if (left == 0) return;
        index[d] += rows;
        carry(p, index, d);
        continue;
      }
      const int64_t n = left < sizes[inner] - index[inner] ? left : sizes[inner] - index[inner];
      f(p, n);
      left -= n;
      if (left == 0) return;
      for (int k = 0; k < N; ++k) p[k] -= index[inner] * strides[inner][k];
      index[inner] = 0;
      if (inner == 0) continue;
      for (int k = 0; k < N; ++k) p[k] += strides[inner - 1][k];
      ++index[inner - 1];
      carry(p, index, inner - 1);
    }
  }

  // The whole walk, split over threads when it is long.
  template <class F>
  void run(F&& f, int64_t grain = kIterGrain) const {
    if (numel <= grain) {
      walk(0, numel, f);
    } else {
      parallel_for(0, numel, grain, [&](int64_t b, int64_t e) { walk(b, e, f); });
    }
  }

 private:
  // While dim d has reached its end: back to its start, and one step along the dim outside it.
  void carry(char** p, int64_t* index, int d) const {
    for (; d > 0 && index[d] == sizes[d]; --d) {
      index[d] = 0;
      ++index[d - 1];
      for (int k = 0; k < N; ++k) p[k] += strides[d - 1][k] - sizes[d] * strides[d][k];
    }
  }
  static int64_t magnitude(int64_t v) { return v < 0 ? -v : v; }

  // Largest strides of the first operand outermost; ties by the next operand. Stable insertion: an
  // ordinary row-major shape costs one pass. A stride of 0 says nothing about order.
  bool before(int a, const int64_t* s) const {
    for (int k = 0; k < N; ++k) {
      const int64_t x = magnitude(strides[a][k]), y = magnitude(s[k]);
      if (x == 0 || y == 0 || x == y) continue;
      return x > y;
    }
    return true;
  }
  void sort() {
    for (int i = 1; i < ndim; ++i) {
      int64_t size = sizes[i], s[N];
      for (int k = 0; k < N; ++k) s[k] = strides[i][k];
      int j = i;
      for (; j > 0 && !before(j - 1, s); --j) {
        sizes[j] = sizes[j - 1];
        for (int k = 0; k < N; ++k) strides[j][k] = strides[j - 1][k];
      }
      sizes[j] = size;
      for (int k = 0; k < N; ++k) strides[j][k] = s[k];
    }
  }
  void merge() {
    int out = 0;
    for (int i = 1; i < ndim; ++i) {
      bool mergeable = true;
      for (int k = 0; k < N; ++k) mergeable = mergeable && strides[out][k] == strides[i][k] * sizes[i];
      if (mergeable) {
        sizes[out] *= sizes[i];
      } else {
        sizes[++out] = sizes[i];
      }
      for (int k = 0; k < N; ++k) strides[out][k] = strides[i][k];
    }
    ndim = out + 1;
  }
};

}  // namespace torchy
