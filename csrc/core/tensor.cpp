// Tensor objects: pool, geometry, creation. Layer: core.
#include "tensor.h"

#include <new>

#include "shape.h"

namespace torchy {

void (*release_python_wrapper)(void* wrapper) = nullptr;

struct TensorPool {
  TensorImpl* slots[kPoolLimit + 1];
  int count = 0;
  int64_t live = 0;

  TensorImpl* take() {
    ++live;
    void* p = count ? static_cast<void*>(slots[--count]) : ::operator new(sizeof(TensorImpl));
    return new (p) TensorImpl;  // not (): that would zero the dims too
  }
  void give(TensorImpl* p) {
    --live;
    if (count < kPoolLimit) slots[count++] = p;
    else ::operator delete(p);
  }
};
static TensorPool pool;

int64_t live_tensor_count() { return pool.live; }

void TensorImpl::reserve_dims(int ndim) {
  if (dims_ != inline_dims_) delete[] dims_;
  dims_ = ndim <= kInlineDims ? inline_dims_ : new int64_t[2 * size_t(ndim)];
  ndim_ = static_cast<uint8_t>(ndim);
}

namespace {
// Sizes beside a 0 may multiply to anything: numel is 0 all the same.
int64_t wrapping_mul(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
}  // namespace

void TensorImpl::finish_geometry() {
  int64_t n = 1, expected = 1;
  bool contiguous = true;
  for (int i = ndim_ - 1; i >= 0; --i) {
    int64_t size = dims_[i];
    if (size != 1) {
      contiguous = contiguous && dims_[ndim_ + i] == expected;
      expected = wrapping_mul(expected, size);
    }
    n = wrapping_mul(n, size);
  }
  numel_ = n;
  set(kContiguousFlag, contiguous || n == 0);
}

TensorImpl* TensorImpl::make(DType dtype, Storage* storage, int64_t offset, IntSpan sizes, IntSpan strides) {
  TensorImpl* t = pool.take();
  t->dtype_ = dtype;
  t->storage_ = storage;
  t->offset_ = offset;
  t->reserve_dims(static_cast<int>(sizes.size()));
  std::copy(sizes.begin(), sizes.end(), t->dims_);
  std::copy(strides.begin(), strides.end(), t->dims_ + t->ndim_);
  t->finish_geometry();
  return t;
}

TensorImpl* TensorImpl::make_contiguous(DType dtype, Storage* storage, IntSpan sizes) {
  TensorImpl* t = pool.take();
  t->dtype_ = dtype;
  t->storage_ = storage;
  int n = static_cast<int>(sizes.size());
  t->reserve_dims(n);
  int64_t running = 1, numel = 1;
  for (int i = n - 1; i >= 0; --i) {
    t->dims_[i] = sizes[size_t(i)];
    t->dims_[n + i] = running;
    numel = wrapping_mul(numel, sizes[size_t(i)]);
    running = wrapping_mul(running, std::max<int64_t>(sizes[size_t(i)], 1));
  }
  t->numel_ = numel;
  t->flags = kContiguousFlag;
  return t;
}

TensorImpl* TensorImpl::make_like(DType dtype, Storage* storage, const TensorImpl* like) {
  TensorImpl* t = pool.take();
  t->dtype_ = dtype;
  t->storage_ = storage;
  t->reserve_dims(like->ndim_);
  std::copy(like->dims_, like->dims_ + 2 * like->ndim_, t->dims_);
  t->numel_ = like->numel_;
  t->flags = kContiguousFlag;
  return t;
}

void TensorImpl::set_geometry(IntSpan sizes, IntSpan strides, int64_t offset) {
  IntVec s(sizes), st(strides);  // the arguments may point into dims_
  reserve_dims(static_cast<int>(s.size()));
  std::copy(s.begin(), s.end(), dims_);
  std::copy(st.begin(), st.end(), dims_ + ndim_);
  offset_ = offset;
  finish_geometry();
}

void TensorImpl::set_storage(Storage* storage, DType dtype) {
  storage->retain();
  storage_->release();
  storage_ = storage;
  dtype_ = dtype;
}

void TensorImpl::destroy() {
  if (flags & kOwnsPython) {
    void* wrapper = python;
    python = nullptr;
    flags &= static_cast<uint16_t>(~kOwnsPython);
    release_python_wrapper(wrapper);
  }
  if (meta) {
    TensorMeta* m = meta;
    meta = nullptr;
    delete m;
  }
  if (base) base->release();
  storage_->release();
  if (dims_ != inline_dims_) delete[] dims_;
  pool.give(this);
}

int64_t Tensor::size(int64_t dim) const { return sizes()[size_t(wrap_dim(dim, ndim()))]; }
int64_t Tensor::stride(int64_t dim) const { return strides()[size_t(wrap_dim(dim, ndim()))]; }

int64_t numel_of(IntSpan sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) {
    TORCHY_CHECK(s >= 0, "empty: size ", s, " in ", sizes, " is negative; sizes must be at least 0");
    TORCHY_CHECK(!__builtin_mul_overflow(n, s, &n), "empty: sizes ", sizes,
                 " have more elements than memory can address; use smaller sizes");
  }
  return n;
}

IntVec contiguous_strides(IntSpan sizes) {
  IntVec strides(sizes.size());
  int64_t running = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    strides[i] = running;
    running = wrapping_mul(running, std::max<int64_t>(sizes[i], 1));
  }
  return strides;
}

Tensor wrap_number(const Scalar& s) {
  DType d = s.is_complex() ? DType::Complex128
            : s.is_float() ? DType::Float64
            : s.is_bool()  ? DType::Bool
                           : DType::Int64;
  Tensor t = scalar_tensor(s, d);
  t->set(kWrappedNumber);
  return t;
}

static Tensor allocate(IntSpan sizes, DType dtype, bool zeroed) {
  TORCHY_CHECK(sizes.size() <= 64, "empty: ", sizes.size(), " dimensions; at most 64 are supported");
  int64_t nbytes;
  TORCHY_CHECK(!__builtin_mul_overflow(numel_of(sizes), int64_t(itemsize(dtype)), &nbytes), "empty: sizes ", sizes,
               " need more bytes than memory can address; use smaller sizes");
  Storage* s = Storage::allocate(size_t(nbytes), zeroed);
  return Tensor::steal(TensorImpl::make_contiguous(dtype, s, sizes));
}

Tensor empty(IntSpan sizes, DType dtype) { return allocate(sizes, dtype, false); }
Tensor zeros(IntSpan sizes, DType dtype) { return allocate(sizes, dtype, true); }

Tensor empty_like(const Tensor& t, DType dtype) {
  if (!t.is_contiguous()) return empty(t.sizes(), dtype);
  Storage* s = Storage::allocate(size_t(t.numel() * itemsize(dtype)));
  return Tensor::steal(TensorImpl::make_like(dtype, s, t.impl()));
}
Tensor empty_like(const Tensor& t) { return empty_like(t, t.dtype()); }

Tensor scalar_tensor(const Scalar& s, DType dtype) {
  Tensor t = empty({}, dtype);
  s.store(dtype, t.raw());
  return t;
}

Tensor alias(const Tensor& t, IntSpan sizes, IntSpan strides, int64_t offset) {
  t.storage()->retain();
  Tensor r = Tensor::steal(TensorImpl::make(t.dtype(), t.storage(), offset, sizes, strides));
  r->set(t->flags & (kInferenceTensor | kUnversioned));
  return r;
}
Tensor alias(const Tensor& t) { return alias(t, t.sizes(), t.strides(), t.offset()); }

Tensor make_view(const Tensor& t, IntSpan sizes, IntSpan strides, int64_t offset) {
  Tensor r = alias(t, sizes, strides, offset);
  TensorImpl* base = t->base ? t->base : t.impl();
  base->retain();
  r->base = base;
  r->set(t->flags & (kNoGradView | kMultiOutputView));
  return r;
}

}  // namespace torchy
