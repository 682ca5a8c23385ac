// copy_, fill_, zero_, resize_, set_: operations that write into an existing tensor. Layer: autograd.
// Included by ops_gen.h so that they are called like every other operation.
#pragma once

#include "../core/tensor.h"

namespace torchy::ops {

void copy_(const Tensor& self, const Tensor& src);
void fill_(const Tensor& self, const Scalar& value);
void fill_(const Tensor& self, const Tensor& value);
void zero_(const Tensor& self);
void resize_(const Tensor& self, IntSpan size);
// Makes `self` another name for `source`'s memory, geometry and dtype.
void set_(const Tensor& self, const Tensor& source);
void detach_(const Tensor& self);
// transpose_, unsqueeze_ and the like: self takes the geometry and history of `view`, a view of itself.
void become_(const Tensor& self, const Tensor& view, const char* op);

}  // namespace torchy::ops
