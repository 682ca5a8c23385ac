// What the topics' binding files share: tensors as nanobind arguments, and their entry points. Layer: python.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "tensor_object.h"

namespace torchy::python {

void bind_autograd(nanobind::module_& m);
void bind_random(nanobind::module_& m);
void bind_runtime(nanobind::module_& m);
void bind_function(nanobind::module_& m);
void bind_optim(nanobind::module_& m);
void bind_transforms(nanobind::module_& m);
void bind_watch(nanobind::module_& m);

// Errors of the core become Python exceptions inside nanobind functions.
void register_errors();

}  // namespace torchy::python

namespace nanobind::detail {

// Tensor <-> torchy.Tensor; None is an undefined tensor.
template <>
struct type_caster<torchy::Tensor> {
  NB_TYPE_CASTER(torchy::Tensor, const_name("Tensor"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept {
    if (src.is_none()) {
      value = torchy::Tensor();
      return true;
    }
    if (!torchy::python::is_tensor(src.ptr())) return false;
    value = torchy::python::unwrap(src.ptr());
    return true;
  }
  static handle from_cpp(const torchy::Tensor& t, rv_policy, cleanup_list*) noexcept {
    TORCHY_TRY
    return torchy::python::wrap(t);
    TORCHY_CATCH(handle())
  }
};

}  // namespace nanobind::detail
