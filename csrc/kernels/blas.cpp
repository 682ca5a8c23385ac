// Loading OpenBLAS with dlopen, its functions by name, and its thread count. Layer: kernels.
#include "blas.h"

#include <dlfcn.h>

#include <atomic>
#include <mutex>

#include "../core/threads.h"

namespace torchy::blas {
namespace {

// scipy-openblas's prefix first, then a plain build's.
constexpr const char* kPrefixes[] = {"scipy_", ""};

struct Library {
  void* handle = nullptr;
  const char* prefix = "";
  std::string config, error;
  void (*set_threads)(int) = nullptr;
  std::atomic<int> threads{0};
};

std::mutex loading;
std::atomic<bool> loaded{false};
FindBlas finder = nullptr;
std::string path;

void* lookup(const Library& lib, const std::string& name) {
  if (!lib.handle) return nullptr;
  if (void* found = dlsym(lib.handle, (lib.prefix + name).c_str())) return found;
  return dlsym(lib.handle, name.c_str());
}

void load(Library& lib) {
  if (path.empty() && finder) path = finder();
  if (path.empty()) {
    lib.error = "no OpenBLAS library was found; install scipy-openblas32";
    return;
  }
  lib.handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!lib.handle) {
    const char* why = dlerror();
    lib.error = why ? why : "dlopen failed";
    return;
  }
  bool known = false;
  for (const char* prefix : kPrefixes) {
    lib.prefix = prefix;
    if ((known = lookup(lib, "dgesv_") != nullptr)) break;
  }
  if (!known) {
    lib.error = path + " has no dgesv_; an OpenBLAS built with LAPACK is needed";
    dlclose(lib.handle);
    lib.handle = nullptr;
    return;
  }
  using Config = char* (*)();
  if (auto config = reinterpret_cast<Config>(lookup(lib, "openblas_get_config"))) lib.config = config();
  lib.set_threads = reinterpret_cast<void (*)(int)>(lookup(lib, "openblas_set_num_threads"));
}

// Never unloaded: its threads may outlive our static objects.
Library& library() {
  static Library& lib = *new Library;
  if (!loaded.load(std::memory_order_acquire)) {
    std::lock_guard<std::mutex> lock(loading);
    if (!loaded.load()) {
      load(lib);
      loaded.store(true, std::memory_order_release);
    }
  }
  return lib;
}

}  // namespace

void set_blas_finder(FindBlas find) {
  std::lock_guard<std::mutex> lock(loading);
  finder = find;
}

bool set_blas_path(const std::string& given) {
  std::lock_guard<std::mutex> lock(loading);
  if (loaded.load()) return false;
  path = given;
  return true;
}

bool available() { return library().handle != nullptr; }
const std::string& config() { return library().config; }
const std::string& load_error() { return library().error; }
void* symbol(const char* name) { return lookup(library(), name); }

void match_threads() {
  Library& lib = library();
  const int count = in_parallel_region() ? 1 : get_num_threads();
  if (lib.set_threads && lib.threads.exchange(count) != count) lib.set_threads(count);
}

}  // namespace torchy::blas
