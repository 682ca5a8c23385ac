// What nodes keep for their rules: tensors (with the version they had), operands, lists. Layer: autograd.
#pragma once

#include <optional>

#include "meta.h"

namespace torchy {

// A tensor or a number held by value; what a rule sees for an Operand argument.
class Value {
 public:
  Value() = default;
  Value(Tensor t) : tensor_(std::move(t)) {}
  Value(const Scalar& s) : scalar_(s) {}
  bool is_tensor() const { return tensor_.defined(); }
  const Scalar& scalar() const { return scalar_; }
  const Tensor& held() const { return tensor_; }
  operator Operand() const { return tensor_.defined() ? Operand(tensor_) : Operand(scalar_); }
  operator Tensor() const { return to_tensor(); }
  // A number becomes a 0-d tensor that promotes like the number it is.
  Tensor to_tensor() const;

 private:
  Tensor tensor_;
  Scalar scalar_;
};
inline Tensor as_tensor(const Operand& o) { return static_cast<Tensor>(o); }

class SavedTensor {
 public:
  // An input of the operation.
  void save(const Tensor& t) {
    tensor_ = t;
    if (!t.defined()) return;
    version_ = t->version();
    TORCHY_CHECK(!t->has(kInferenceTensor), "Inference tensors cannot be saved for backward: this one, of shape ",
                 t.sizes(), ", was made under inference_mode; clone() it outside to get a normal tensor");
  }
  void save(const Tensor& t, bool wanted) {
    if (wanted) save(t);
  }
  // A result of the operation: saved without its history, which would be a cycle.
  void save_output(const Tensor& t, uint32_t nr);
  // Checks that the node was not freed and the memory not changed since.
  Tensor unpack(Node* owner) const;
  bool defined() const { return tensor_.defined(); }
  int64_t nbytes() const { return tensor_.defined() ? tensor_.numel() * itemsize(tensor_.dtype()) : 0; }
  void reset() { tensor_.reset(); }
  // Hands the tensor to the user's pack hook; what comes back stands in for it.
  void pack(Tensor (*packer)(const Tensor&));
  const Tensor& held() const { return tensor_; }
  int32_t output_nr() const { return output_nr_; }  // -1: of an input

 private:
  Tensor unpack_packed(Node* owner) const;
  Tensor with_history(Tensor t, Node* owner) const;
  Tensor tensor_;
  uint32_t version_ = 0;
  int32_t output_nr_ = -1;  // of a saved result
};

class SavedOperand {
 public:
  SavedTensor& saved() { return tensor_; }
  void save(const Operand& o) {
    if (o.is_tensor()) tensor_.save(o.tensor());
    else scalar_ = o.scalar();
    is_tensor_ = o.is_tensor();
  }
  void save(const Operand& o, bool wanted) {
    if (wanted) save(o);
  }
  Value unpack(Node* owner) const { return is_tensor_ ? Value(tensor_.unpack(owner)) : Value(scalar_); }
  void reset() { tensor_.reset(); }

 private:
  SavedTensor tensor_;
  Scalar scalar_;
  bool is_tensor_ = false;
};

class SavedList {
 public:
  std::vector<SavedTensor>& items() { return items_; }
  void save(const TensorList& list, bool wanted = true) {
    if (!wanted) return;
    items_.resize(list.size());
    for (size_t i = 0; i < list.size(); ++i) items_[i].save(list[i]);
  }
  TensorList unpack(Node* owner) const {
    TensorList out;
    out.reserve(items_.size());
    for (const SavedTensor& s : items_) out.push_back(s.unpack(owner));
    return out;
  }
  void reset() { items_.clear(); }

 private:
  std::vector<SavedTensor> items_;
};

// Sees everything a node keeps, by the name its rule has for it.
struct SavedVisitor {
  virtual ~SavedVisitor() = default;
  virtual void visit(const char* name, SavedTensor& saved) = 0;
  void operator()(const char* name, SavedTensor& saved) {
    if (saved.defined()) visit(name, saved);
  }
  void operator()(const char* name, SavedOperand& saved) { (*this)(name, saved.saved()); }
  void operator()(const char* name, SavedList& list) {
    for (SavedTensor& saved : list.items()) (*this)(name, saved);
  }
};

// Shape, dtype and kind of an argument whose values no rule reads (`self.shape` saves no tensor).
struct SavedShape {
  IntVec shape;
  DType dtype = DType::Float32;
  bool complex = false;
  int64_t ndim = 0, numel = 1;
  void save(const Tensor& t) {
    if (!t.defined()) return;
    shape = IntVec(t.sizes());
    dtype = t.dtype();
    complex = t.is_complex();
    ndim = t.ndim();
    numel = t.numel();
  }
  void save(const Operand& o) {
    if (o.is_tensor()) save(o.tensor());
  }
};

// Attribute access in rules, the same for live and saved things: x.shape, x.ndim, x.numel, x.dtype.
inline IntVec shape_of(const Tensor& t) { return IntVec(t.sizes()); }
inline IntVec shape_of(const Value& v) { return v.is_tensor() ? IntVec(v.held().sizes()) : IntVec(); }
inline IntVec shape_of(const Operand& v) { return v.is_tensor() ? IntVec(v.impl()->sizes()) : IntVec(); }
inline const IntVec& shape_of(const SavedShape& s) { return s.shape; }
inline int64_t ndim_of(const Tensor& t) { return t.ndim(); }
inline int64_t ndim_of(const SavedShape& s) { return s.ndim; }
inline int64_t ndim_of(const Value& v) { return v.is_tensor() ? v.held().ndim() : 0; }
inline int64_t ndim_of(const Operand& v) { return v.is_tensor() ? v.impl()->ndim() : 0; }
inline int64_t numel_of_value(const Tensor& t) { return t.numel(); }
inline int64_t numel_of_value(const SavedShape& s) { return s.numel; }
inline DType dtype_of(const Tensor& t) { return t.dtype(); }
inline DType dtype_of(const SavedShape& s) { return s.dtype; }
inline DType dtype_of(const Value& v) { return v.to_tensor().dtype(); }
inline DType dtype_of(const Operand& v) { return as_tensor(v).dtype(); }
inline bool is_complex_of(const Tensor& t) { return t.is_complex(); }
inline bool is_complex_of(const SavedShape& s) { return s.complex; }
inline bool is_complex_of(const Value& v) { return v.is_tensor() ? v.held().is_complex() : v.scalar().is_complex(); }
inline bool is_complex_of(const Operand& v) {
  return v.is_tensor() ? is_complex(v.impl()->dtype()) : v.scalar().is_complex();
}

// `x is not None` in rules.
inline bool has_value(const Tensor& t) { return t.defined(); }
template <class T>
bool has_value(const std::optional<T>& o) {
  return o.has_value();
}
inline bool has_value(const TensorList& l) { return !l.empty(); }

}  // namespace torchy
