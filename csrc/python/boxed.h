// Arguments of intercepted operations as Python objects. Layer: python.
#pragma once

#include "../autograd/intercept.h"
#include "tensor_object.h"

namespace torchy::python {

Ref to_python(const Boxed& b);
Ref to_python(const Arguments& args);   // a tuple
Ref to_python(const TensorList& list);  // a tuple; None for undefined

// The user's Python lines, innermost first, as a tuple (code, line, code, line, ...).
Ref user_frames();

}  // namespace torchy::python
