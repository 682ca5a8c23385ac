// The one thread-local word that says whether anything unusual is on, and the section that lets other
// threads run during long loops. Layer: core.
#pragma once

#include <cstdint>

namespace torchy {

enum TlsFlag : uint32_t {
  kNoGrad = 1,          // recording is off
  kInference = 2,       // inference_mode: results carry the inference flag
  kModeHook = 4,        // a Python mode object sees every operation
  kAnomaly = 8,         // nodes remember the line that made them
  kSavedHooks = 16,     // what nodes save goes through the user's hooks
  kForward = 32,        // a level of forward mode is open
  kVmap = 64,           // a level of vmap is open, or a batched tensor outlived its own
  kTrap = 128,          // results are watched for NaN and infinity
  kZeroTimesInf = 256,  // backward only: zero gradient times infinity or NaN is zero
};
// What sends an operation the long way, through autograd/intercept.h; the fast path tests this once.
constexpr uint32_t kUnusual = kModeHook | kAnomaly | kSavedHooks | kForward | kVmap | kTrap;

struct Tls {
  uint32_t flags = 0;
  uint32_t depth = 0;                 // nesting of LongSection
  uint32_t forward_cap = UINT32_MAX;  // levels of forward mode from here on are invisible
};
extern thread_local Tls tls;

inline bool grad_enabled() { return !(tls.flags & kNoGrad); }

class FlagsGuard {
 public:
  explicit FlagsGuard(uint32_t flags) : saved_(tls.flags) { tls.flags = flags; }
  ~FlagsGuard() { tls.flags = saved_; }
  FlagsGuard(const FlagsGuard&) = delete;

 private:
  uint32_t saved_;
};

class NoGradGuard {
 public:
  explicit NoGradGuard(bool off = true) : saved_(tls.flags) {
    tls.flags = off ? (tls.flags | kNoGrad) : (tls.flags & ~uint32_t(kNoGrad));
  }
  ~NoGradGuard() { tls.flags = saved_; }
  NoGradGuard(const NoGradGuard&) = delete;

 private:
  uint32_t saved_;
};

// While a LongSection lives, the interpreter lock is free. Code inside must not touch reference
// counts, free lists or anything of Python: only raw memory. The two hooks are set by the binding.
struct LockHooks {
  void* (*release)() = nullptr;
  void (*acquire)(void*) = nullptr;
};
extern LockHooks lock_hooks;

class LongSection {
 public:
  explicit LongSection(bool is_long = true) {
    if (is_long && lock_hooks.release && tls.depth++ == 0) token_ = lock_hooks.release();
    counted_ = is_long && lock_hooks.release;
  }
  ~LongSection() {
    if (counted_ && --tls.depth == 0) lock_hooks.acquire(token_);
  }
  LongSection(const LongSection&) = delete;

 private:
  void* token_ = nullptr;
  bool counted_ = false;
};

// Elements from which a kernel opens a LongSection (about 20 us of work).
constexpr int64_t kLongWork = 65536;

}  // namespace torchy
