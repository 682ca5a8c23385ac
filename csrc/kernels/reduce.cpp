// Plans and the driver of reductions; the choice of instruction set. Layer: kernels.
// What is folded is in reduce_sum.cpp, reduce_extreme.cpp, reduce_moments.cpp and reduce_norm.cpp.
#include "reduce.h"

#include <memory>

#include "../core/shape.h"
#include "../core/threads.h"
#include "../core/tls.h"
#include "copy.h"

namespace torchy::kernels {

template <class T>
static const FloatLoops<T>& pick_loops() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return float_loops_v4(T());
  if (__builtin_cpu_supports("x86-64-v3")) return float_loops_v3(T());
#endif
  return float_loops_v2(T());
}
template <>
const FloatLoops<float>& float_loops<float>() {
  static const FloatLoops<float>& loops = pick_loops<float>();
  return loops;
}
template <>
const FloatLoops<double>& float_loops<double>() {
  static const FloatLoops<double>& loops = pick_loops<double>();
  return loops;
}

// ------------------------------------------------------------------------------------------ plan

static void result_sizes(const Tensor& self, uint64_t mask, bool keepdim, IntVec& sizes) {
  for (int64_t d = 0; d < self.ndim(); ++d) {
    if (!(mask >> d & 1)) sizes.push_back(self.sizes()[size_t(d)]);
    else if (keepdim) sizes.push_back(1);
  }
}

// Dims of size > 1 from the largest stride down, if their memory has no gaps or overlaps.
static bool dense_order(const Tensor& t, IntVec& order) {
  for (int64_t d = 0; d < t.ndim(); ++d)
    if (t.sizes()[size_t(d)] != 1) order.push_back(d);
  IntSpan strides = t.strides();
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return strides[size_t(a)] > strides[size_t(b)]; });
  int64_t expected = 1;
  for (size_t i = order.size(); i-- > 0;) {
    if (strides[size_t(order[i])] != expected) return false;
    expected *= t.sizes()[size_t(order[i])];
  }
  return true;
}

// Runs of dims that are kept or reduced together, in memory order.
struct Runs {
  int count = 0;
  bool reduced[64];
  int64_t size[64];
};

static Runs find_runs(const Tensor& t, IntSpan order, uint64_t mask) {
  Runs runs;
  for (int64_t d : order) {
    const bool reduced = mask >> d & 1;
    if (runs.count && runs.reduced[runs.count - 1] == reduced) {
      runs.size[runs.count - 1] *= t.sizes()[size_t(d)];
    } else {
      runs.reduced[runs.count] = reduced;
      runs.size[runs.count++] = t.sizes()[size_t(d)];
    }
  }
  return runs;
}

// kept? reduced kept? or kept? reduced kept reduced.
static bool fit_runs(const Runs& runs, ReducePlan& plan) {
  int i = 0;
  auto take = [&](bool reduced) { return i < runs.count && runs.reduced[i] == reduced ? runs.size[i++] : 1; };
  plan.outer = take(false);
  plan.n = take(true);
  plan.inner = take(false);
  if (i < runs.count) {
    plan.n2 = plan.n;
    plan.mid = plan.inner;
    plan.inner = 1;
    plan.n = take(true);
  }
  return i == runs.count;
}

static void copy_reduced_last(const Tensor& self, uint64_t mask, ReducePlan& plan) {
  IntVec sizes, strides;
  plan.outer = plan.n = 1;
  plan.n2 = plan.mid = plan.inner = 1;
  for (bool reduced : {false, true}) {
    for (int64_t d = 0; d < self.ndim(); ++d) {
      if (bool(mask >> d & 1) != reduced) continue;
      sizes.push_back(self.sizes()[size_t(d)]);
      strides.push_back(self.strides()[size_t(d)]);
      (reduced ? plan.n : plan.outer) *= sizes.back();
    }
  }
  plan.src = contiguous(alias(self, sizes, strides, self.offset()));
}

static ReducePlan plan_elements(const Tensor& self, uint64_t mask, bool keepdim, PlanFor use) {
  ReducePlan plan;
  const int64_t ndim = self.ndim();
  result_sizes(self, mask, keepdim, plan.sizes);
  const bool contiguous_already = self.is_contiguous();
  if (contiguous_already && mask == full_mask(self)) {
    plan.src = self;
    plan.n = self.numel();
    return plan;
  }
  if (contiguous_already && mask == uint64_t(1) << (ndim - 1)) {
    plan.src = self;
    plan.n = self.sizes()[size_t(ndim - 1)];
    for (int64_t d = 0; d < ndim - 1; ++d) plan.outer *= self.sizes()[size_t(d)];
    return plan;
  }
  IntVec order;
  bool dense = false;
  if (contiguous_already || self.numel() == 0) {
    for (int64_t d = 0; d < ndim; ++d)
      if (self.sizes()[size_t(d)] != 1) order.push_back(d);
    dense = true;
  } else if (use != PlanFor::InOrder || __builtin_popcountll(mask) == 1) {
    dense = dense_order(self, order);
  }
  plan.src = self;
  if (!dense || !fit_runs(find_runs(self, order, mask), plan) || (use == PlanFor::Pairs && plan.n2 * plan.mid != 1)) {
    copy_reduced_last(self, mask, plan);
    return plan;
  }
  IntVec kept;
  bool sorted = true;
  for (int64_t d : order) {
    if (mask >> d & 1) continue;
    sorted = sorted && (kept.empty() || kept.back() < d);
    kept.push_back(d);
    plan.kept_sizes.push_back(self.sizes()[size_t(d)]);
  }
  if (!sorted) plan.kept_order = kept;
  return plan;
}

ReducePlan make_plan(const Tensor& self, uint64_t mask, bool keepdim, PlanFor use) {
  ReducePlan plan = plan_elements(self, mask, keepdim, use);
  if (use == PlanFor::Pairs) plan.inner *= 2;
  return plan;
}

Tensor ReducePlan::make_output(DType dtype) const {
  return kept_order.empty() ? empty(sizes, dtype) : empty(kept_sizes, dtype);
}

Tensor ReducePlan::done(const Tensor& filled) const {
  if (kept_order.empty()) return filled;
  IntVec by_dim, shape, strides;
  for (int64_t d : kept_order) by_dim.push_back(d);
  std::sort(by_dim.begin(), by_dim.end());
  for (int64_t d : by_dim) {
    const size_t at = size_t(std::find(kept_order.begin(), kept_order.end(), d) - kept_order.begin());
    shape.push_back(filled.sizes()[at]);
    strides.push_back(filled.strides()[at]);
  }
  Tensor moved = contiguous(alias(filled, shape, strides, filled.offset()));
  return alias(moved, sizes, contiguous_strides(sizes), moved.offset());
}

void check_nonempty(const Tensor& self, uint64_t mask, const char* op) {
  if (self.numel() != 0) return;
  for (int64_t d = 0; d < self.ndim(); ++d)
    if ((mask >> d & 1) && self.sizes()[size_t(d)] == 0)
      fail_index(op, ": dimension ", d, " of ", self.sizes(),
                 " has no elements to reduce; pass a non-empty tensor, or a dim of size at least 1");
}

// ---------------------------------------------------------------------------------------- driver

namespace {

constexpr int64_t kRowBatch = 64;

struct AccBuffer {
  explicit AccBuffer(int64_t bytes) : p(new char[size_t(std::max<int64_t>(bytes, 1))]) {}
  std::unique_ptr<char[]> p;
};

int64_t grain_for(int64_t elements_each) {
  return std::max<int64_t>(1, kParallelGrain / std::max<int64_t>(elements_each, 1));
}

void short_rows(Reducer& r, const char* x, int64_t begin, int64_t end, int64_t n) {
  alignas(16) char acc[kRowBatch * kMaxAccSize];
  for (int64_t o = begin; o < end; o += kRowBatch) {
    const int64_t count = std::min(kRowBatch, end - o);
    r.rows(x + o * n * r.in_size, count, n, {0, 0, o, 1}, acc);
    r.finish(acc, count, n, o);
  }
}

// Leaves first .. last of the row at x into acc; the very last leaf may be shorter.
void leaves(Reducer& r, const char* x, int64_t n, int64_t first, int64_t last, int64_t out, char* acc) {
  const int64_t full = std::min(last, n / kRowBlock);
  if (full > first)
    r.rows(x + first * kRowBlock * r.in_size, full - first, kRowBlock, {first * kRowBlock, kRowBlock, out, 0}, acc);
  if (last > full) {
    const int64_t start = std::max(first, full) * kRowBlock;
    r.rows(x + start * r.in_size, 1, n - start, {start, 0, out, 0}, acc + (std::max(first, full) - first) * r.acc_size);
  }
}

void merge_leaves(Reducer& r, char* total, bool fresh, const char* acc, int64_t n, int64_t first, int64_t last) {
  for (int64_t b = first; b < last; ++b, acc += r.acc_size) {
    if (fresh && b == first) {
      std::memcpy(total, acc, size_t(r.acc_size));
      continue;
    }
    r.merge(total, b * kRowBlock, acc, std::min(kRowBlock, n - b * kRowBlock), 1);
  }
}

void long_row(Reducer& r, const char* x, int64_t n, int64_t out) {
  alignas(16) char acc[kRowBatch * kMaxAccSize], total[kMaxAccSize];
  const int64_t blocks = (n + kRowBlock - 1) / kRowBlock;
  for (int64_t b = 0; b < blocks; b += kRowBatch) {
    const int64_t last = std::min(blocks, b + kRowBatch);
    leaves(r, x, n, b, last, out, acc);
    merge_leaves(r, total, b == 0, acc, n, b, last);
  }
  r.finish(total, 1, n, out);
}

void reduce_rows(Reducer& r, const char* x, int64_t outer, int64_t n) {
  if (n <= kRowBlock) {
    parallel_for(0, outer, grain_for(n), [&](int64_t b, int64_t e) { short_rows(r, x, b, e, n); });
    return;
  }
  const int64_t row_bytes = n * r.in_size;
  if (outer >= 4 * get_num_threads()) {
    parallel_for(0, outer, grain_for(n), [&](int64_t b, int64_t e) {
      for (int64_t o = b; o < e; ++o) long_row(r, x + o * row_bytes, n, o);
    });
    return;
  }
  const int64_t blocks = (n + kRowBlock - 1) / kRowBlock;
  AccBuffer acc(outer * blocks * r.acc_size);
  for (int64_t o = 0; o < outer; ++o) {
    char* mine = acc.p.get() + o * blocks * r.acc_size;
    parallel_for(0, blocks, grain_for(kRowBlock),
                 [&](int64_t b, int64_t e) { leaves(r, x + o * row_bytes, n, b, e, o, mine + b * r.acc_size); });
    alignas(16) char total[kMaxAccSize];
    merge_leaves(r, total, true, mine, n, 0, blocks);
    r.finish(total, 1, n, o);
  }
}

struct Columns {
  int64_t n, inner, tiles, rows_each, blocks;
  Columns(int64_t n, int64_t inner) : n(n), inner(inner) {
    tiles = (inner + kColTile - 1) / kColTile;
    rows_each = std::max<int64_t>(128, 16384 / std::min(inner, kColTile));
    blocks = (n + rows_each - 1) / rows_each;
  }
  int64_t width(int64_t tile) const { return std::min(kColTile, inner - tile * kColTile); }
  int64_t rows(int64_t block) const { return std::min(rows_each, n - block * rows_each); }
};

void column_leaf(Reducer& r, const Columns& c, const char* x, int64_t outer, int64_t tile, int64_t block, char* acc) {
  const int64_t first = block * c.rows_each, column = tile * kColTile;
  r.cols(x + ((outer * c.n + first) * c.inner + column) * r.in_size, c.rows(block), c.inner, c.width(tile), first,
         outer * c.inner + column, acc);
}

void column_tile(Reducer& r, const Columns& c, const char* x, int64_t outer, int64_t tile) {
  alignas(64) char acc[kColTile * kMaxAccSize], next[kColTile * kMaxAccSize];
  column_leaf(r, c, x, outer, tile, 0, acc);
  for (int64_t b = 1; b < c.blocks; ++b) {
    column_leaf(r, c, x, outer, tile, b, next);
    r.merge(acc, b * c.rows_each, next, c.rows(b), c.width(tile));
  }
  r.finish(acc, c.width(tile), c.n, outer * c.inner + tile * kColTile);
}

void reduce_cols(Reducer& r, const char* x, int64_t outer, int64_t n, int64_t inner) {
  const Columns c(n, inner);
  const int64_t units = outer * c.tiles;
  if (c.blocks == 1 || units >= 2 * get_num_threads()) {
    parallel_for(0, units, grain_for(n * std::min(inner, kColTile)), [&](int64_t b, int64_t e) {
      for (int64_t u = b; u < e; ++u) column_tile(r, c, x, u / c.tiles, u % c.tiles);
    });
    return;
  }
  const int64_t acc_bytes = std::min(inner, kColTile) * r.acc_size;
  AccBuffer acc(units * c.blocks * acc_bytes);
  parallel_for(0, units * c.blocks, grain_for(c.rows_each * std::min(inner, kColTile)), [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) {
      const int64_t u = i / c.blocks;
      column_leaf(r, c, x, u / c.tiles, u % c.tiles, i % c.blocks, acc.p.get() + i * acc_bytes);
    }
  });
  for (int64_t u = 0; u < units; ++u) {
    char* total = acc.p.get() + u * c.blocks * acc_bytes;
    const int64_t width = c.width(u % c.tiles);
    for (int64_t b = 1; b < c.blocks; ++b) r.merge(total, b * c.rows_each, total + b * acc_bytes, c.rows(b), width);
    r.finish(total, width, n, u / c.tiles * inner + u % c.tiles * kColTile);
  }
}

// outer x n2 x mid x n: rows of n give accumulators, which are merged over n2.
void reduce_twice(Reducer& r, const ReducePlan& p, const char* x) {
  const int64_t rows = p.n2 * p.mid, step = p.mid * r.acc_size;
  parallel_for(0, p.outer, grain_for(rows * p.n), [&](int64_t begin, int64_t end) {
    AccBuffer acc(rows * r.acc_size);
    for (int64_t o = begin; o < end; ++o) {
      const char* base = x + o * rows * p.n * r.in_size;
      parallel_for(0, rows, grain_for(p.n), [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) {
          const int64_t out = o * p.mid + i % p.mid, blocks = (p.n + kRowBlock - 1) / kRowBlock;
          char* total = acc.p.get() + i * r.acc_size;
          alignas(16) char next[kMaxAccSize];
          for (int64_t block = 0; block < blocks; ++block) {
            leaves(r, base + i * p.n * r.in_size, p.n, block, block + 1, out, next);
            merge_leaves(r, total, block == 0, next, p.n, block, block + 1);
          }
        }
      });
      for (int64_t k = 1; k < p.n2; ++k) r.merge(acc.p.get(), k * p.n, acc.p.get() + k * step, p.n, p.mid);
      r.finish(acc.p.get(), p.mid, p.reduced(), o * p.mid);
    }
  });
}

void fill_identity(Reducer& r, int64_t outputs) {
  alignas(16) char acc[kRowBatch * kMaxAccSize];
  for (int64_t o = 0; o < outputs; o += kRowBatch) {
    const int64_t count = std::min(kRowBatch, outputs - o);
    r.identity(acc, count);
    r.finish(acc, count, 0, o);
  }
}

}  // namespace

void run_reduction(Reducer& r, const ReducePlan& p) {
  const int64_t outputs = p.outer * p.mid * p.inner, reduced = p.reduced();
  if (outputs == 0) return;
  if (reduced == 0) return fill_identity(r, outputs);
  const char* x = p.src.raw();
  LongSection section(outputs * reduced > kLongWork);
  if (p.n2 * p.mid != 1) return reduce_twice(r, p, x);
  if (p.inner == 1) return reduce_rows(r, x, p.outer, p.n);
  reduce_cols(r, x, p.outer, p.n, p.inner);
}

// ----------------------------------------------------------------------------------- half types

void Widened::widen(const char* x, float* to, int64_t n) const {
  const FloatLoops<float>& loops = float_loops<float>();
  if (from_ == DType::Float16) loops.widen_half(reinterpret_cast<const Half*>(x), to, n);
  else loops.widen_bfloat16(reinterpret_cast<const BFloat16*>(x), to, n);
}

void Widened::rows(const char* x, int64_t rows, int64_t n, const RowSite& s, char* acc) {
  alignas(64) float block[kRowBlock];
  const int64_t together = std::max<int64_t>(1, kRowBlock / n);
  for (int64_t r = 0; r < rows; r += together) {
    const int64_t count = std::min(together, rows - r);
    widen(x + r * n * 2, block, count * n);
    inner_.rows(reinterpret_cast<const char*>(block), count, n,
                {s.k0 + r * s.k_step, s.k_step, s.out0 + r * s.out_step, s.out_step}, acc + r * acc_size);
  }
}

void Widened::cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t k0, int64_t out0, char* acc) {
  alignas(64) float block[kRowBlock];
  alignas(64) char next[kColTile * kMaxAccSize];
  const int64_t together = std::max<int64_t>(1, kRowBlock / width);
  for (int64_t k = 0; k < n; k += together) {
    const int64_t count = std::min(together, n - k);
    for (int64_t j = 0; j < count; ++j) widen(x + (k + j) * stride * 2, block + j * width, width);
    inner_.cols(reinterpret_cast<const char*>(block), count, width, width, k0 + k, out0, k ? next : acc);
    if (k) inner_.merge(acc, k, next, count, width);
  }
}

void run_float_reduction(Reducer& reducer, const ReducePlan& plan) {
  if (!is_half(plan.src.dtype())) return run_reduction(reducer, plan);
  Widened widened(reducer, plan.src.dtype());
  run_reduction(widened, plan);
}

}  // namespace torchy::kernels
