// Copies between any strides of one dtype: straight runs, strided runs, blocked transposes.
// Layer: kernels. The loops themselves are in move_loops.inc.
#include "copy.h"
#include "move_loops.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "../core/iterate.h"
#include "../core/shape.h"
#include "../core/tls.h"

namespace torchy::kernels {

const MoveLoops& move_loops() {
#if defined(__x86_64__)
  static const MoveLoops& loops = __builtin_cpu_supports("x86-64-v4")   ? move_loops_v4()
                                  : __builtin_cpu_supports("x86-64-v3") ? move_loops_v3()
                                                                        : move_loops_v2();
  return loops;
#else
  return move_loops_v2();
#endif
}

namespace {

using Walk = Strided<2>;

// The dim along which the source is dense while the innermost is dense in the destination; -1: none.
int transposed_dim(const Walk& w, int64_t width) {
  const int inner = w.ndim - 1;
  const int64_t across = w.strides[inner][1];
  if (w.strides[inner][0] != width || across == width || across == 0 || w.sizes[inner] < 8) return -1;
  for (int d = 0; d < inner; ++d)
    if (w.strides[d][1] == width && w.sizes[d] >= 8) return d;
  return -1;
}

void copy_transposed(const Walk& w, int dense, int64_t width) {
  const int inner = w.ndim - 1;
  const int64_t rows = w.sizes[dense], cols = w.sizes[inner];
  constexpr int64_t strip = 64;  // rows of one piece of work
  const int64_t strips = (rows + strip - 1) / strip;
  Strided<2> outer;
  outer.base[0] = w.base[0];
  outer.base[1] = w.base[1];
  for (int d = 0; d < inner; ++d)
    if (d != dense) outer.add(w.sizes[d], w.strides[d][0], w.strides[d][1]);
  outer.build();
  const auto transpose = move_loops().transpose[width_index(width)];
  const int64_t grain = std::max<int64_t>(1, kIterGrain / (std::min(strip, rows) * cols));
  parallel_for(0, outer.numel * strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t r0 = i % strips * strip;
      outer.walk(i / strips, i / strips + 1, [&](char* const* p, int64_t) {
        transpose(p[0] + r0 * w.strides[dense][0], w.strides[dense][0], p[1] + r0 * width, w.strides[inner][1],
                  std::min(strip, rows - r0), cols);
      });
    }
  });
}

void copy_walk(const Walk& w, int64_t width) {
  if (int dense = transposed_dim(w, width); dense >= 0) return copy_transposed(w, dense, width);
  const int64_t ds = w.strides[w.ndim - 1][0], ss = w.strides[w.ndim - 1][1];
  const auto copy = move_loops().copy[width_index(width)];
  w.run([=](char* const* p, int64_t n) { copy(p[0], ds, p[1], ss, n); });
}

// Converts runs in blocks that stay in the first-level cache; strided ends are packed and unpacked.
void convert_walk(const Walk& w, DType to, DType from) {
  constexpr int64_t block = 512;
  const int64_t ds = w.strides[w.ndim - 1][0], ss = w.strides[w.ndim - 1][1];
  const int64_t dw = itemsize(to), sw = itemsize(from);
  const MoveLoops& loops = move_loops();
  if (ds == dw && ss == sw) {
    w.run([&](char* const* p, int64_t n) { loops.convert(p[0], to, p[1], from, n); });
    return;
  }
  const auto pack = loops.copy[width_index(sw)], unpack = loops.copy[width_index(dw)];
  w.run([&](char* const* p, int64_t n) {
    alignas(64) char in[block * 16], out[block * 16];
    for (int64_t i = 0; i < n; i += block) {
      const int64_t m = std::min(block, n - i);
      const char* s = p[1] + i * ss;
      char* d = p[0] + i * ds;
      if (ss != sw) pack(in, sw, s, ss, m);
      loops.convert(ds == dw ? d : out, to, ss == sw ? s : in, from, m);
      if (ds != dw) unpack(d, ds, out, dw, m);
    }
  });
}

// Strides of a new tensor that keeps the order of t's dims in memory, without gaps. Dims with stride
// 0 say nothing about order; of equal strides the smaller size goes further in. As PyTorch decides.
IntVec dense_strides(const Tensor& t) {
  const int64_t n = t.ndim();
  IntSpan st = t.strides(), sz = t.sizes();
  IntVec order;  // innermost first
  for (int64_t i = n - 1; i >= 0; --i) order.push_back(i);
  auto inside_out = [&](size_t a, size_t b) {
    if (st[a] == 0 || st[b] == 0) return 0;
    if (st[a] != st[b]) return st[a] > st[b] ? 1 : -1;
    return sz[a] > sz[b] ? 1 : 0;
  };
  for (int64_t i = 1; i < n; ++i) {
    int64_t at = i;
    for (int64_t j = i - 1; j >= 0; --j) {
      const int wrong = inside_out(size_t(order[size_t(j)]), size_t(order[size_t(at)]));
      if (wrong < 0) break;
      if (wrong == 0) continue;
      std::swap(order[size_t(j)], order[size_t(at)]);
      at = j;
    }
  }
  IntVec strides(size_t(n), 0);
  int64_t running = 1;
  bool same = true;
  for (int64_t d : order) {
    strides[size_t(d)] = running;
    same = same && (st[size_t(d)] == running || sz[size_t(d)] == 1);
    running *= std::max<int64_t>(sz[size_t(d)], 1);
  }
  return same ? IntVec(st) : strides;  // dims of size 1 keep whatever stride they had
}

const char* c_type_name(DType d) {
  static const char* names[] = {"bool",
                                "uint8_t",
                                "int8_t",
                                "int16_t",
                                "int",
                                "int64_t",
                                "at::Half",
                                "at::BFloat16",
                                "float",
                                "double",
                                "c10::complex<float>",
                                "c10::complex<double>"};
  return names[int(d)];
}

}  // namespace

void copy_strided(void* dst, DType dst_dtype, IntSpan dst_strides, const void* src, DType src_dtype,
                  IntSpan src_strides, IntSpan sizes) {
  const int64_t dw = itemsize(dst_dtype), sw = itemsize(src_dtype);
  Walk w;
  w.base[0] = static_cast<char*>(dst);
  w.base[1] = static_cast<char*>(const_cast<void*>(src));
  for (size_t i = 0; i < sizes.size(); ++i) w.add(sizes[i], dst_strides[i] * dw, src_strides[i] * sw);
  if (w.numel == 0) return;
  w.build();
  LongSection section(w.numel > kLongWork);
  if (dst_dtype == src_dtype) {
    copy_walk(w, dw);
  } else {
    convert_walk(w, dst_dtype, src_dtype);
  }
}

void copy_into(Tensor& dst, const Tensor& src) {
  const bool same_shape = dst.sizes() == src.sizes();
  if (same_shape && dst.dtype() == src.dtype() && dst.is_contiguous() && src.is_contiguous() &&
      dst.numel() <= kIterGrain) {
    if (dst.numel() && dst.raw() != src.raw())
      std::memmove(dst.raw(), src.raw(), size_t(dst.numel() * itemsize(dst.dtype())));
    return;
  }
  TORCHY_CHECK(same_shape || broadcastable_to(src.sizes(), dst.sizes()), "copy_: source of shape ", src.sizes(),
               " does not broadcast to shape ", dst.sizes());
  if (dst.numel() == 0) return;
  for (size_t i = 0; i < dst.sizes().size(); ++i)
    TORCHY_CHECK(dst.strides()[i] != 0 || dst.sizes()[i] <= 1,
                 "copy_: more than one element of the "
                 "written-to tensor refers to a single memory location; clone() it first");
  if (may_partially_overlap(dst, src)) return copy_into(dst, clone(src));
  if (dst.raw() == src.raw() && dst.dtype() == src.dtype() && same_shape && dst.strides() == src.strides()) return;
  copy_strided(dst.raw(), dst.dtype(), dst.strides(), src.raw(), src.dtype(),
               same_shape ? src.strides() : IntSpan(broadcast_strides(src, dst.sizes())), dst.sizes());
}

Tensor empty_preserved(const Tensor& t, DType dtype) {
  Tensor out = empty(t.sizes(), dtype);
  if (!t.is_contiguous()) out->set_geometry(t.sizes(), dense_strides(t), 0);
  return out;
}

Tensor to_copy(const Tensor& t, DType dtype) {
  Tensor out = empty_preserved(t, dtype);
  copy_into(out, t);
  return out;
}

Tensor to_dtype(const Tensor& t, DType dtype) { return t.dtype() == dtype ? t : to_copy(t, dtype); }

Tensor clone(const Tensor& t) { return to_copy(t, t.dtype()); }

Tensor contiguous(const Tensor& t) { return t.is_contiguous() ? t : contiguous_copy(t); }

Tensor contiguous_copy(const Tensor& t) {
  Tensor out = empty(t.sizes(), t.dtype());
  copy_into(out, t);
  return out;
}

void fill_strided(void* dst, DType dtype, IntSpan strides, IntSpan sizes, const void* value) {
  const int64_t width = itemsize(dtype);
  Strided<1> w;
  w.base[0] = static_cast<char*>(dst);
  for (size_t i = 0; i < sizes.size(); ++i) w.add(sizes[i], strides[i] * width);
  if (w.numel == 0) return;
  w.build();
  LongSection section(w.numel > kLongWork);
  const int64_t step = w.strides[w.ndim - 1][0];
  bool zero = step == width || w.numel == 1;
  for (int64_t i = 0; i < width; ++i) zero = zero && static_cast<const char*>(value)[i] == 0;
  if (zero) {
    w.run([=](char* const* p, int64_t n) { std::memset(p[0], 0, size_t(n * width)); });
    return;
  }
  const auto copy = move_loops().copy[width_index(width)];
  w.run([=](char* const* p, int64_t n) { copy(p[0], step, static_cast<const char*>(value), 0, n); });
}

void convert_block(void* dst, DType dst_dtype, const void* src, DType src_dtype, int64_t n) {
  move_loops().convert(dst, dst_dtype, src, src_dtype, n);
}

void check_fits(const Scalar& value, DType dtype, const char* op) {
  bool fits = true;
  if (value.is_complex() && !is_complex(dtype) && dtype != DType::Bool) fits = value.to_complex().imag() == 0;
  if (fits && is_integral(dtype)) {
    const int bits = 8 * itemsize(dtype) - (dtype == DType::UInt8 ? 0 : 1);
    const double bound = std::ldexp(1.0, bits);
    // PyTorch lets a negative number wrap around in an unsigned type.
    const double v = value.to_double(), lowest = dtype == DType::UInt8 ? -255.0 : -bound;
    fits = (value.is_integral() && bits == 63) || (v < bound && v >= lowest);
  } else if (fits && to_real(dtype) == DType::Float32) {  // half types take infinity instead
    const c128 v = value.to_complex();
    auto too_big = [](double x) { return std::isfinite(x) && std::abs(x) > double(std::numeric_limits<float>::max()); };
    fits = !too_big(v.real()) && !too_big(v.imag());
  }
  TORCHY_CHECK(fits, op, ": value cannot be converted to type ", c_type_name(dtype), " without overflow; got ", value);
}

void fill(Tensor& dst, const Scalar& value) {
  check_fits(value, dst.dtype(), "fill_");
  alignas(16) char element[16] = {};
  value.store(dst.dtype(), element);
  fill_strided(dst.raw(), dst.dtype(), dst.strides(), dst.sizes(), element);
}

}  // namespace torchy::kernels
