// Two cycles that counting references never frees: leaf -> .grad -> nodes -> saved leaf, which
// backward(create_graph=True) makes, and x -> new history -> node -> saved x, after x.add_(x * x). This finds them once
// nothing outside holds them. Layer: autograd.
#pragma once

#include "meta.h"

namespace torchy {

extern bool any_recorded_grad;  // a leaf has, or had lately, a gradient with a history

void note_recorded_grad(AutogradMeta* leaf);
void note_shared_change(AutogradMeta* changed);
void forget_recorded_grad(AutogradMeta* leaf);
// A recorded tensor has lost its Python wrapper: looks for garbage cycles. Where the last look walked a large graph
// in vain, only after as many such events again, unless `now`.
void look_for_cycles(bool now);
// Is t a leaf with a recorded gradient, or such a gradient?
inline bool may_end_cycle(const TensorImpl* t) {
  return t->has(kRecordedGrad) || (meta_of(t) && meta_of(t)->had_recorded_grad);
}

}  // namespace torchy
