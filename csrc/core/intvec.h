// IntVec (a small vector of int64, inline up to 6) and IntSpan (a borrowed run of int64):
// how sizes, strides and dims travel through the core. Layer: core.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <ostream>
#include <vector>

namespace torchy {

class IntVec;

class IntSpan {
 public:
  IntSpan() = default;
  IntSpan(const int64_t* p, size_t n) : p_(p), n_(n) {}
  IntSpan(std::initializer_list<int64_t> l) : p_(l.begin()), n_(l.size()) {}
  IntSpan(const std::vector<int64_t>& v) : p_(v.data()), n_(v.size()) {}
  inline IntSpan(const IntVec& v);
  size_t size() const { return n_; }
  bool empty() const { return n_ == 0; }
  const int64_t* begin() const { return p_; }
  const int64_t* end() const { return p_ + n_; }
  const int64_t* data() const { return p_; }
  int64_t operator[](size_t i) const { return p_[i]; }
  int64_t back() const { return p_[n_ - 1]; }

 private:
  const int64_t* p_ = nullptr;
  size_t n_ = 0;
};

inline bool operator==(IntSpan a, IntSpan b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}
inline bool operator!=(IntSpan a, IntSpan b) { return !(a == b); }

class IntVec {
 public:
  IntVec() = default;
  explicit IntVec(size_t n, int64_t value = 0) { resize(n, value); }
  IntVec(std::initializer_list<int64_t> l) { assign(l.begin(), l.size()); }
  IntVec(IntSpan s) { assign(s.data(), s.size()); }
  IntVec(const IntVec& o) { assign(o.p_, o.n_); }
  IntVec(IntVec&& o) noexcept { steal(o); }
  IntVec& operator=(const IntVec& o) {
    if (this != &o) {
      n_ = 0;
      assign(o.p_, o.n_);
    }
    return *this;
  }
  IntVec& operator=(IntVec&& o) noexcept {
    if (this != &o) {
      drop();
      steal(o);
    }
    return *this;
  }
  ~IntVec() { drop(); }

  size_t size() const { return n_; }
  bool empty() const { return n_ == 0; }
  int64_t* begin() { return p_; }
  int64_t* end() { return p_ + n_; }
  const int64_t* begin() const { return p_; }
  const int64_t* end() const { return p_ + n_; }
  int64_t* data() { return p_; }
  const int64_t* data() const { return p_; }
  int64_t& operator[](size_t i) { return p_[i]; }
  int64_t operator[](size_t i) const { return p_[i]; }
  int64_t& back() { return p_[n_ - 1]; }
  int64_t back() const { return p_[n_ - 1]; }

  void push_back(int64_t v) {
    if (n_ == cap_) reserve(cap_ * 2);
    p_[n_++] = v;
  }
  void pop_back() { --n_; }
  void clear() { n_ = 0; }
  void resize(size_t n, int64_t value = 0) {
    reserve(n);
    for (size_t i = n_; i < n; ++i) p_[i] = value;
    n_ = n;
  }
  void insert_at(size_t pos, int64_t v) {
    push_back(0);
    for (size_t i = n_ - 1; i > pos; --i) p_[i] = p_[i - 1];
    p_[pos] = v;
  }
  void erase_at(size_t pos) {
    for (size_t i = pos; i + 1 < n_; ++i) p_[i] = p_[i + 1];
    --n_;
  }
  void reserve(size_t n) {
    if (n <= cap_) return;
    auto* q = new int64_t[n];
    std::memcpy(q, p_, n_ * sizeof(int64_t));
    if (p_ != inline_) delete[] p_;
    p_ = q;
    cap_ = n;
  }

 private:
  void assign(const int64_t* p, size_t n) {
    reserve(n);
    if (n) std::memcpy(p_, p, n * sizeof(int64_t));
    n_ = n;
  }
  void drop() {
    if (p_ != inline_) delete[] p_;
    p_ = inline_;
    cap_ = kInline;
    n_ = 0;
  }
  void steal(IntVec& o) {
    if (o.p_ == o.inline_) {
      p_ = inline_;
      cap_ = kInline;
      n_ = o.n_;
      std::memcpy(inline_, o.inline_, n_ * sizeof(int64_t));
    } else {
      p_ = o.p_;
      cap_ = o.cap_;
      n_ = o.n_;
      o.p_ = o.inline_;
      o.cap_ = kInline;
    }
    o.n_ = 0;
  }
  static constexpr size_t kInline = 6;
  size_t n_ = 0, cap_ = kInline;
  int64_t* p_ = inline_;
  int64_t inline_[kInline];
};

inline IntSpan::IntSpan(const IntVec& v) : p_(v.data()), n_(v.size()) {}

// Prints as a Python tuple: (2, 3), (4,), ().
inline std::ostream& operator<<(std::ostream& out, IntSpan s) {
  out << '(';
  for (size_t i = 0; i < s.size(); ++i) out << (i ? ", " : "") << s[i];
  return out << (s.size() == 1 ? ",)" : ")");
}
inline std::ostream& operator<<(std::ostream& out, const IntVec& v) { return out << IntSpan(v); }

}  // namespace torchy
