// Forward mode: tangents hang on tensors, one per open level. An operation computes the tangent of its innermost
// level by its jvp rule while that level is invisible, so that outer levels and the tape see the rule's own
// operations. Layer: autograd.
#pragma once

#include "saved.h"

namespace torchy {

uint32_t enter_forward_level();
// Drops every tangent of the level. RuntimeError unless it is the innermost one.
void exit_forward_level(uint32_t level);
uint32_t innermost_forward_level();  // 0: none is open in this thread

// The tangent of t at a level; undefined if it has none. A view finds that of its base.
Tensor tangent_at(const Tensor& t, uint32_t level);
// The innermost visible level at which t has a tangent; 0: none.
uint32_t forward_level_of(const TensorImpl* t);
void set_tangent(const Tensor& t, uint32_t level, Tensor tangent);
bool has_tangents(const Tensor& t);  // of its own, at any level
void drop_tangents(TensorImpl* t);
// The same tangent for what the node that made `result` saved of it.
void give_to_saved(const Tensor& result, uint32_t level, const Tensor& tangent);
void forget_tangents(AutogradMeta* meta);
// Writes the tangent of an in-place change of t into the tangent t has, or gives it one.
void write_tangent(const Tensor& t, uint32_t level, const Tensor& tangent);
// All tangents of `from` (shared) for another tensor of the same geometry.
void share_tangents(const Tensor& from, const Tensor& to);

std::vector<uint32_t> visible_forward_levels();  // of this thread, outermost first
// `tangent` in the dtype and layout of t, at a level. RuntimeError for another shape.
Tensor fitted_tangent(const Tensor& t, const Tensor& tangent, uint32_t level);
Tensor make_dual(const Tensor& primal, const Tensor& tangent, uint32_t level);
Tensor primal_of(const Tensor& dual, uint32_t level);

// While it lives, the levels from `level` on are invisible. What generated jvp rules use.
class Forward {
 public:
  explicit Forward(uint32_t level);
  ~Forward();
  Forward(const Forward&) = delete;

  Tensor tangent(const Tensor& t) const { return t.defined() ? tangent_at(t, level_) : t; }
  Tensor tangent(const Operand& o) const { return o.is_tensor() ? tangent_at(o.tensor(), level_) : Tensor(); }
  Tensor or_zeros(const Tensor& t) const;
  Tensor or_zeros(const Operand& o) const { return or_zeros(as_tensor(o)); }
  TensorList or_zeros(const TensorList& list) const;
  // For rules linear in all arguments: a missing tangent is the number 0, which broadcasts.
  Value or_zero(const Operand& o) const;

  // A real tangent of a complex result as complex: rules conjugate by what they see.
  Tensor as_result(const Tensor& tangent, const Tensor& result) const;
  // The tangent of a result, in the result's shape and dtype.
  void set(const Tensor& result, Tensor tangent) const;
  void set(const TensorList& results, const TensorList& tangents) const;

 private:
  uint32_t level_, saved_cap_, saved_flags_;
};

// Sums of terms of which some are missing.
void add_term(Tensor& sum, Tensor term);

}  // namespace torchy
