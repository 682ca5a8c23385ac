// Element-by-element operations: one driver for all of them, chosen by the name of the operation.
// Layer: kernels. The list of operations is pointwise_list.inc; their formulas pointwise_*.inc.
#pragma once

#include "../core/promote.h"
#include "../core/tensor.h"

namespace torchy::kernels {

enum class Pw : uint16_t {
#define X(name, ...) name,
#include "pointwise_list.inc"
#undef X
  count_
};

// The name of the operation in the table (and in error texts).
const char* pointwise_name(Pw op);
// The dtype of op's result, after promotion (NotImplementedError if op has no such dtype).
DType pointwise_result_dtype(Pw op, std::initializer_list<const Operand*> operands);

// A new contiguous tensor. `params` are the schema's parameters that are not tensors or operands,
// in its order (at most 4). At least one operand must be a tensor, or the result is a 0-d tensor.
Tensor pointwise1(Pw op, const Tensor& a, const Scalar* params = nullptr, int nparams = 0);
Tensor pointwise2(Pw op, const Operand& a, const Operand& b, const Scalar* params = nullptr, int nparams = 0);
Tensor pointwise3(Pw op, const Operand& a, const Operand& b, const Operand& c, const Scalar* params = nullptr,
                  int nparams = 0);

// The same written into `out`, which keeps its shape and dtype and may be one of the operands or
// overlap them. Versions are the caller's matter.
void pointwise1_into(Pw op, Tensor& out, const Tensor& a, const Scalar* params = nullptr, int nparams = 0);
void pointwise2_into(Pw op, Tensor& out, const Operand& a, const Operand& b, const Scalar* params = nullptr,
                     int nparams = 0);
void pointwise3_into(Pw op, Tensor& out, const Operand& a, const Operand& b, const Operand& c,
                     const Scalar* params = nullptr, int nparams = 0);

}  // namespace torchy::kernels
