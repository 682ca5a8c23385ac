// Geometry: sizes, strides and offset of a view before it is one; one function per kind of view, shared
// by the view itself, its backward and its scatter. Layer: kernels; touches no elements.
#pragma once

#include <optional>

#include "../core/tensor.h"

namespace torchy::kernels {

// Sizes or strides on the stack: no heap and no memcpy call for the usual two or three dims.
class Dims {
 public:
  static constexpr size_t kMax = 64;
  Dims() {}
  Dims(IntSpan s) { assign(s); }
  Dims(const Dims& o) { assign(o); }
  Dims& operator=(const Dims& o) {
    assign(o);
    return *this;
  }
  operator IntSpan() const { return {v_, n_}; }

  size_t size() const { return n_; }
  bool empty() const { return n_ == 0; }
  int64_t* begin() { return v_; }
  int64_t* end() { return v_ + n_; }
  int64_t& operator[](size_t i) { return v_[i]; }
  int64_t operator[](size_t i) const { return v_[i]; }
  int64_t& back() { return v_[n_ - 1]; }
  int64_t back() const { return v_[n_ - 1]; }
  void resize(size_t n) {  // new entries are not set
    check(n);
    n_ = n;
  }
  void push_back(int64_t v) {
    check(n_ + 1);
    v_[n_++] = v;
  }
  void pop_back() { --n_; }
  void insert_at(size_t pos, int64_t v) {
    push_back(v);
    for (size_t i = n_ - 1; i > pos; --i) std::swap(v_[i], v_[i - 1]);
  }
  void erase_at(size_t pos) {
    --n_;
    for (size_t i = pos; i < n_; ++i) v_[i] = v_[i + 1];
  }

 private:
  static void check(size_t n) {
    TORCHY_CHECK(n <= kMax, "a tensor of ", n, " dimensions; at most ", kMax, " are supported");
  }
  void assign(IntSpan s) {
    check(s.size());
    n_ = s.size();
    for (size_t i = 0; i < n_; ++i) {
      v_[i] = s[i];
      asm("");  // keeps the compiler from making a call of memcpy out of two or three moves
    }
  }
  size_t n_ = 0;
  int64_t v_[kMax];
};

inline std::ostream& operator<<(std::ostream& out, const Dims& d) { return out << IntSpan(d); }

struct Geometry {
  Dims sizes, strides;
  int64_t offset = 0;

  Geometry() {}
  explicit Geometry(const Tensor& t) : sizes(t.sizes()), strides(t.strides()), offset(t.offset()) {}
  // A contiguous tensor of these sizes at offset 0.
  explicit Geometry(IntSpan shape) : sizes(shape), strides(contiguous_strides(shape)) {}
  void erase(size_t dim) {
    sizes.erase_at(dim);
    strides.erase_at(dim);
  }
  void push_back(int64_t size, int64_t stride) {
    sizes.push_back(size);
    strides.push_back(stride);
  }
  Tensor view_of(const Tensor& t) const { return make_view(t, sizes, strides, offset); }
  Tensor window_of(const Tensor& t) const { return torchy::alias(t, sizes, strides, offset); }
};

// Each changes g into the view of it, and returns it.
Geometry& select_geometry(Geometry& g, int64_t dim, int64_t index);
Geometry& slice_geometry(Geometry& g, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
                         int64_t step);
Geometry& diagonal_geometry(Geometry& g, int64_t offset, int64_t dim1, int64_t dim2);
Geometry& unfold_geometry(Geometry& g, int64_t dim, int64_t size, int64_t step);
Geometry& transpose_geometry(Geometry& g, int64_t dim0, int64_t dim1);

// The same on a temporary.
template <class... Args>
Geometry select_geometry(Geometry&& g, Args... args) {
  return select_geometry(g, args...);
}
template <class... Args>
Geometry slice_geometry(Geometry&& g, Args... args) {
  return slice_geometry(g, args...);
}
template <class... Args>
Geometry diagonal_geometry(Geometry&& g, Args... args) {
  return diagonal_geometry(g, args...);
}
template <class... Args>
Geometry unfold_geometry(Geometry&& g, Args... args) {
  return unfold_geometry(g, args...);
}

// dst += src elementwise; same shape and dtype. Runs in one thread and in a fixed order, so dst's
// elements may coincide.
void add_into(Tensor& dst, const Tensor& src);

}  // namespace torchy::kernels
