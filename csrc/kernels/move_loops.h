// The inner loops that move elements (copies, transposes, conversions, ramps), as a table of function
// pointers: one table for each x86-64 level, chosen once. Layer: kernels; raw memory only.
#pragma once

#include <cstdint>

#include "../core/dtype.h"

namespace torchy::kernels {

struct MoveLoops {
  // n elements from stride ss to stride ds, both in bytes, of any sign; ss may be 0.
  void (*copy[5])(char* d, int64_t ds, const char* s, int64_t ss, int64_t n);
  // d[r][c] = s[c][r]: d dense along columns, s along rows; strides of the other dim in bytes.
  void (*transpose[5])(char* d, int64_t d_row, const char* s, int64_t s_col, int64_t rows, int64_t cols);
  // n contiguous elements converted.
  void (*convert)(void* dst, DType dst_dtype, const void* src, DType src_dtype, int64_t n);
  // out[i] = base + step * (first + i), or minus i if `down`; n <= 2^31.
  void (*ramp)(double* out, double base, double step, double first, bool down, int64_t n);
  void (*ramp_int)(int64_t* out, int64_t first, int64_t step, int64_t n);
};

const MoveLoops& move_loops();

// Index of an element width (1, 2, 4, 8 or 16) in the tables above.
inline int width_index(int64_t width) { return __builtin_ctzll(static_cast<uint64_t>(width)); }

// The builds, one for each level; a machine that is not x86-64 has the first only.
const MoveLoops& move_loops_v2();
const MoveLoops& move_loops_v3();
const MoveLoops& move_loops_v4();

}  // namespace torchy::kernels
