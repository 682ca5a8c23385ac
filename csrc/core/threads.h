// A small pool of threads of our own: parallel_for over an index range, and the thread count.
// Layer: core. Kernels decide what is worth splitting; the interpreter lock is LongSection's.
#pragma once

#include <cstdint>
#include <type_traits>

namespace torchy {

// Threads a region may use, the caller included. Starts as TORCHY_NUM_THREADS, or else the number
// of cores this process may run on. Setting it inside a region is a RuntimeError.
int get_num_threads();
void set_num_threads(int count);

// True inside a chunk of parallel_for, where further regions run serially.
bool in_parallel_region();

namespace detail {
using RangeFn = void (*)(void* context, int64_t begin, int64_t end);
void run_region(int64_t begin, int64_t end, int64_t grain, RangeFn fn, void* context);
}  // namespace detail

// Calls f(b, e) on pieces that cover [begin, end) exactly once, at least `grain` indices each (but
// for the last), in any order and on any thread. A range of at most `grain` runs right here. The
// first exception of a piece comes out of this call once all running pieces have ended.
template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, F&& f) {
  if (end <= begin) return;
  if (end - begin <= grain) {
    f(begin, end);
    return;
  }
  using Fn = std::remove_reference_t<F>;
  detail::run_region(
      begin, end, grain, [](void* context, int64_t b, int64_t e) { (*static_cast<Fn*>(context))(b, e); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace torchy
