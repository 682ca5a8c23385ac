// Storage: counted memory, with the version counter that saved values are checked against.
// Header and small data share one block from a size-class free list. Layer: core.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace torchy {

// How many dead objects of a kind are kept for reuse; none where a sanitizer should see every death.
#ifdef TORCHY_NO_POOLS
constexpr int kPoolLimit = 0;
#else
constexpr int kPoolLimit = 4096;
#endif

class Storage {
 public:
  // Uninitialised, 64-byte aligned memory. Throws (MemoryError's RuntimeError as PyTorch) if it cannot be had.
  static Storage* allocate(size_t nbytes, bool zeroed = false);
  // Memory owned by somebody else: `release(context)` runs when the last tensor lets go.
  static Storage* wrap(void* data, size_t nbytes, void (*release)(void*), void* context, bool readonly = false);

  void retain() { ++refcount_; }
  void release() {
    if (--refcount_ == 0) destroy();
  }
  uint32_t use_count() const { return refcount_; }
  char* data() const { return data_; }
  size_t nbytes() const { return nbytes_; }
  uint32_t version() const { return version_; }
  void bump_version() { ++version_; }
  bool readonly() const { return readonly_; }
  // Somebody outside holds the address (NumPy, a buffer, DLPack): the memory must stay where it is.
  void pin() { pinned_ = true; }
  bool owned() const { return kind_ != Kind::Foreign; }
  // Grows to at least nbytes, keeping the contents; the data pointer may change.
  void resize(size_t nbytes);

  // The last in-place operation, for the error of a dead saved value.
  const char* last_writer = nullptr;

 private:
  enum class Kind : uint8_t { Inline, Heap, Foreign };
  Storage() = default;
  void destroy();
  void free_data();

  uint32_t refcount_ = 1;
  uint32_t version_ = 0;
  char* data_ = nullptr;
  size_t nbytes_ = 0;
  Kind kind_ = Kind::Inline;
  uint8_t size_class_ = 0;
  bool readonly_ = false;
  bool pinned_ = false;
  void (*release_)(void*) = nullptr;
  void* context_ = nullptr;
};

struct MemoryStats {
  int64_t live_storages = 0;
  int64_t live_bytes = 0;
  int64_t peak_bytes = 0;
  int64_t cached_bytes = 0;
};
MemoryStats& memory_stats();
void release_cached_memory();

}  // namespace torchy
