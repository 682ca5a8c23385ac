// The driver of all block functions: broadcasting, strides, conversion, blocks in L1, threads.
// Layer: kernels, private to pointwise*.cpp.
#pragma once

#include "pointwise_loops.h"

namespace torchy::kernels {

constexpr int kMaxDims = 64;

// Operand 0 is the result, 1 to 3 the inputs.
struct PwOperand {
  char* data;                          // first element
  DType stored, loop;                  // dtype in memory, and what the loop takes
  bool one;                            // the same element everywhere, already in the loop's dtype
  bool flat;                           // contiguous in the iteration's order
  alignas(16) unsigned char slot[16];  // where a number or converted element lives
  int64_t step[kMaxDims];              // bytes, per dim of the iteration
};

struct PwPlan {
  PwLoops loops;
  PwContext context;
  int inputs, cost, ndim;
  bool fresh;  // the result overlaps no input
  int64_t total;
  int64_t sizes[kMaxDims];
  PwOperand operands[4];

  void set_tensor(int i, const TensorImpl* t, DType loop, IntSpan shape);
  void set_number(int i, const Scalar& s, DType loop);
};

// Elements per piece of work that is worth another thread, by cost.
inline int64_t pointwise_grain(int cost) { return cost == 1 ? 32768 : cost == 2 ? 8192 : 2048; }

// Contiguous operands, or single elements (step 0) for which `loop` is the right variant.
struct FlatCall {
  PwLoop loop;
  char* out;
  int64_t out_step;
  const char* in[3];
  int64_t step[3];
  const PwContext* context;
  int cost;
  bool fresh;  // out overlaps no input

  void run(int64_t begin, int64_t end) const {
    loop(out + begin * out_step, in[0] + begin * step[0], in[1] + begin * step[1], in[2] + begin * step[2], end - begin,
         *context);
  }
};
// n elements over threads; large fresh results bypass the caches.
void pointwise_flat(const FlatCall& call, int64_t n);

// Runs the plan, whose dims are those of the result and are merged here where they can be.
void pointwise_run(PwPlan& plan);

// n elements, steps in bytes, converted from one dtype to another.
using StridedConvert = void (*)(char* out, int64_t out_step, const char* in, int64_t in_step, int64_t n);
StridedConvert strided_convert(DType from, DType to);

}  // namespace torchy::kernels
