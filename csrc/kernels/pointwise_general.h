// What is known of every operation (promotion, dtypes, cost), the table of loops, and the general
// path of pointwise calls. Layer: kernels, private to pointwise*.cpp.
#pragma once

#include "pointwise_driver.h"

namespace torchy::kernels {

enum class Promote : uint8_t { Arithmetic, Float, Compare, Logical, Bitwise, None, Mask, Fill };
enum class Result : uint8_t { Same, Bool, Real };

struct PwInfo {
  const char* name;
  int arity;
  Promote promote;
  const char* kinds;
  Result result;
  int cost;
};

inline constexpr PwInfo kInfo[] = {
#define X(name, arity, promote, kinds, result, cost) {#name, arity, Promote::promote, kinds, Result::result, cost},
#include "pointwise_list.inc"
#undef X
};

inline const PwInfo& info(Pw op) { return kInfo[static_cast<int>(op)]; }

extern PwTable pointwise_table;

// What the fast path needs to know, by operation and dtype.
struct FastTable {
  uint16_t allowed[kNumPw] = {};  // bit d: operands of dtype d run as they are
  DType result[kNumPw][kNumDTypes];
  FastTable();
};
extern const FastTable fast_ops;
inline const PwContext kNoParams{};

inline const PwLoops& loops_of(Pw op, DType d) {
  return pointwise_table.loops[static_cast<int>(op)][static_cast<int>(d)];
}
// Does op compute in this dtype, and what does it give?
bool supports(Pw op, DType d);
DType result_dtype(Pw op, DType compute);
// The dtype op computes in, after promotion; an error if it has none.
DType compute_dtype_of(Pw op, const Operand* operands, int n);

void store_number(DType d, const Scalar& s, unsigned char* out);
void fill_context(PwContext& context, DType loop, const Scalar* params, int nparams);
void check_alpha(Pw op, DType d, const Scalar& alpha);

// Any operands; `out` is written if defined, else made. `operands` has room for three and is
// changed.
void run_general(Pw op, Tensor& out, Operand* operands, int n, const Scalar* params, int nparams);
Tensor general(Pw op, Operand* operands, int n, const Scalar* params, int nparams);

}  // namespace torchy::kernels
