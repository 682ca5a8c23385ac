// One optimizer step over one parameter, on raw contiguous memory: SGD and Adam(W).
// Layer: kernels. No tensors here: the binding unpacks lists, steps and versions, and may split a
// large parameter into ranges (every element is independent). A complex parameter of n elements is
// a real one of 2n.
#pragma once

#include <cstdint>

namespace torchy {

struct SgdOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, maximize = false;
};

// With momentum, `buf` is the momentum buffer; without, it is not read and may be null. The first
// step with momentum, which makes the buffer from the gradient, is the caller's.
void sgd_step(float* param, const float* grad, float* buf, int64_t n, const SgdOptions& options);
void sgd_step(double* param, const double* grad, double* buf, int64_t n, const SgdOptions& options);

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool maximize = false;
  bool decoupled = false;  // weight decay as in AdamW
};

// `step` is the number of this step, counted from 1. `max_exp_avg_sq` is null without AMSGrad.
void adam_step(float* param, const float* grad, float* exp_avg, float* exp_avg_sq, float* max_exp_avg_sq, int64_t n,
               double step, const AdamOptions& options);
void adam_step(double* param, const double* grad, double* exp_avg, double* exp_avg_sq, double* max_exp_avg_sq,
               int64_t n, double step, const AdamOptions& options);

}  // namespace torchy
