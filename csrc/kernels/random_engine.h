// The random stream: a Mersenne twister with PyTorch's state, and fillers that draw from it.
// Layer: kernels, on raw contiguous memory. Tensors, argument checks, shapes and the lock around a
// generator shared by threads belong to the binding. Same numbers as PyTorch: see docs/random.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "../core/dtype.h"

namespace torchy {

// MT19937 (Matsumoto and Nishimura 1998). Copying it clones the stream.
class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721ULL;
  static constexpr int64_t kStateBytes = 5056;        // what get_state writes
  static constexpr int64_t kLegacyStateBytes = 5048;  // also read: no cached float normal

  explicit Generator(uint64_t seed_value = kDefaultSeed) { seed(seed_value); }

  // Restarts the stream from the low 32 bits and drops cached normals. A negative Python seed is
  // passed as its two's complement; initial_seed() gives all 64 bits back.
  void seed(uint64_t value);
  uint64_t initial_seed() const { return seed_; }
  // A fresh 53-bit seed from the operating system, for Generator.seed(); does not seed.
  static uint64_t seed_from_system();

  // One word, and two words with the first one high.
  uint32_t random() {
    if (next_ >= kWords) refill();
    return temper(state_[next_++]);
  }
  uint64_t random64() {
    uint64_t high = random();
    return high << 32 | random();
  }
  // The next n words, the same as n calls of random().
  void random_block(uint32_t* out, int64_t n);

  // Uniform on [0, 1): 24 bits of one word, 53 bits of two.
  float uniform_float() { return static_cast<float>(random() & 0xffffffu) * 0x1p-24f; }
  double uniform_double() { return static_cast<double>(random64() & 0x1fffffffffffffULL) * 0x1p-53; }
  // A standard normal: from the cache, else from two uniform doubles (four words), whose second
  // normal is cached. Only this and seed/set_state touch the cache.
  double normal_double();

  // The cached normals. Nothing here fills the float one; it exists for the state's sake.
  std::optional<float>& next_float_normal() { return next_float_normal_; }
  std::optional<double>& next_double_normal() { return next_double_normal_; }

  // PyTorch's byte layout (little endian): seed u64, left i32, seeded i32, next u64, 624 words as
  // u64, three f64 of which the second is the cached normal, its flag u32 and padding, cached float
  // normal, its flag and padding. set_state throws RuntimeError and changes nothing if the bytes
  // are not a state.
  void get_state(uint8_t* out) const;
  void set_state(const uint8_t* bytes, int64_t size);

 private:
  static constexpr uint32_t kWords = 624;

  static uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }
  void refill();

  std::array<uint32_t, kWords> state_;
  uint32_t next_ = kWords;  // the word to give next; kWords: a new round first
  bool fresh_ = true;       // seeded and not drawn from, which the byte layout tells apart
  uint64_t seed_ = 0;
  std::optional<float> next_float_normal_;
  std::optional<double> next_double_normal_;
};

// ---- Fillers -------------------------------------------------------------------------------
// Each writes n elements. "Words" is how much of the stream one element takes. Floating T: float,
// double, Half, BFloat16. Any T: these, bool and the five integer types.
//
// For the binding, as PyTorch does it:
// - A complex tensor of n elements is a real one of 2n. rand: uniform on [0, 1) in both parts.
//   normal_(mean, std) and randn: fill_normal with this mean and std / std::sqrt(2.0).
// - A tensor that is not contiguous is filled in memory order (dimensions by falling stride),
//   through a contiguous temporary, and normals then take fill_normal_serial whatever their number.
// - torch.normal with tensors: mean tensor: fill_normal(0, std), then + mean. std tensor:
//   fill_normal(0, 1), then * std, then + mean; each step rounds.
// - dropout: fill_bernoulli(1 - p) as T, divided by 1 - p, times the input.

// Uniform on [lo, hi). Words: 1; double 2. Requires lo <= hi, and hi - lo finite in T.
template <class T>
void fill_uniform(Generator& gen, T* out, int64_t n, double lo, double hi);

// Normal, std >= 0. n < 16: fill_normal_serial. n >= 16: Box-Muller over blocks of 16 uniforms, 8
// cosines then 8 sines, the cache untouched. An uneven n redoes the last 16 elements from 16 new
// uniforms. Words: n, plus 16 if n % 16 != 0 (Half and BFloat16: n rounded down to 16, plus 16);
// twice that for double.
template <class T>
void fill_normal(Generator& gen, T* out, int64_t n, double mean, double std);
// Normal one at a time, through the cache. Words: 4 per pair of elements.
template <class T>
void fill_normal_serial(Generator& gen, T* out, int64_t n, double mean, double std);

// Integers in [lo, hi), lo < hi: randint and random_(lo, hi). Any T; as in PyTorch, the bounds move
// inward where a floating T would round an end out of them. Words: 1; 2 where hi - lo >= 2^28.
template <class T>
void fill_randint(Generator& gen, T* out, int64_t n, int64_t lo, int64_t hi);
// random_(lo, None): lo to the largest value that fill_random gives; any int64 where lo is -2^63.
// Words: as fill_randint.
template <class T>
void fill_random_from(Generator& gen, T* out, int64_t n, int64_t lo);
// random_() without bounds: 0 to the largest value of an integer type, 0 or 1 for bool, 0 to
// 2^digits for a floating type. Words: 1; int64 and double 2.
template <class T>
void fill_random(Generator& gen, T* out, int64_t n);

// A permutation of 0..n-1 (Fisher and Yates). Any T. Words: n - 1 in all; 2n where
// n >= (2^32 - 1) / 20.
template <class T>
void fill_randperm(Generator& gen, T* out, int64_t n);

// 1 with probability p, else 0. Any T. One p for all (bernoulli_(float), dropout): words 2.
template <class T>
void fill_bernoulli(Generator& gen, T* out, int64_t n, double p);
// A probability per element: words 1; 2 where P is double. P: floating.
template <class T, class P>
void fill_bernoulli(Generator& gen, T* out, int64_t n, const P* p);

// Floating T; computed in double and then rounded. Words: 2 (log_normal: as fill_normal_serial).
template <class T>
void fill_exponential(Generator& gen, T* out, int64_t n, double lambda);
template <class T>
void fill_cauchy(Generator& gen, T* out, int64_t n, double median, double sigma);
template <class T>
void fill_log_normal(Generator& gen, T* out, int64_t n, double mean, double std);
// Trials up to the first success, 0 < p < 1. Any T but bool. Words: 2.
template <class T>
void fill_geometric(Generator& gen, T* out, int64_t n, double p);
// torch.poisson: a count for each rate >= 0. Floating T. Words: 2 per uniform, as many as it takes.
template <class T>
void fill_poisson(Generator& gen, T* out, int64_t n, const T* rate);

// Category numbers for `rows` distributions of `categories` weights, which need not sum to 1, into
// out[rows][samples]. P: floating. RuntimeError for weights that are negative, infinite, NaN or
// all zero, or too few categories.
// With replacement and samples > 1: 2 words per sample, row after row. Otherwise: the largest of
// weight / exponential, 2 words per weight, row after row (PyTorch's exponentials follow the memory
// order of weights that are not contiguous; those differ).
template <class P>
void multinomial(Generator& gen, const P* weights, int64_t rows, int64_t categories, int64_t* out, int64_t samples,
                 bool replacement);

}  // namespace torchy
