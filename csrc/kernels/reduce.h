// How every reduction runs: a plan that brings any dims and strides to (outer, n, inner), a Reducer
// that folds leaves and merges them, and one driver. Layer: kernels; used by reduce_*.cpp only.
#pragma once

#include "../core/tensor.h"
#include "reduce_loops.h"

namespace torchy::kernels {

constexpr int kMaxAccSize = 16;
constexpr int64_t kParallelGrain = 32768;  // elements a thread should get at least

// Where the runs of Reducer::rows lie: run r starts at index k0 + r * k_step of the reduced range
// and belongs to output out0 + r * out_step.
struct RowSite {
  int64_t k0, k_step, out0, out_step;
};

// Folds elements into accumulators of acc_size bytes. The tree of leaves and merges is the driver's
// and depends on sizes only. All methods may run on several threads at once.
class Reducer {
 public:
  Reducer(int in_size, int acc_size) : in_size(in_size), acc_size(acc_size) {}
  virtual ~Reducer() = default;
  // `rows` adjacent runs of n elements, one accumulator each.
  virtual void rows(const char* x, int64_t rows, int64_t n, const RowSite& site, char* acc) = 0;
  // n rows of `width` columns, `stride` elements apart, one accumulator a column.
  virtual void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t k0, int64_t out0, char* acc) = 0;
  // a[i] := a[i] then b[i]; they stand for na and nb elements.
  virtual void merge(char* a, int64_t na, const char* b, int64_t nb, int64_t count) = 0;
  // Accumulators of nothing at all.
  virtual void identity(char* acc, int64_t count) = 0;
  // Writes outputs out0, out0 + 1, ... each of which folded n elements.
  virtual void finish(const char* acc, int64_t count, int64_t n, int64_t out0) = 0;

  const int in_size, acc_size;
};

// The tensor to reduce, seen as outer x (n2 x mid x) n x inner in memory order; reduced are n and n2
// (mid = n2 = 1 nearly always).
struct ReducePlan {
  Tensor src;
  int64_t outer = 1, n2 = 1, mid = 1, n = 1, inner = 1;
  IntVec sizes;       // of the result
  IntVec kept_order;  // memory order of the kept dims, if it is not their own
  IntVec kept_sizes;  // sizes of the kept dims in memory order

  int64_t reduced() const { return n * n2; }
  // An output to be filled in memory order, and the same brought to `sizes`.
  Tensor make_output(DType dtype) const;
  Tensor done(const Tensor& filled) const;
};

// InOrder: the index along the reduced dims matters, so they keep their own order. Pairs: a complex
// tensor as its real and imaginary parts, which become an inner dim of size 2 (n2 stays 1).
enum class PlanFor : uint8_t { Any, InOrder, Pairs };

// `mask` has a bit for every reduced dim.
ReducePlan make_plan(const Tensor& self, uint64_t mask, bool keepdim, PlanFor use = PlanFor::Any);

void run_reduction(Reducer& reducer, const ReducePlan& plan);

// Gives a Reducer of float the elements of a half type, widened a block at a time.
class Widened final : public Reducer {
 public:
  Widened(Reducer& inner, DType from) : Reducer(2, inner.acc_size), inner_(inner), from_(from) {}
  void rows(const char* x, int64_t rows, int64_t n, const RowSite& site, char* acc) override;
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t k0, int64_t out0, char* acc) override;
  void merge(char* a, int64_t na, const char* b, int64_t nb, int64_t count) override {
    inner_.merge(a, na, b, nb, count);
  }
  void identity(char* acc, int64_t count) override { inner_.identity(acc, count); }
  void finish(const char* acc, int64_t count, int64_t n, int64_t out0) override { inner_.finish(acc, count, n, out0); }

 private:
  void widen(const char* x, float* to, int64_t n) const;
  Reducer& inner_;
  DType from_;
};

// run_reduction of a Reducer of float on a plan of float or of a half type.
void run_float_reduction(Reducer& reducer, const ReducePlan& plan);

// A mask of every dim.
inline uint64_t full_mask(const Tensor& t) { return t.ndim() ? ~uint64_t(0) >> (64 - t.ndim()) : 0; }

// IndexError where a reduction without identity meets an empty dim, as PyTorch's.
void check_nonempty(const Tensor& self, uint64_t mask, const char* op);

}  // namespace torchy::kernels
