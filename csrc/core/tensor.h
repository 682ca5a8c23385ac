// TensorImpl (a strided view of a storage) and Tensor (its counted handle).
// Layer: core. Knows nothing of recording: autograd hangs its own data on `meta`.
#pragma once

#include <optional>
#include <vector>

#include "dtype.h"
#include "error.h"
#include "intvec.h"
#include "scalar.h"
#include "storage.h"

namespace torchy {

// What autograd hangs on a tensor; null for tensors that never need gradients.
class TensorMeta {
 public:
  virtual ~TensorMeta() = default;
};

enum TensorFlag : uint16_t {
  kContiguousFlag = 1,
  kWrappedNumber = 2,     // a Python number made a 0-d tensor: weakest in promotion
  kParameter = 4,         // isinstance(t, nn.Parameter)
  kNoGradView = 8,        // a view made under no_grad
  kMultiOutputView = 16,  // one of several views of one call (split, unbind, chunk)
  kInferenceTensor = 32,
  kOwnsPython = 64,        // this object keeps its Python wrapper alive, not the reverse
  kUnversioned = 128,      // `.data`: writing through it does not count as a change
  kDetached = 256,         // made by detach() or .data, for the error of a backward from it
  kMadeWithoutGrad = 512,  // made under no_grad, likewise
  kBatched = 1024,         // what vmap shows the user: a tensor without its batch dim
  kRecordedGrad = 4096,    // a .grad with a history
  kPacked = 2048,          // stands for a saved tensor that the user's hooks packed
};

class TensorImpl {
 public:
  static constexpr int kInlineDims = 5;

  static TensorImpl* make(DType dtype, Storage* storage, int64_t offset, IntSpan sizes, IntSpan strides);
  // Contiguous sizes: strides and numel are computed here.
  static TensorImpl* make_contiguous(DType dtype, Storage* storage, IntSpan sizes);
  // Contiguous with the geometry of `like`, which is contiguous too.
  static TensorImpl* make_like(DType dtype, Storage* storage, const TensorImpl* like);

  void retain() { ++refcount_; }
  void release() {
    if (--refcount_ == 0) destroy();
  }
  uint32_t use_count() const { return refcount_; }

  DType dtype() const { return dtype_; }
  int ndim() const { return ndim_; }
  int64_t numel() const { return numel_; }
  int64_t offset() const { return offset_; }
  const int64_t* sizes_data() const { return dims_; }
  const int64_t* strides_data() const { return dims_ + ndim_; }
  IntSpan sizes() const { return {dims_, size_t(ndim_)}; }
  IntSpan strides() const { return {dims_ + ndim_, size_t(ndim_)}; }
  Storage* storage() const { return storage_; }
  char* data() const { return storage_->data() + offset_ * itemsize(dtype_); }
  bool has(uint16_t flag) const { return flags & flag; }
  void set(uint16_t flag, bool on = true) { flags = on ? (flags | flag) : (flags & ~flag); }
  bool is_contiguous() const { return flags & kContiguousFlag; }
  void bump_version() {
    if (!(flags & kUnversioned)) storage_->bump_version();
  }
  uint32_t version() const { return storage_->version(); }

  // For resize_, set_ and `.data =`: replaces the geometry (and storage, when given) in place.
  void set_geometry(IntSpan sizes, IntSpan strides, int64_t offset);
  void set_storage(Storage* storage, DType dtype);

  TensorMeta* meta = nullptr;
  TensorImpl* base = nullptr;  // the tensor this one is a differentiable view of; counted
  void* python = nullptr;      // the Python wrapper, borrowed unless kOwnsPython
  uint16_t flags = 0;

 private:
  friend struct TensorPool;
  TensorImpl() = default;
  void destroy();
  void reserve_dims(int ndim);
  void finish_geometry();

  DType dtype_;
  uint8_t ndim_ = 0;
  uint32_t refcount_ = 1;
  int64_t numel_ = 0;
  int64_t offset_ = 0;
  Storage* storage_ = nullptr;
  int64_t* dims_ = inline_dims_;  // sizes, then strides
  int64_t inline_dims_[2 * kInlineDims];
};

// Called when an impl that owns its Python wrapper dies. Set by the binding.
extern void (*release_python_wrapper)(void* wrapper);
int64_t live_tensor_count();

class Tensor {
 public:
  Tensor() = default;
  Tensor(const Tensor& o) : p_(o.p_) {
    if (p_) p_->retain();
  }
  Tensor(Tensor&& o) noexcept : p_(o.p_) { o.p_ = nullptr; }
  Tensor& operator=(const Tensor& o) {
    if (o.p_) o.p_->retain();
    if (p_) p_->release();
    p_ = o.p_;
    return *this;
  }
  Tensor& operator=(Tensor&& o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Tensor() {
    if (p_) p_->release();
  }
  static Tensor steal(TensorImpl* p) { return Tensor(p, 0); }
  static Tensor borrow(TensorImpl* p) {
    if (p) p->retain();
    return Tensor(p, 0);
  }
  TensorImpl* leak() {
    TensorImpl* p = p_;
    p_ = nullptr;
    return p;
  }
  void reset() { Tensor().swap(*this); }
  void swap(Tensor& o) noexcept { std::swap(p_, o.p_); }

  bool defined() const { return p_ != nullptr; }
  explicit operator bool() const { return p_ != nullptr; }
  TensorImpl* impl() const { return p_; }
  TensorImpl* operator->() const { return p_; }
  bool is_same(const Tensor& o) const { return p_ == o.p_; }

  DType dtype() const { return p_->dtype(); }
  int64_t ndim() const { return p_->ndim(); }
  int64_t numel() const { return p_->numel(); }
  IntSpan sizes() const { return p_->sizes(); }
  IntSpan strides() const { return p_->strides(); }
  int64_t offset() const { return p_->offset(); }
  // Size or stride of a dim, which may be negative and is checked.
  int64_t size(int64_t dim) const;
  int64_t stride(int64_t dim) const;
  bool is_contiguous() const { return p_->is_contiguous(); }
  bool is_complex() const { return torchy::is_complex(p_->dtype()); }
  bool is_floating_point() const { return is_float(p_->dtype()); }
  Storage* storage() const { return p_->storage(); }
  char* raw() const { return p_->data(); }
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(p_->data());
  }

 private:
  Tensor(TensorImpl* p, int) : p_(p) {}
  TensorImpl* p_ = nullptr;
};

using TensorList = std::vector<Tensor>;

// New contiguous tensors. `empty` is uninitialised.
Tensor empty(IntSpan sizes, DType dtype);
Tensor zeros(IntSpan sizes, DType dtype);
Tensor empty_like(const Tensor& t);  // contiguous, same sizes and dtype
Tensor empty_like(const Tensor& t, DType dtype);
Tensor scalar_tensor(const Scalar& s, DType dtype);  // 0-d
// Another tensor on t's storage, NOT a differentiable view (base stays null).
Tensor alias(const Tensor& t, IntSpan sizes, IntSpan strides, int64_t offset);
Tensor alias(const Tensor& t);
// A differentiable view: alias whose base is t (or t's base).
Tensor make_view(const Tensor& t, IntSpan sizes, IntSpan strides, int64_t offset);

int64_t numel_of(IntSpan sizes);  // checks overflow and negative sizes
IntVec contiguous_strides(IntSpan sizes);

// A number as a 0-d tensor that promotes like the number it is.
Tensor wrap_number(const Scalar& s);

// A tensor or a number: what arithmetic takes on either side. Borrows the tensor.
class Operand {
 public:
  Operand(const Tensor& t) : t_(t.impl()) {}
  Operand(TensorImpl* t) : t_(t) {}
  Operand(const Scalar& s) : s_(s) {}
  Operand(const std::optional<Scalar>& s) : s_(s.value()) {}
  Operand(double d) : s_(d) {}
  Operand(int64_t i) : s_(i) {}
  Operand(int i) : s_(i) {}
  Operand(c128 c) : s_(c) {}
  bool is_tensor() const { return t_ != nullptr; }
  TensorImpl* impl() const { return t_; }
  const Scalar& scalar() const { return s_; }
  Tensor tensor() const { return Tensor::borrow(t_); }
  operator Tensor() const { return t_ ? Tensor::borrow(t_) : wrap_number(s_); }

 private:
  TensorImpl* t_ = nullptr;
  Scalar s_;
};

}  // namespace torchy
