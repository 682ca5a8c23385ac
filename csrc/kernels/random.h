// The default generator, and the lock that a kernel holds while it draws.
// Layer: kernels. The stream is random_engine.h; the operations on tensors are random.cpp.
#pragma once

#include <mutex>
#include <optional>

#include "../core/tls.h"
#include "random_engine.h"

namespace torchy {

// Seeded from the system when first used, as in PyTorch; manual_seed makes it repeatable.
Generator& default_generator();

// While a Draw lives no other thread uses the generator, and for many elements the interpreter lock
// is free: the code inside may touch raw memory only. The generator's lock is never held while
// waiting for the interpreter lock, so the two cannot deadlock.
class Draw {
 public:
  Draw(Generator& gen, int64_t elements);

 private:
  std::optional<LongSection> section_;
  std::unique_lock<std::mutex> lock_;  // declared last, so it is the first to go
};

}  // namespace torchy
