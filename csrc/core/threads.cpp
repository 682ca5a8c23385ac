// The thread pool: one region at a time, its chunks claimed from one atomic word. Workers that come
// late find nothing to claim and are never waited for. Layer: core.
#include "threads.h"

#include <pthread.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "error.h"

namespace torchy {
namespace {

constexpr int kMaxThreads = 1024;
constexpr int kChunksPerThread = 4;                         // slack for threads that are slowed down or late
constexpr auto kSpinTime = std::chrono::microseconds(100);  // waking a sleeper costs 10 to 20 us

thread_local bool inside_region = false;

struct InsideRegion {
  InsideRegion() { inside_region = true; }
  ~InsideRegion() { inside_region = false; }
};

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until ready() or until the spin time is over; says which.
template <class Ready>
bool spin_until(Ready&& ready) {
  const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      cpu_relax();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return ready();
}

class Pool {
 public:
  void run(int64_t begin, int64_t end, int64_t grain, int threads, detail::RangeFn fn, void* context);
  // Ends and joins the workers; the next region starts new ones unless `forever`.
  void stop(bool forever);
  std::mutex& region_mutex() { return region_mutex_; }

 private:
  void start(int workers);
  void worker_loop();
  // Claims and runs one chunk of the current region; false when there is none left.
  bool run_one();
  void wait_for_chunks(uint32_t chunks);
  bool has_work() const { return static_cast<uint32_t>(claim_.load()) != 0; }

  std::mutex region_mutex_;  // held by the thread whose region runs
  std::vector<std::thread> workers_;
  bool ended_ = false;

  // Region number in the high half, chunks not yet claimed in the low half. A claim succeeds only
  // while its region lives, so what was read of the region before is then known to be its own.
  alignas(64) std::atomic<uint64_t> claim_{0};
  alignas(64) std::atomic<int64_t> begin_{0}, end_{0}, chunk_{0};
  std::atomic<uint32_t> count_{0};
  std::atomic<detail::RangeFn> fn_{nullptr};
  std::atomic<void*> context_{nullptr};

  alignas(64) std::atomic<uint32_t> done_{0};
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // written by the one chunk that sets failed_ first

  std::mutex sleep_mutex_;
  std::condition_variable work_cv_, done_cv_;
  std::atomic<int> sleepers_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stopping_{false};
};

bool Pool::run_one() {
  uint64_t word = claim_.load();
  for (;;) {
    const uint32_t left = static_cast<uint32_t>(word);
    if (left == 0) return false;
    const int64_t begin = begin_.load(std::memory_order_relaxed);
    const int64_t end = end_.load(std::memory_order_relaxed);
    const int64_t chunk = chunk_.load(std::memory_order_relaxed);
    const uint32_t count = count_.load(std::memory_order_relaxed);
    const detail::RangeFn fn = fn_.load(std::memory_order_relaxed);
    void* const context = context_.load(std::memory_order_relaxed);
    if (!claim_.compare_exchange_weak(word, word - 1)) continue;

    const int64_t first = begin + static_cast<int64_t>(count - left) * chunk;
    if (!failed_.load(std::memory_order_relaxed)) {
      try {
        fn(context, first, std::min(end, first + chunk));
      } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
      }
    }
    if (done_.fetch_add(1) + 1 == count && caller_sleeps_.load()) {
      std::lock_guard<std::mutex> lock(sleep_mutex_);
      done_cv_.notify_all();
    }
    return true;
  }
}

void Pool::worker_loop() {
  inside_region = true;
  while (!stopping_.load()) {
    if (run_one()) continue;
    if (spin_until([&] { return has_work() || stopping_.load(); })) continue;
    std::unique_lock<std::mutex> lock(sleep_mutex_);
    sleepers_.fetch_add(1);
    work_cv_.wait(lock, [&] { return has_work() || stopping_.load(); });
    sleepers_.fetch_sub(1);
  }
}

void Pool::start(int workers) {
  while (static_cast<int>(workers_.size()) < workers) {
    try {
      workers_.emplace_back([this] { worker_loop(); });
    } catch (const std::system_error&) {
      return;  // no more threads to be had: fewer do the same work
    }
  }
}

void Pool::stop(bool forever) {
  stopping_.store(true);
  {
    std::lock_guard<std::mutex> lock(sleep_mutex_);
    work_cv_.notify_all();
  }
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  stopping_.store(false);
  ended_ = ended_ || forever;
}

void Pool::wait_for_chunks(uint32_t chunks) {
  auto all_done = [&] { return done_.load() == chunks; };
  if (spin_until(all_done)) return;
  std::unique_lock<std::mutex> lock(sleep_mutex_);
  caller_sleeps_.store(true);
  done_cv_.wait(lock, all_done);
  caller_sleeps_.store(false);
}

void Pool::run(int64_t begin, int64_t end, int64_t grain, int threads, detail::RangeFn fn, void* context) {
  const int64_t size = end - begin;
  grain = std::max<int64_t>(grain, 1);
  const int64_t wanted = std::min<int64_t>(size / grain, int64_t{threads} * kChunksPerThread);
  std::unique_lock<std::mutex> region(region_mutex_, std::try_to_lock);
  // Another thread of the program has the pool: share the machine with it, do not queue.
  if (wanted < 2 || !region.owns_lock() || ended_) {
    InsideRegion inside;
    fn(context, begin, end);
    return;
  }
  if (static_cast<int>(workers_.size()) < threads - 1) start(threads - 1);

  const int64_t chunk = (size + wanted - 1) / wanted;
  const uint32_t count = static_cast<uint32_t>((size + chunk - 1) / chunk);
  begin_.store(begin, std::memory_order_relaxed);
  end_.store(end, std::memory_order_relaxed);
  chunk_.store(chunk, std::memory_order_relaxed);
  count_.store(count, std::memory_order_relaxed);
  fn_.store(fn, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  const uint64_t number = (claim_.load(std::memory_order_relaxed) >> 32) + 1;
  claim_.store((number << 32) | count);

  if (int sleeping = sleepers_.load()) {
    { std::lock_guard<std::mutex> lock(sleep_mutex_); }
    if (static_cast<int>(count) - 1 < sleeping) {
      for (uint32_t i = 1; i < count; ++i) work_cv_.notify_one();
    } else {
      work_cv_.notify_all();
    }
  }
  {
    InsideRegion inside;
    while (run_one()) {}
  }
  wait_for_chunks(count);
  if (failed_.load()) {
    std::exception_ptr error = std::move(error_);
    error_ = nullptr;
    failed_.store(false);
    region.unlock();
    std::rethrow_exception(error);
  }
}

// The pool is never destroyed: a thread still in a region at exit must find it whole. A forked
// child has no workers and maybe locked mutexes, so it gets a fresh pool and leaves the old one.
std::atomic<Pool*> the_pool{nullptr};
std::atomic<int> thread_count{0};

Pool& pool() {
  Pool* current = the_pool.load(std::memory_order_acquire);
  if (current) return *current;
  static std::mutex creation;
  std::lock_guard<std::mutex> lock(creation);
  current = the_pool.load();
  if (current) return *current;
  static bool registered = false;
  if (!registered) {
    registered = true;
    pthread_atfork(nullptr, nullptr, [] {
      the_pool.store(new Pool);
      inside_region = false;
    });
    std::atexit([] {
      Pool& last = pool();
      std::lock_guard<std::mutex> region(last.region_mutex());
      last.stop(/*forever=*/true);
    });
  }
  current = new Pool;
  the_pool.store(current, std::memory_order_release);
  return *current;
}

int default_threads() {
  if (const char* text = std::getenv("TORCHY_NUM_THREADS")) {
    const long value = std::strtol(text, nullptr, 10);
    if (value > 0) return static_cast<int>(std::min<long>(value, kMaxThreads));
  }
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

bool in_parallel_region() { return inside_region; }

int get_num_threads() {
  int count = thread_count.load(std::memory_order_relaxed);
  if (count == 0) {
    int expected = 0;
    thread_count.compare_exchange_strong(expected, default_threads());
    count = thread_count.load();
  }
  return count;
}

void set_num_threads(int count) {
  if (count < 1 || count > kMaxThreads)
    fail("set_num_threads: got ", count, "; the number of threads is 1 to ", kMaxThreads);
  if (inside_region) fail("set_num_threads: called inside a parallel region; call it between operations");
  Pool& current = pool();
  std::lock_guard<std::mutex> region(current.region_mutex());
  if (count < get_num_threads()) current.stop(/*forever=*/false);
  thread_count.store(count);
}

void detail::run_region(int64_t begin, int64_t end, int64_t grain, RangeFn fn, void* context) {
  const int threads = get_num_threads();
  if (threads == 1 || inside_region) {
    fn(context, begin, end);
    return;
  }
  pool().run(begin, end, grain, threads, fn, context);
}

}  // namespace torchy
