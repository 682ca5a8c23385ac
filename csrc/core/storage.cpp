// Allocation: size-class free lists for small blocks, a cache of large ones. Layer: core.
// All of it runs under the interpreter lock, so no list here is locked.
#include "storage.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "error.h"
#include "tls.h"

namespace torchy {

thread_local Tls tls;
LockHooks lock_hooks;

namespace {

constexpr size_t kAlign = 64;
constexpr size_t kHeader = 128;  // sizeof(Storage) rounded to the alignment
static_assert(sizeof(Storage) <= kHeader);

// Inline blocks: header + 64, 128, 256, 512, 1024 bytes of data.
constexpr int kClasses = 5;
struct FreeBlock {
  FreeBlock* next;
};
FreeBlock* free_lists[kClasses];
int free_counts[kClasses];

int class_of(size_t nbytes) {
  int c = 0;
  for (size_t cap = 64; cap < nbytes; cap <<= 1) ++c;
  return c;
}

// Large blocks, where the C library would go back to the system: kept by rounded size.
constexpr size_t kCacheFrom = size_t(1) << 20;
constexpr size_t kCacheLimit = size_t(1) << 30;
struct CachedBlock {
  char* p;
  size_t size;
};
std::vector<CachedBlock>& cache() {
  static auto* blocks = new std::vector<CachedBlock>();  // never destroyed: tensors may outlive statics
  return *blocks;
}

size_t round_large(size_t n) {
  size_t step = size_t(1) << 17;
  while (step * 16 < n) step <<= 1;
  return (n + step - 1) / step * step;
}

[[noreturn]] void out_of_memory(size_t nbytes) {
  fail("DefaultCPUAllocator: not enough memory: you tried to allocate ", nbytes,
       " bytes; use a smaller size or dtype, or free other tensors first");
}

char* heap_allocate(size_t& nbytes, bool zeroed) {
  if (nbytes >= kCacheFrom) {
    nbytes = round_large(nbytes);
    auto& blocks = cache();
    for (size_t i = blocks.size(); i-- > 0;) {
      if (blocks[i].size == nbytes) {
        char* p = blocks[i].p;
        blocks.erase(blocks.begin() + static_cast<ptrdiff_t>(i));
        memory_stats().cached_bytes -= static_cast<int64_t>(nbytes);
        if (zeroed) std::memset(p, 0, nbytes);
        return p;
      }
    }
  } else {
    nbytes = (nbytes + kAlign - 1) / kAlign * kAlign;
  }
  void* p = nullptr;
  size_t align = nbytes >= kCacheFrom ? 4096 : kAlign;
  if (posix_memalign(&p, align, nbytes) != 0 || !p) {
    release_cached_memory();
    if (posix_memalign(&p, align, nbytes) != 0 || !p) out_of_memory(nbytes);
  }
#ifdef MADV_HUGEPAGE
  if (nbytes >= (size_t(4) << 20)) madvise(p, nbytes, MADV_HUGEPAGE);
#endif
  if (zeroed) std::memset(p, 0, nbytes);
  return static_cast<char*>(p);
}

}  // namespace

MemoryStats& memory_stats() {
  static MemoryStats stats;
  return stats;
}

void release_cached_memory() {
  for (auto& block : cache()) std::free(block.p);
  cache().clear();
  memory_stats().cached_bytes = 0;
}

static void count_live(int64_t storages, int64_t bytes) {
  auto& stats = memory_stats();
  stats.live_storages += storages;
  stats.live_bytes += bytes;
  if (stats.live_bytes > stats.peak_bytes) stats.peak_bytes = stats.live_bytes;
}

Storage* Storage::allocate(size_t nbytes, bool zeroed) {
  if (nbytes > (size_t(1) << 62)) out_of_memory(nbytes);
  Storage* s;
  if (nbytes <= (size_t(64) << (kClasses - 1))) {
    int c = class_of(nbytes);
    void* block;
    if (free_lists[c]) {
      block = free_lists[c];
      free_lists[c] = free_lists[c]->next;
      --free_counts[c];
    } else {
      block = nullptr;
      if (posix_memalign(&block, kAlign, kHeader + (size_t(64) << c)) != 0) out_of_memory(nbytes);
    }
    s = new (block) Storage();
    s->data_ = static_cast<char*>(block) + kHeader;
    s->size_class_ = static_cast<uint8_t>(c);
    s->kind_ = Kind::Inline;
    if (zeroed) std::memset(s->data_, 0, nbytes);
  } else {
    size_t capacity = nbytes;
    char* data = heap_allocate(capacity, zeroed);
    void* block = nullptr;
    if (posix_memalign(&block, kAlign, kHeader) != 0) out_of_memory(nbytes);
    s = new (block) Storage();
    s->data_ = data;
    s->kind_ = Kind::Heap;
  }
  s->nbytes_ = nbytes;
  count_live(1, static_cast<int64_t>(nbytes));
  return s;
}

Storage* Storage::wrap(void* data, size_t nbytes, void (*release)(void*), void* context, bool readonly) {
  void* block = nullptr;
  if (posix_memalign(&block, kAlign, kHeader) != 0) out_of_memory(nbytes);
  auto* s = new (block) Storage();
  s->data_ = static_cast<char*>(data);
  s->nbytes_ = nbytes;
  s->kind_ = Kind::Foreign;
  s->release_ = release;
  s->context_ = context;
  s->readonly_ = readonly;
  count_live(1, static_cast<int64_t>(nbytes));
  return s;
}

void Storage::free_data() {
  if (kind_ == Kind::Foreign) {
    if (release_) release_(context_);
  } else if (kind_ == Kind::Heap) {
    size_t size = nbytes_ >= kCacheFrom ? round_large(nbytes_) : nbytes_;
    auto& stats = memory_stats();
    if (kPoolLimit && size >= kCacheFrom && stats.cached_bytes + static_cast<int64_t>(size) <= int64_t(kCacheLimit)) {
      cache().push_back({data_, size});
      stats.cached_bytes += static_cast<int64_t>(size);
    } else {
      std::free(data_);
    }
  }
}

void Storage::destroy() {
  count_live(-1, -static_cast<int64_t>(nbytes_));
  if (kind_ == Kind::Inline) {
    int c = size_class_;
    if (free_counts[c] < kPoolLimit) {
      auto* block = reinterpret_cast<FreeBlock*>(this);
      block->next = free_lists[c];
      free_lists[c] = block;
      ++free_counts[c];
      return;
    }
  } else {
    free_data();
  }
  std::free(this);
}

void Storage::resize(size_t nbytes) {
  if (nbytes <= nbytes_) return;
  TORCHY_CHECK(kind_ != Kind::Foreign,
               "resize_: this storage belongs to another library and cannot grow; clone the tensor first");
  TORCHY_CHECK(!pinned_,
               "resize_: Trying to resize storage that is not resizable: its memory was handed to NumPy, a "
               "buffer or DLPack; clone() the tensor first");
  size_t capacity = nbytes < 2048 ? 2048 : nbytes;
  char* data = heap_allocate(capacity, false);
  std::memcpy(data, data_, nbytes_);
  free_data();
  data_ = data;
  count_live(0, static_cast<int64_t>(nbytes) - static_cast<int64_t>(nbytes_));
  nbytes_ = nbytes;
  kind_ = Kind::Heap;
}

}  // namespace torchy
