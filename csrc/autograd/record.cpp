// Helpers of the generated recording functions. Layer: autograd.
#include "record.h"

#include "../core/promote.h"
#include "ops_gen.h"

namespace torchy {

void fill_undefined(Node* node, TensorList& grads) {
  for (uint32_t i = 0; i < grads.size() && i < node->num_inputs(); ++i)
    if (!grads[i].defined()) {
      const GradMeta& m = node->input_meta(i);
      grads[i] = zeros(m.sizes(), is_differentiable(m.dtype()) ? m.dtype() : DType::Float32);
    }
}

static void check_fits_inplace(const Tensor& self, const Tensor& result, const char* op) {
  TORCHY_CHECK(result.sizes() == self.sizes(), op, ": output with shape ", self.sizes(),
               " doesn't match the result's shape ", result.sizes(),
               "; an in-place operation cannot change the shape, use the out-of-place form");
  TORCHY_CHECK(can_cast(result.dtype(), self.dtype()), op, ": result type ", scalar_type_name(result.dtype()),
               " can't be cast to the desired output type ", scalar_type_name(self.dtype()),
               "; use the out-of-place form");
}

void write_inplace(const Tensor& self, const Tensor& result, const char* op) {
  check_fits_inplace(self, result, op);
  TORCHY_CHECK(!has_internal_overlap(self), op,
               ": unsupported operation: more than one element of the written-to "
               "tensor refers to a single memory location. Please clone() the tensor before performing the operation.");
  Tensor target = self;
  kernels::copy_into(target, result);
}

void inplace_from(const Tensor& self, const Tensor& result, const char* op) {
  check_fits_inplace(self, result, op);
  ops::copy_(self, result);
}

}  // namespace torchy
