// Runs one block function over operands of any strides, sizes and dtypes. Layer: kernels.
// Contiguous operands go straight through, single elements use the scalar variants, everything else
// is gathered into blocks that stay in L1 and scattered from there.
#include "pointwise_driver.h"

#include <atomic>
#include <cstring>

#include "../core/threads.h"
#include "../core/tls.h"

namespace torchy::kernels {

extern PwTable pointwise_table;

namespace {

constexpr int64_t kBlock = 512;  // elements; four blocks of the widest dtype take 32 KiB
constexpr int64_t kRowMin = 64;  // rows this long are worth a loop call of their own

template <class From, class To>
void convert_strided(char* out, int64_t out_step, const char* in, int64_t in_step, int64_t n) {
  if (out_step == int64_t(sizeof(To)) && in_step == int64_t(sizeof(From))) {
    To* o = reinterpret_cast<To*>(out);
    const From* x = reinterpret_cast<const From*>(in);
    for (int64_t i = 0; i < n; ++i) o[i] = convert<To>(x[i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    *reinterpret_cast<To*>(out) = convert<To>(*reinterpret_cast<const From*>(in));
    out += out_step;
    in += in_step;
  }
}

template <class T>
void copy_strided(char* out, int64_t out_step, const char* in, int64_t in_step, int64_t n) {
  if (out_step == int64_t(sizeof(T)) && in_step == int64_t(sizeof(T))) {
    std::memcpy(out, in, size_t(n) * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    *reinterpret_cast<T*>(out) = *reinterpret_cast<const T*>(in);
    out += out_step;
    in += in_step;
  }
}

// The half types' contiguous conversions are built per instruction set.
template <class From, class To, PwConvert PwTable::* fast>
void convert_half(char* out, int64_t out_step, const char* in, int64_t in_step, int64_t n) {
  if (out_step == int64_t(sizeof(To)) && in_step == int64_t(sizeof(From))) (pointwise_table.*fast)(out, in, n);
  else convert_strided<From, To>(out, out_step, in, in_step, n);
}

int64_t item(DType d) { return itemsize(d); }

// Biggest steps of the result first; only needed when the result is not contiguous.
void order_dims(PwPlan& p) {
  const int64_t* step = p.operands[0].step;
  auto magnitude = [&](int d) { return step[d] < 0 ? -step[d] : step[d]; };
  for (int i = 1; i < p.ndim; ++i) {
    for (int d = i; d > 0 && magnitude(d - 1) < magnitude(d); --d) {
      std::swap(p.sizes[d - 1], p.sizes[d]);
      for (int k = 0; k <= p.inputs; ++k) std::swap(p.operands[k].step[d - 1], p.operands[k].step[d]);
    }
  }
}

bool mergeable(const PwPlan& p, int outer, int inner) {
  for (int k = 0; k <= p.inputs; ++k) {
    const PwOperand& o = p.operands[k];
    if (!o.one && o.step[outer] != o.step[inner] * p.sizes[inner]) return false;
  }
  return true;
}

void merge_dims(PwPlan& p) {
  int n = 0;
  auto move = [&](int to, int from) {
    if (to == from) return;
    p.sizes[to] = p.sizes[from];
    for (int k = 0; k <= p.inputs; ++k) p.operands[k].step[to] = p.operands[k].step[from];
  };
  for (int d = 0; d < p.ndim; ++d)
    if (p.sizes[d] != 1) move(n++, d);
  p.ndim = n;
  for (int d = 1; d < p.ndim; ++d)
    if (!p.operands[0].one && p.operands[0].step[d - 1] < p.operands[0].step[d]) {
      order_dims(p);
      break;
    }
  if (p.ndim == 0) return;
  int last = 0;
  for (int d = 1; d < p.ndim; ++d) {
    if (mergeable(p, last, d)) {
      const int64_t merged = p.sizes[last] * p.sizes[d];
      move(last, d);
      p.sizes[last] = merged;
    } else {
      move(++last, d);
    }
  }
  p.ndim = last + 1;
}

void classify(PwPlan& p) {
  for (int k = 0; k <= p.inputs; ++k) {
    PwOperand& o = p.operands[k];
    o.flat = !o.one;
    int64_t expected = item(o.stored);
    bool same = true;
    for (int d = p.ndim - 1; d >= 0; --d) {
      o.flat = o.flat && o.step[d] == expected;
      expected *= p.sizes[d];
      same = same && o.step[d] == 0;
    }
    if (k > 0 && !o.one && same && p.total != 1) {
      strided_convert(o.stored, o.loop)(reinterpret_cast<char*>(o.slot), 0, o.data, 0, 1);
      o.data = reinterpret_cast<char*>(o.slot);
      o.stored = o.loop;
      o.one = true;
    }
  }
}

// Walks one range of the iteration.
class Walker {
 public:
  Walker(const PwPlan& plan, int64_t begin) : p_(plan), pos_(begin) {
    for (int d = p_.ndim - 1; d >= 0; --d) {
      index_[d] = begin % p_.sizes[d];
      begin /= p_.sizes[d];
    }
    inner_ = p_.ndim ? p_.sizes[p_.ndim - 1] : 1;
    rows_ = inner_ >= kRowMin;
    choose_variant();
    buffered_ = !rows_;
    for (int k = 0; k <= p_.inputs; ++k) {
      const PwOperand& o = p_.operands[k];
      if (o.one ? spread_[k] : !direct(o) && !column_[k]) buffered_ = true;
      tile_[k] = k > 0 && !rows_ && is_row(o);
      tiled_ = tiled_ || tile_[k];
    }
  }

  void run(int64_t end) {
    for (int k = 1; k <= p_.inputs; ++k)
      if (spread_[k]) fill(k, std::min(kBlock, end - pos_));
      else if (tile_[k]) fill_tile(k, end - pos_);
    while (pos_ < end) {
      int64_t n = end - pos_;
      if (rows_) n = std::min(n, inner_ - index_[p_.ndim - 1]);
      if (tiled_) n = std::min(n, index_[p_.ndim - 1] ? inner_ - index_[p_.ndim - 1] : kBlock / inner_ * inner_);
      else if (buffered_) n = std::min(n, kBlock);
      step(n);
      advance(index_, n);
      pos_ += n;
    }
  }

 private:
  // The loop may use the operand's own memory for a whole chunk.
  bool direct(const PwOperand& o) const {
    if (o.stored != o.loop) return false;
    return o.flat || (rows_ && o.step[p_.ndim - 1] == item(o.loop));
  }

  // The same short row everywhere: repeated in a block once, then used for many rows at a time.
  bool is_row(const PwOperand& o) const {
    if (o.one || o.flat || p_.ndim < 2) return false;
    for (int d = 0; d < p_.ndim - 1; ++d)
      if (o.step[d] != 0) return false;
    return true;
  }

  void fill_tile(int k, int64_t n) {
    const PwOperand& o = p_.operands[k];
    const int64_t row = inner_ * item(o.loop);
    strided_convert(o.stored, o.loop)(block_[k], item(o.loop), o.data, o.step[p_.ndim - 1], inner_);
    const int64_t rows = std::min(kBlock / inner_, n / inner_ + 1);
    for (int64_t i = 1; i < rows; ++i) std::memcpy(block_[k] + i * row, block_[k], size_t(row));
  }

  void choose_variant() {
    loop_ = p_.loops.vv;
    for (int k = 1; k <= p_.inputs; ++k) spread_[k] = p_.operands[k].one;
    if (p_.inputs == 2 && spread_[2] && !spread_[1] && p_.loops.vs) {
      loop_ = p_.loops.vs;
      spread_[2] = false;
    } else if (p_.inputs == 2 && spread_[1] && !spread_[2] && p_.loops.sv) {
      loop_ = p_.loops.sv;
      spread_[1] = false;
    } else if (p_.inputs == 2 && is_column(p_.operands[2]) && direct(p_.operands[1]) && p_.loops.vs) {
      loop_ = p_.loops.vs;
      column_[2] = true;
    } else if (p_.inputs == 2 && is_column(p_.operands[1]) && direct(p_.operands[2]) && p_.loops.sv) {
      loop_ = p_.loops.sv;
      column_[1] = true;
    }
  }

  // One value for each row: a single element as long as the row lasts.
  bool is_column(const PwOperand& o) const { return rows_ && !o.one && o.stored == o.loop && o.step[p_.ndim - 1] == 0; }

  void fill(int k, int64_t n) {
    const PwOperand& o = p_.operands[k];
    const int64_t width = item(o.loop);
    for (int64_t i = 0; i < n; ++i) std::memcpy(block_[k] + i * width, o.data, size_t(width));
  }

  void advance(int64_t* index, int64_t n) const {
    int d = p_.ndim - 1;
    if (d < 0) return;
    index[d] += n;
    for (; d > 0 && index[d] >= p_.sizes[d]; --d) {
      const int64_t carry = index[d] == p_.sizes[d] ? 1 : index[d] / p_.sizes[d];
      index[d] -= carry * p_.sizes[d];
      index[d - 1] += carry;
    }
  }

  char* address(const PwOperand& o, const int64_t* index) const {
    char* at = o.data;
    for (int d = 0; d < p_.ndim; ++d) at += index[d] * o.step[d];
    return at;
  }

  // Calls f(address, step, elements before, elements) for every run of the next n elements.
  template <class F>
  void for_runs(const PwOperand& o, int64_t n, F&& f) const {
    if (o.flat) {
      f(o.data + pos_ * item(o.stored), item(o.stored), int64_t(0), n);
      return;
    }
    int64_t index[kMaxDims];
    std::copy(index_, index_ + p_.ndim, index);
    const int last = p_.ndim - 1;
    for (int64_t done = 0; done < n;) {
      const int64_t run = std::min(n - done, inner_ - index[last]);
      f(address(o, index), o.step[last], done, run);
      done += run;
      advance(index, run);
    }
  }

  char* input(int k, int64_t n) {
    const PwOperand& o = p_.operands[k];
    if (o.one) return spread_[k] ? block_[k] : o.data;
    if (column_[k]) return address(o, index_);
    if (tile_[k]) return block_[k] + index_[p_.ndim - 1] * item(o.loop);
    if (direct(o)) return o.flat ? o.data + pos_ * item(o.loop) : address(o, index_);
    const int64_t width = item(o.loop);
    const StridedConvert load = strided_convert(o.stored, o.loop);
    for_runs(o, n, [&](char* at, int64_t step, int64_t done, int64_t run) {
      load(block_[k] + done * width, width, at, step, run);
    });
    return block_[k];
  }

  void step(int64_t n) {
    const PwOperand& o = p_.operands[0];
    const char* in[4] = {nullptr, nullptr, nullptr, nullptr};
    for (int k = 1; k <= p_.inputs; ++k) in[k] = input(k, n);
    if (direct(o)) {
      char* out = o.flat ? o.data + pos_ * item(o.loop) : address(o, index_);
      loop_(out, in[1], in[2], in[3], n, p_.context);
      return;
    }
    loop_(block_[0], in[1], in[2], in[3], n, p_.context);
    const int64_t width = item(o.loop);
    const StridedConvert save = strided_convert(o.loop, o.stored);
    for_runs(o, n, [&](char* at, int64_t step, int64_t done, int64_t run) {
      save(at, step, block_[0] + done * width, width, run);
    });
  }

  const PwPlan& p_;
  PwLoop loop_;
  int64_t pos_, inner_;
  bool rows_, buffered_, tiled_ = false;
  bool spread_[4] = {}, tile_[4] = {}, column_[4] = {};
  int64_t index_[kMaxDims];
  alignas(64) char block_[4][kBlock * 16];
};

// All operands contiguous, or single elements that the loop has a variant for.
bool run_straight(const PwPlan& p) {
  PwLoop loop = p.loops.vv;
  int singles = 0;
  for (int k = 0; k <= p.inputs; ++k) {
    const PwOperand& o = p.operands[k];
    if (o.one) ++singles;
    else if (!o.flat || o.stored != o.loop) return false;
  }
  if (singles && p.total != 1) {
    if (singles != 1 || p.inputs != 2) return false;
    loop = p.operands[1].one ? p.loops.sv : p.loops.vs;
    if (!loop) return false;
  }
  FlatCall call{loop, p.operands[0].data, item(p.operands[0].loop), {}, {}, &p.context, p.cost, p.fresh};
  for (int k = 1; k <= p.inputs; ++k) {
    call.in[k - 1] = p.operands[k].data;
    call.step[k - 1] = p.operands[k].one ? 0 : item(p.operands[k].loop);
  }
  pointwise_flat(call, p.total);
  return true;
}

}  // namespace

// Results of this many bytes are not expected in any cache afterwards: written past the caches they
// save reading the lines they overwrite. Computed in blocks of L1, then streamed.
constexpr int64_t kStreamBytes = int64_t(8) << 20;
constexpr int64_t kStreamBlock = 2048;

static void run_streamed(const FlatCall& call, int64_t begin, int64_t end) {
  alignas(64) char block[kStreamBlock];
  const int64_t count = kStreamBlock / call.out_step;
  FlatCall part = call;
  for (; begin < end && reinterpret_cast<uintptr_t>(call.out + begin * call.out_step) % 64; ++begin)
    call.run(begin, begin + 1);
  for (; begin + count <= end; begin += count) {
    part.out = block - begin * call.out_step;
    part.run(begin, begin + count);
    pointwise_table.stream(call.out + begin * call.out_step, block, kStreamBlock);
  }
  if (begin < end) call.run(begin, end);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // streamed lines are not ordered by themselves
}

void pointwise_flat(const FlatCall& call, int64_t n) {
  LongSection section(n > kLongWork);
  const bool streamed = call.fresh && pointwise_table.stream && n * call.out_step >= kStreamBytes;
  parallel_for(0, n, pointwise_grain(call.cost), [&](int64_t begin, int64_t end) {
    if (streamed) run_streamed(call, begin, end);
    else call.run(begin, end);
  });
}

StridedConvert strided_convert(DType from, DType to) {
  if (from == to)
    return visit_width(itemsize(from),
                       [](auto tag) -> StridedConvert { return &copy_strided<typename decltype(tag)::type>; });
  if (from == DType::Float16 && to == DType::Float32) return &convert_half<Half, float, &PwTable::half_to_float>;
  if (from == DType::Float32 && to == DType::Float16) return &convert_half<float, Half, &PwTable::float_to_half>;
  if (from == DType::BFloat16 && to == DType::Float32) return &convert_half<BFloat16, float, &PwTable::bfloat_to_float>;
  if (from == DType::Float32 && to == DType::BFloat16) return &convert_half<float, BFloat16, &PwTable::float_to_bfloat>;
  return visit_dtype(from, [to](auto f) -> StridedConvert {
    return visit_dtype(to, [](auto t) -> StridedConvert {
      return &convert_strided<typename decltype(f)::type, typename decltype(t)::type>;
    });
  });
}

void PwPlan::set_tensor(int i, const TensorImpl* t, DType loop, IntSpan shape) {
  PwOperand& o = operands[i];
  o.data = t->data();
  o.stored = t->dtype();
  o.loop = loop;
  o.one = false;
  const int64_t width = itemsize(t->dtype());
  const int lead = int(shape.size()) - t->ndim();
  for (int d = 0; d < int(shape.size()); ++d) {
    const bool expanded = d < lead || (t->sizes_data()[d - lead] == 1 && shape[size_t(d)] != 1);
    o.step[d] = expanded ? 0 : t->strides_data()[d - lead] * width;
  }
}

void PwPlan::set_number(int i, const Scalar& s, DType loop) {
  PwOperand& o = operands[i];
  s.store(loop, o.slot);
  o.data = reinterpret_cast<char*>(o.slot);
  o.stored = o.loop = loop;
  o.one = true;
  for (int d = 0; d < ndim; ++d) o.step[d] = 0;
}

void pointwise_run(PwPlan& p) {
  if (p.total == 0) return;
  merge_dims(p);
  classify(p);
  LongSection section(p.total > kLongWork);
  if (run_straight(p)) return;
  const int64_t grain = std::max<int64_t>(pointwise_grain(p.cost) / 2, kBlock);
  parallel_for(0, p.total, grain, [&](int64_t begin, int64_t end) { Walker(p, begin).run(end); });
}

}  // namespace torchy::kernels
