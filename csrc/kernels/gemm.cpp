// Drivers of the floating-point matrix products: which kernel, which blocks, which thread. Layer:
// kernels. The register tiles are in gemm_impl.inc, integers in gemm_generic.cpp.
#include "gemm.h"
#include "gemm_instance.inc"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <type_traits>

#include "../core/threads.h"
#include "gemm_kernels.h"

namespace torchy {
namespace {

// Sizes found by measurement on a 2-core Zen 4 (32 KiB L1, 1 MiB L2), mostly with the v4 kernels.
constexpr int64_t kDepthBytes = 1024;                 // one row of A in a step along k
constexpr int64_t kPanelBytes = 512 * 1024;           // B that one tile reads in a step: half of L2
constexpr int64_t kPackedBytes = 4 << 20;             // packed B shared by all threads at a time
constexpr int64_t kDirectBytes = 1536 * 1024;         // B up to this is read where it is, unpacked
constexpr int64_t kDirectNarrow = 160 * 1024;         // the same for register tiles under 128 bytes wide
constexpr int64_t kDirectRows = 6;                    // ... and any B for so few row tiles
constexpr int64_t kRepackBytes = 16 * 1024;           // transposed A from which its rows are repacked
constexpr int64_t kTaskRows = 144;                    // most rows of a task when rows are split
constexpr int64_t kOwnRows = 600;                     // up to here each task packs its own columns of B
constexpr int64_t kTasksPerThread = 8;                // wanted, so that all threads end together
constexpr int64_t kParallelWork = 48 * 48 * 48;       // multiply-adds of float32 worth a region
constexpr int64_t kTaskWork = 24 * 1024;              // the least of them in one task
constexpr int64_t kParallelVectorBytes = 512 * 1024;  // matrix of a gemv worth a region

// Multiply-adds of float32 that take the time of one of T.
template <class T>
constexpr int64_t kCost = int64_t(sizeof(T)) / 4 * (std::is_class_v<T> ? 2 : 1);

const GemmTable* pick_table(int level) {
#if defined(__x86_64__)
  if (level >= 4 && __builtin_cpu_supports("x86-64-v4")) return &gemm_table_v4();
  if (level >= 3 && __builtin_cpu_supports("x86-64-v3")) return &gemm_table_v3();
#endif
  (void)level;
  return &gemm_table_v2();
}

std::atomic<const GemmTable*> chosen{nullptr};

const GemmTable& table() {
  const GemmTable* t = chosen.load(std::memory_order_relaxed);
  if (__builtin_expect(t == nullptr, 0)) chosen.store(t = pick_table(4));
  return *t;
}

template <class T>
const GemmKernels<T>& kernels() {
  const GemmTable& t = table();
  if constexpr (std::is_same_v<T, float>) return t.f32;
  else if constexpr (std::is_same_v<T, double>) return t.f64;
  else if constexpr (std::is_same_v<T, std::complex<float>>) return t.c64;
  else return t.c128;
}

// Scratch of one thread, kept from call to call and only ever grown.
class Scratch {
 public:
  ~Scratch() { std::free(data_); }
  template <class T>
  T* get(int64_t count) {
    const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 4095) / 4096 * 4096;
    if (bytes > size_) {
      std::free(data_);
      size_ = 0;
      data_ = std::aligned_alloc(4096, bytes);
      if (!data_) throw std::bad_alloc();
      size_ = bytes;
    }
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};
thread_local Scratch scratch_a, scratch_b;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// f(i) for every i < count, each claimed singly by whichever thread is free.
template <class F>
void for_tasks(int64_t count, F&& f) {
  std::atomic<int64_t> next{0};
  parallel_for(0, std::min<int64_t>(count, get_num_threads()), 1, [&](int64_t, int64_t) {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) f(i);
  });
}

template <class T>
void scale_rows(T* c, int64_t rs, int64_t cs, int64_t m, int64_t n, T beta) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      T& out = c[i * rs + j * cs];
      out = beta == T(0) ? T(0) : beta == T(1) ? out : beta * out;
    }
}

// ---- matrix by matrix -------------------------------------------------------------------------

template <class T>
struct Product {
  T* c;
  int64_t ldc;
  const T* a;
  int64_t a_rs, a_cs;
  const T* b;
  int64_t b_rs, b_cs;
  int64_t m, n, k;
  T alpha, beta;
};

// How one product is cut: depth (a step along k) first, then tile tasks of rows by cols.
struct Cut {
  int64_t depth, rows, cols;
  bool direct;  // B is read where it is, not packed
  bool split;   // over threads
};

// Rows of A that are read again for each panel of B are copied together first where they would
// keep missing L1: rows apart by a power of 2 share its sets, columns waste its lines.
template <class T>
bool repack_a(const Product<T>& g, int64_t depth, int64_t cols, int64_t nr) {
  if (cols < 3 * nr) return false;
  const int64_t row = depth * int64_t(sizeof(T));
  if (g.a_cs == 1) return row >= 512 && g.a_rs * int64_t(sizeof(T)) % 2048 == 0;
  return g.m * row > kRepackBytes;
}

// One tile's step along k; `b` is where its part of B is.
template <class T>
void run_block(const Product<T>& g, const GemmKernels<T>& kern, int64_t i, int64_t rows, int64_t j, int64_t cols,
               int64_t k0, int64_t depth, const T* b, bool b_packed) {
  GemmBlock<T> block;
  block.c = g.c + i * g.ldc + j;
  block.ldc = g.ldc;
  block.a = g.a + i * g.a_rs + k0 * g.a_cs;
  block.a_rs = g.a_rs;
  block.a_cs = g.a_cs;
  block.b = b;
  block.b_rs = g.b_rs;
  block.b_packed = b_packed;
  block.m = rows;
  block.n = cols;
  block.k = depth;
  block.alpha = g.alpha;
  block.beta = k0 == 0 ? g.beta : T(1);
  block.a_scratch = nullptr;
  if (repack_a(g, depth, cols, kern.nr)) block.a_scratch = scratch_a.get<T>(kern.mr * depth);
  kern.block(block);
}

// Columns whose packed B of one step leaves half of L2 to the rest.
template <class T>
int64_t fitting_cols(const GemmKernels<T>& kern, int64_t depth) {
  return std::max<int64_t>(1, kPanelBytes / (depth * int64_t(sizeof(T))) / kern.nr) * kern.nr;
}

// A whole tile on this thread, all of k, its B packed here if need be.
template <class T>
void run_tile(const Product<T>& g, const GemmKernels<T>& kern, const Cut& cut, int64_t i, int64_t rows, int64_t j,
              int64_t cols) {
  const int64_t fit = fitting_cols(kern, cut.depth);
  for (const int64_t end = j + cols; j < end; j += fit) {
    const int64_t here = std::min(fit, end - j);
    for (int64_t k0 = 0; k0 < g.k; k0 += cut.depth) {
      const int64_t depth = std::min(cut.depth, g.k - k0);
      const T* b = g.b + k0 * g.b_rs + j * g.b_cs;
      if (!cut.direct) {
        T* packed = scratch_b.get<T>(round_up(here, kern.nr) * depth);
        kern.pack_b(packed, b, g.b_rs, g.b_cs, depth, here);
        b = packed;
      }
      run_block(g, kern, i, rows, j, here, k0, depth, b, !cut.direct);
    }
  }
}

// For tall C over threads: each step's B is packed once, by all threads, and then read by all.
template <class T>
void run_shared(const Product<T>& g, const GemmKernels<T>& kern, const Cut& cut, int64_t n0, int64_t width) {
  const int64_t panels = ceil_div(width, kern.nr), row_tasks = ceil_div(g.m, cut.rows);
  T* packed = scratch_b.get<T>(panels * kern.nr * cut.depth);
  for (int64_t k0 = 0; k0 < g.k; k0 += cut.depth) {
    const int64_t depth = std::min(cut.depth, g.k - k0);
    parallel_for(0, panels, std::max<int64_t>(1, 16384 / (kern.nr * depth)), [&](int64_t from, int64_t to) {
      const int64_t j = from * kern.nr;
      kern.pack_b(packed + j * depth, g.b + k0 * g.b_rs + (n0 + j) * g.b_cs, g.b_rs, g.b_cs, depth,
                  std::min(width, to * kern.nr) - j);
    });
    for_tasks(row_tasks * ceil_div(width, cut.cols), [&](int64_t task) {
      const int64_t i = task % row_tasks * cut.rows, j = task / row_tasks * cut.cols;
      run_block(g, kern, i, std::min(cut.rows, g.m - i), n0 + j, std::min(cut.cols, width - j), k0, depth,
                packed + j * depth, true);
    });
  }
}

// Halves rows and, once they are few, columns until there are tasks enough for all threads to end
// at about the same time.
template <class T>
void split_tasks(const Product<T>& g, const GemmKernels<T>& kern, Cut& cut, bool by_rows) {
  const int64_t wanted = kTasksPerThread * get_num_threads();
  int64_t row_tasks = by_rows ? ceil_div(g.m, kTaskRows) : 1;
  int64_t col_tasks = ceil_div(g.n, cut.cols);
  auto even = [](int64_t size, int64_t parts, int64_t unit) { return round_up(ceil_div(size, parts), unit); };
  for (;;) {
    cut.rows = even(g.m, row_tasks, by_rows ? kern.mr : 1);
    cut.cols = even(g.n, col_tasks, kern.nr);
    const int64_t tasks = ceil_div(g.m, cut.rows) * ceil_div(g.n, cut.cols);
    if (tasks >= wanted || cut.rows * cut.cols * g.k * kCost<T> < 2 * kTaskWork) return;
    const bool wide = cut.cols > kern.nr, tall = by_rows && cut.rows > kern.mr;
    if (tall && (cut.rows >= 4 * kern.mr || !wide)) row_tasks *= 2;
    else if (wide) col_tasks *= 2;
    else return;
  }
}

template <class T>
void product(const Product<T>& g) {
  const GemmKernels<T>& kern = kernels<T>();
  const int64_t work = g.m * g.n * g.k * kCost<T>;
  const int64_t most = kDepthBytes / int64_t(sizeof(T)) * (std::is_class_v<T> ? 2 : 1);
  Cut cut{ceil_div(g.k, ceil_div(g.k, most)), g.m, g.n, false, false};
  cut.split = work >= kParallelWork && get_num_threads() > 1 && !in_parallel_region();
  // Narrow panels use too little of each line that they touch to be read far from one another.
  const int64_t readable = kern.nr * int64_t(sizeof(T)) >= 128 ? kDirectBytes : kDirectNarrow;
  cut.direct = g.b_cs == 1 && (g.m <= kDirectRows * kern.mr || g.k * g.n * int64_t(sizeof(T)) <= readable);
  if (!cut.split) return run_tile(g, kern, cut, 0, g.m, 0, g.n);

  const bool own = cut.direct || (g.m <= kOwnRows && g.n >= kern.nr * get_num_threads());
  cut.cols = std::min(g.n, fitting_cols(kern, cut.depth));
  split_tasks(g, kern, cut, cut.direct || !own);
  if (own) {
    const int64_t row_tasks = ceil_div(g.m, cut.rows);
    return for_tasks(row_tasks * ceil_div(g.n, cut.cols), [&](int64_t task) {
      const int64_t i = task % row_tasks * cut.rows, j = task / row_tasks * cut.cols;
      run_tile(g, kern, cut, i, std::min(cut.rows, g.m - i), j, std::min(cut.cols, g.n - j));
    });
  }
  const int64_t width = std::max<int64_t>(1, kPackedBytes / (cut.depth * int64_t(sizeof(T))) / cut.cols) * cut.cols;
  for (int64_t n0 = 0; n0 < g.n; n0 += width) run_shared(g, kern, cut, n0, std::min(width, g.n - n0));
}

}  // namespace

template <class T>
void gemm(T* c, int64_t ldc, const T* a, int64_t a_rs, int64_t a_cs, const T* b, int64_t b_rs, int64_t b_cs, int64_t m,
          int64_t n, int64_t k, T alpha, T beta) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0 || alpha == T(0)) return scale_rows(c, ldc, 1, m, n, beta);
  if (n == 1) return gemv(c, ldc, a, a_rs, a_cs, b, b_rs, m, k, alpha, beta);
  if (m == 1) return gemv(c, int64_t{1}, b, b_cs, b_rs, a, a_cs, n, k, alpha, beta);
  product(Product<T>{c, ldc, a, a_rs, a_cs, b, b_rs, b_cs, m, n, k, alpha, beta});
}

template <class T>
void bmm(T* c, int64_t c_bs, int64_t ldc, const T* a, int64_t a_bs, int64_t a_rs, int64_t a_cs, const T* b,
         int64_t b_bs, int64_t b_rs, int64_t b_cs, int64_t batch, int64_t m, int64_t n, int64_t k, T alpha, T beta) {
  if (m <= 0 || n <= 0 || batch <= 0) return;
  // One B for all: the batch is only more rows.
  if (b_bs == 0 && batch > 1 && c_bs == m * ldc && a_bs == m * a_rs)
    return gemm(c, ldc, a, a_rs, a_cs, b, b_rs, b_cs, batch * m, n, k, alpha, beta);
  const int64_t work = std::max<int64_t>(m * n * std::max<int64_t>(k, 1) * kCost<T>, 512);
  auto some = [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i)
      gemm(c + i * c_bs, ldc, a + i * a_bs, a_rs, a_cs, b + i * b_bs, b_rs, b_cs, m, n, k, alpha, beta);
  };
  const int64_t threads = get_num_threads();
  const bool few_large = batch < 4 * threads && work >= 8 * kParallelWork;
  if (few_large || work * batch < kParallelWork || batch == 1) return some(0, batch);
  parallel_for(0, batch, ceil_div(kTaskWork, work), some);
}

// ---- matrix by vector -------------------------------------------------------------------------

template <class T>
void gemv(T* y, int64_t incy, const T* a, int64_t a_rs, int64_t a_cs, const T* x, int64_t incx, int64_t m, int64_t k,
          T alpha, T beta) {
  if (m <= 0) return;
  if (k <= 0 || alpha == T(0)) return scale_rows(y, incy, 1, m, 1, beta);
  const GemmKernels<T>& kern = kernels<T>();
  const bool by_cols = a_rs == 1 && m > 1 && k > 1 && a_cs != 1;
  const int64_t row_bytes = k * int64_t(sizeof(T));
  const bool split = m * row_bytes >= kParallelVectorBytes && m >= 8;
  const int64_t grain = split ? std::max<int64_t>(8, kParallelVectorBytes / 4 / row_bytes) : m;

  if (by_cols) {
    T* out = incy == 1 ? y : scratch_a.get<T>(m);
    if (incy != 1 && beta != T(0))
      for (int64_t i = 0; i < m; ++i) out[i] = y[i * incy];
    // Few, wide pieces: the wider, the longer the runs of memory that a thread reads.
    const int64_t share = std::clamp<int64_t>(m / get_num_threads(), 32, 4096);
    parallel_for(0, m, split ? share : m, [&](int64_t from, int64_t to) {
      kern.gemv_cols(out + from, a + from, a_cs, x, incx, to - from, k, alpha, beta);
    });
    if (incy != 1)
      for (int64_t i = 0; i < m; ++i) y[i * incy] = out[i];
    return;
  }

  if (incx != 1 && k > 1) {
    T* copy = scratch_b.get<T>(k);
    for (int64_t p = 0; p < k; ++p) copy[p] = x[p * incx];
    x = copy;
  }
  parallel_for(0, m, grain, [&](int64_t from, int64_t to) {
    if (a_cs == 1 || k == 1)
      return kern.gemv_rows(y + from * incy, incy, a + from * a_rs, a_rs, x, to - from, k, alpha, beta);
    T* row = scratch_a.get<T>(k);
    for (int64_t i = from; i < to; ++i) {
      for (int64_t p = 0; p < k; ++p) row[p] = a[i * a_rs + p * a_cs];
      kern.gemv_rows(y + i * incy, incy, row, k, x, 1, k, alpha, beta);
    }
  });
}

template <class T>
T dot(const T* x, int64_t incx, const T* y, int64_t incy, int64_t n) {
  if (n <= 0) return T(0);
  auto contiguous = [n](const T* from, int64_t step, Scratch& scratch) {
    if (step == 1 || n == 1) return from;
    T* copy = scratch.get<T>(n);
    for (int64_t i = 0; i < n; ++i) copy[i] = from[i * step];
    return static_cast<const T*>(copy);
  };
  return kernels<T>().dot(contiguous(x, incx, scratch_a), contiguous(y, incy, scratch_b), n);
}

const char* gemm_level() { return table().name; }
void set_gemm_level(int level) { chosen.store(pick_table(level)); }

TORCHY_GEMM_INSTANCE(float);
TORCHY_GEMM_INSTANCE(double);
TORCHY_GEMM_INSTANCE(std::complex<float>);
TORCHY_GEMM_INSTANCE(std::complex<double>);

}  // namespace torchy
