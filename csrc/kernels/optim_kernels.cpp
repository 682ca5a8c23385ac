// optim_kernels.inc built for each x86-64 level and for float and double, and the choice among
// them at run time. Layer: kernels.
#include "optim_kernels.h"

#include <cmath>

namespace torchy {
namespace {

namespace base {
namespace f32 {
using T = float;
#define SQRT __builtin_sqrtf
#include "optim_kernels.inc"
#undef SQRT
}  // namespace f32
namespace f64 {
using T = double;
#define SQRT __builtin_sqrt
#include "optim_kernels.inc"
#undef SQRT
}  // namespace f64
}  // namespace base

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TORCHY_OPTIM_LEVELS 1

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace v3 {
namespace f32 {
using T = float;
#define SQRT __builtin_sqrtf
#include "optim_kernels.inc"
#undef SQRT
}  // namespace f32
namespace f64 {
using T = double;
#define SQRT __builtin_sqrt
#include "optim_kernels.inc"
#undef SQRT
}  // namespace f64
}  // namespace v3
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace v4 {
namespace f32 {
using T = float;
#define SQRT __builtin_sqrtf
#include "optim_kernels.inc"
#undef SQRT
}  // namespace f32
namespace f64 {
using T = double;
#define SQRT __builtin_sqrt
#include "optim_kernels.inc"
#undef SQRT
}  // namespace f64
}  // namespace v4
#pragma GCC pop_options
#endif

using SgdF32 = decltype(&base::f32::sgd);
using SgdF64 = decltype(&base::f64::sgd);
using AdamF32 = decltype(&base::f32::adam);
using AdamF64 = decltype(&base::f64::adam);

struct Table {
  SgdF32 sgd_f32 = base::f32::sgd;
  SgdF64 sgd_f64 = base::f64::sgd;
  AdamF32 adam_f32 = base::f32::adam;
  AdamF64 adam_f64 = base::f64::adam;
};

Table pick() {
  Table table;
#ifdef TORCHY_OPTIM_LEVELS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) {
    table = {v4::f32::sgd, v4::f64::sgd, v4::f32::adam, v4::f64::adam};
  } else if (__builtin_cpu_supports("x86-64-v3")) {
    table = {v3::f32::sgd, v3::f64::sgd, v3::f32::adam, v3::f64::adam};
  }
#endif
  return table;
}

const Table kTable = pick();

}  // namespace

void sgd_step(float* param, const float* grad, float* buf, int64_t n, const SgdOptions& options) {
  kTable.sgd_f32(param, grad, buf, n, options);
}

void sgd_step(double* param, const double* grad, double* buf, int64_t n, const SgdOptions& options) {
  kTable.sgd_f64(param, grad, buf, n, options);
}

void adam_step(float* param, const float* grad, float* exp_avg, float* exp_avg_sq, float* max_exp_avg_sq, int64_t n,
               double step, const AdamOptions& options) {
  kTable.adam_f32(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, n, step, options);
}

void adam_step(double* param, const double* grad, double* exp_avg, double* exp_avg_sq, double* max_exp_avg_sq,
               int64_t n, double step, const AdamOptions& options) {
  kTable.adam_f64(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, n, step, options);
}

}  // namespace torchy
