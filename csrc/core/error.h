// The exceptions kernels throw; the binding maps each to the Python exception of the same name.
// Layer: core.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace torchy {

enum class ErrorKind : uint8_t { Runtime, Index, Type, Value, NotImplemented, Memory, Overflow, Python };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& text) : std::runtime_error(text), kind(kind) {}
  ErrorKind kind;
};

// A Python exception is already set; the binding only has to return.
struct PythonError : Error {
  PythonError() : Error(ErrorKind::Python, "python error") {}
};

template <class... Args>
std::string str_cat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

#define TORCHY_ERROR_FN(name, kind)                 \
  template <class... Args>                          \
  [[noreturn]] void name(const Args&... args) {     \
    throw Error(ErrorKind::kind, str_cat(args...)); \
  }
TORCHY_ERROR_FN(fail, Runtime)
TORCHY_ERROR_FN(fail_index, Index)
TORCHY_ERROR_FN(fail_type, Type)
TORCHY_ERROR_FN(fail_value, Value)
TORCHY_ERROR_FN(fail_not_implemented, NotImplemented)
#undef TORCHY_ERROR_FN

// check(cond, parts...): RuntimeError built from the parts only when cond is false.
#define TORCHY_CHECK(cond, ...)                                    \
  do {                                                             \
    if (__builtin_expect(!(cond), 0)) ::torchy::fail(__VA_ARGS__); \
  } while (0)

}  // namespace torchy
