// The block function: one operation over n contiguous elements of one dtype, and the table of them.
// Layer: kernels, private to pointwise*.cpp. Strides, dtypes and threads are
// pointwise_driver.cpp's.
#pragma once

#include <cstdint>

#include "pointwise.h"

namespace torchy::kernels {

constexpr int kNumPw = static_cast<int>(Pw::count_);

// The parameters of one call, as elements of the loop's dtype and as doubles.
struct PwContext {
  alignas(16) unsigned char value[4][16];
  double number[4];
  mutable int failed = 0;  // set by a loop that met a zero divisor
};

// out may be one of the inputs, but not overlap them otherwise. A comparison writes bools.
using PwLoop = void (*)(char* out, const char* a, const char* b, const char* c, int64_t n, const PwContext& context);

// vv reads n elements of every input; vs only one of b, sv only one of a. The last two may be null.
struct PwLoops {
  PwLoop vv = nullptr, vs = nullptr, sv = nullptr;
};

// Conversion of contiguous elements, for the half types.
using PwConvert = void (*)(void* out, const void* in, int64_t n);

struct PwTable {
  PwLoops loops[kNumPw][kNumDTypes];
  // Copies whole cache lines to 64-byte aligned memory past the caches; null where that is not
  // possible.
  void (*stream)(char* out, const char* in, int64_t bytes);
  PwConvert half_to_float, float_to_half, bfloat_to_float, float_to_bfloat;

  void set(Pw op, DType d, PwLoop vv, PwLoop vs = nullptr, PwLoop sv = nullptr) {
    loops[static_cast<int>(op)][static_cast<int>(d)] = {vv, vs, sv};
  }
};

// float32, float64, int32 and int64 for one instruction set each.
void pointwise_fill_v2(PwTable& table);  // the only level where the machine is not x86-64
#if defined(__x86_64__)
void pointwise_fill_v3(PwTable& table);
void pointwise_fill_v4(PwTable& table);
#endif
// Built once: special functions, all integers' rarer operations, the small integers, complex.
void pointwise_fill_special(PwTable& table);
void pointwise_fill_int(PwTable& table);
void pointwise_fill_complex(PwTable& table);

}  // namespace torchy::kernels
