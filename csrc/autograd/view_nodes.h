// Histories of views: the node of a view regenerated from its base, and in-place changes through views.
// Layer: autograd.
#pragma once

#include "meta.h"

namespace torchy {

// A fresh node from the view's geometry to its base's gradient edge.
NodeRef make_view_node(TensorImpl* view);
// The node that replaces the base's history after `fn` changed `view` in place.
NodeRef make_copy_slices(const Tensor& base, const Tensor& view, NodeRef fn);

}  // namespace torchy
