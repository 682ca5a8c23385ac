// Fillers that draw element by element (integers, permutations, Bernoulli, exponential and others)
// and the multinomial choice.
// Layer: kernels. The stream itself, uniform and normal are in random_engine.cpp.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/error.h"
#include "random_engine.h"

namespace torchy {

namespace {

constexpr int64_t kBlock = 624;  // words drawn at a time

// f(i, word) for each of n words.
template <class F>
void each_word(Generator& gen, int64_t n, F&& f) {
  uint32_t words[kBlock];
  for (int64_t i = 0; i < n; i += kBlock) {
    int64_t count = std::min(n - i, kBlock);
    gen.random_block(words, count);
    for (int64_t j = 0; j < count; j++) f(i + j, words[j]);
  }
}
// f(i, value) for each of n 64-bit values.
template <class F>
void each_word64(Generator& gen, int64_t n, F&& f) {
  uint32_t words[kBlock];
  for (int64_t i = 0; i < n; i += kBlock / 2) {
    int64_t count = std::min(n - i, kBlock / 2);
    gen.random_block(words, 2 * count);
    for (int64_t j = 0; j < count; j++) f(i + j, static_cast<uint64_t>(words[2 * j]) << 32 | words[2 * j + 1]);
  }
}
template <class F>
void each_double(Generator& gen, int64_t n, F&& f) {
  each_word64(gen, n,
              [&](int64_t i, uint64_t bits) { f(i, static_cast<double>(bits & 0x1fffffffffffffULL) * 0x1p-53); });
}

// An integer into any element type; the half types have no direct conversion from int64.
template <class T>
T from_int(int64_t value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) return T(static_cast<float>(value));
  else return static_cast<T>(value);
}

template <class T>
constexpr bool kIsFloating = std::is_floating_point_v<T> || std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

// Bits of the significand of a floating type.
template <class T>
constexpr int significand_bits() {
  if (std::is_same_v<T, Half>) return 11;
  if (std::is_same_v<T, BFloat16>) return 8;
  return std::numeric_limits<T>::digits;
}

// The largest value of random_() without bounds.
template <class T>
constexpr uint64_t random_limit() {
  if (kIsFloating<T>) return uint64_t{1} << significand_bits<T>();
  return static_cast<uint64_t>(std::numeric_limits<T>::max());
}

// value as T holds it: for a floating T too narrow for it, a rounded one.
template <class T>
int64_t through(int64_t value) {
  return static_cast<int64_t>(static_cast<double>(from_int<T>(value)));
}
// The distance of values of a floating T near |value|.
template <class T>
int64_t spacing(int64_t value) {
  int exponent = 0;
  for (uint64_t v = value < 0 ? 0 - static_cast<uint64_t>(value) : value; v >>= 1;) exponent++;
  return int64_t{1} << std::max(0, exponent - significand_bits<T>() + 1);
}
// Bounds moved inward where T would round the first or last integer out of them, as in PyTorch.
template <class T>
int64_t inner_lo(int64_t lo) {
  if constexpr (!kIsFloating<T>) return lo;
  int64_t held = through<T>(lo + 1);
  return held < lo ? held + spacing<T>(lo + 1) : lo;
}
template <class T>
int64_t inner_hi(int64_t hi) {
  if constexpr (!kIsFloating<T>) return hi;
  int64_t held = through<T>(hi - 1);
  return held >= hi ? held - spacing<T>(hi - 1) : hi;
}

template <class T>
void fill_range(Generator& gen, T* out, int64_t n, int64_t lo, uint64_t range) {
  uint64_t base = static_cast<uint64_t>(lo);
  if (range >= uint64_t{1} << 28) {
    each_word64(gen, n,
                [&](int64_t i, uint64_t bits) { out[i] = from_int<T>(static_cast<int64_t>(bits % range + base)); });
  } else {
    uint32_t small = static_cast<uint32_t>(range);
    each_word(gen, n,
              [&](int64_t i, uint32_t word) { out[i] = from_int<T>(static_cast<int64_t>(word % small + base)); });
  }
}

}  // namespace

template <class T>
void fill_randint(Generator& gen, T* out, int64_t n, int64_t lo, int64_t hi) {
  lo = inner_lo<T>(lo);
  hi = inner_hi<T>(hi);
  TORCHY_CHECK(lo < hi, "random: no values from ", lo, " to below ", hi, "; give a larger bound");
  fill_range(gen, out, n, lo, static_cast<uint64_t>(hi) - static_cast<uint64_t>(lo));
}

template <class T>
void fill_random_from(Generator& gen, T* out, int64_t n, int64_t lo) {
  if (lo != std::numeric_limits<int64_t>::min()) {
    lo = inner_lo<T>(lo);
    return fill_range(gen, out, n, lo, random_limit<T>() - static_cast<uint64_t>(lo) + 1);
  }
  each_word64(gen, n, [&](int64_t i, uint64_t bits) { out[i] = from_int<T>(static_cast<int64_t>(bits)); });
}

template <class T>
void fill_random(Generator& gen, T* out, int64_t n) {
  constexpr uint64_t kRange = random_limit<T>() + 1;
  if constexpr (sizeof(T) == 8) {
    each_word64(gen, n, [&](int64_t i, uint64_t bits) { out[i] = static_cast<T>(bits % kRange); });
  } else {
    each_word(gen, n, [&](int64_t i, uint32_t word) { out[i] = from_int<T>(static_cast<int64_t>(word % kRange)); });
  }
}

template <class T>
void fill_randperm(Generator& gen, T* out, int64_t n) {
  if (n < std::numeric_limits<uint32_t>::max() / 20) {
    for (int64_t i = 0; i < n; i++) out[i] = from_int<T>(i);
    each_word(gen, n - 1,
              [&](int64_t i, uint32_t word) { std::swap(out[i], out[i + word % static_cast<uint32_t>(n - i)]); });
    return;
  }
  // one word would be too unevenly spread; PyTorch turns to the inside-out form here
  each_word64(gen, n, [&](int64_t i, uint64_t bits) {
    uint64_t at = bits % static_cast<uint64_t>(i + 1);
    out[i] = out[at];
    out[at] = from_int<T>(i);
  });
}

template <class T>
void fill_bernoulli(Generator& gen, T* out, int64_t n, double p) {
  const T zero = from_int<T>(0), one = from_int<T>(1);
  each_double(gen, n, [&](int64_t i, double u) { out[i] = u < p ? one : zero; });
}

template <class T, class P>
void fill_bernoulli(Generator& gen, T* out, int64_t n, const P* p) {
  const T zero = from_int<T>(0), one = from_int<T>(1);
  if constexpr (std::is_same_v<P, double>) {
    each_double(gen, n, [&](int64_t i, double u) { out[i] = u < p[i] ? one : zero; });
  } else {
    each_word(gen, n, [&](int64_t i, uint32_t word) {
      float u = static_cast<float>(word & 0xffffffu) * 0x1p-24f;
      out[i] = u < static_cast<float>(p[i]) ? one : zero;
    });
  }
}

template <class T>
void fill_exponential(Generator& gen, T* out, int64_t n, double lambda) {
  double scale = -1.0 / lambda;
  each_double(gen, n, [&](int64_t i, double u) { out[i] = static_cast<T>(scale * std::log1p(-u)); });
}

template <class T>
void fill_cauchy(Generator& gen, T* out, int64_t n, double median, double sigma) {
  each_double(gen, n, [&](int64_t i, double u) {
    out[i] = static_cast<T>(__builtin_fma(sigma, std::tan(M_PI * (u - 0.5)), median));
  });
}

template <class T>
void fill_log_normal(Generator& gen, T* out, int64_t n, double mean, double std) {
  for (int64_t i = 0; i < n; i++) out[i] = static_cast<T>(std::exp(__builtin_fma(gen.normal_double(), std, mean)));
}

template <class T>
void fill_geometric(Generator& gen, T* out, int64_t n, double p) {
  double log_fail = std::log1p(-p);
  each_double(gen, n, [&](int64_t i, double u) { out[i] = static_cast<T>(std::ceil(std::log(u) / log_fail)); });
}

namespace {

// Counts uniforms until their product falls below exp(-rate) (Knuth); for small rates.
double poisson_product(Generator& gen, double rate) {
  double bound = std::exp(-rate), product = 1.0;
  int64_t count = -1;
  do {
    product *= gen.uniform_double();
    count++;
  } while (product > bound);
  return static_cast<double>(count);
}

// W. Hörmann, "The transformed rejection method for generating Poisson random variables" (1993),
// algorithm PTRS; for rates of 10 and more.
double poisson_rejection(Generator& gen, double rate) {
  double root = std::sqrt(rate), log_rate = std::log(rate);
  double b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
  double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), accept = 0.9277 - 3.6224 / (b - 2.0);
  while (true) {
    double u = gen.uniform_double() - 0.5, v = gen.uniform_double();
    double us = 0.5 - std::fabs(u), k = std::floor((2.0 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= accept) return k;
    if (k < 0.0 || (us < 0.013 && v > us)) continue;
    double left = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
    if (left <= -rate + k * log_rate - std::lgamma(k + 1.0)) return k;
  }
}

}  // namespace

template <class T>
void fill_poisson(Generator& gen, T* out, int64_t n, const T* rate) {
  for (int64_t i = 0; i < n; i++) {
    double r = static_cast<double>(rate[i]);
    TORCHY_CHECK(r >= 0, "poisson: the rate is ", r, "; rates must not be negative or NaN");
    double count = r >= 10 ? poisson_rejection(gen, r) : r == 0 ? 0.0 : poisson_product(gen, r);
    out[i] = static_cast<T>(count);
  }
}

namespace {

template <class P>
void check_weights(const P* weights, int64_t rows, int64_t categories) {
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0;
    for (int64_t c = 0; c < categories; c++) {
      double w = static_cast<double>(weights[r * categories + c]);
      TORCHY_CHECK(w >= 0 && std::isfinite(w), "multinomial: probability tensor contains ", w,
                   "; weights must not be negative, inf or nan");
      sum += w;
    }
    TORCHY_CHECK(sum > 0, "multinomial: the weights of row ", r, " sum to 0; at least one must be positive");
  }
}

// The rank of PyTorch's topk and argmax: NaN above all numbers.
template <class P>
bool ranks_before(P x, P y) {
  return (x != x && y == y) || x > y;
}

// The positions of the `samples` largest of `score`, best first. Equal scores come out in the order
// that the standard library's selection leaves them in, as in PyTorch.
template <class P>
struct TopScores {
  std::vector<std::pair<P, int64_t>> queue;

  void choose(const std::vector<P>& score, int64_t samples, int64_t* out) {
    int64_t n = static_cast<int64_t>(score.size());
    queue.resize(score.size());
    for (int64_t i = 0; i < n; i++) queue[i] = {score[i], i};
    auto before = [](const auto& x, const auto& y) { return ranks_before(x.first, y.first); };
    if (samples == 1) {
      // the first of equals
      out[0] = std::min_element(queue.begin(), queue.end(), before)->second;
      return;
    }
    if (samples * 64 <= n) {
      std::partial_sort(queue.begin(), queue.begin() + samples, queue.end(), before);
    } else {
      std::nth_element(queue.begin(), queue.begin() + samples - 1, queue.end(), before);
      std::sort(queue.begin(), queue.begin() + samples - 1, before);
    }
    for (int64_t i = 0; i < samples; i++) out[i] = queue[i].second;
  }
};

// Searches a running sum, scaled to end at 1, for each of the uniforms.
template <class P, class C>
void sample_row(Generator& gen, const P* weights, std::vector<C>& upto, int64_t* out, int64_t samples) {
  C sum = 0;
  for (size_t c = 0; c < upto.size(); c++) upto[c] = sum += static_cast<C>(weights[c]);
  for (C& u : upto) u /= sum;
  upto.back() = 1;
  for (int64_t s = 0; s < samples; s++) {
    double u = gen.uniform_double();
    auto at = std::lower_bound(upto.begin(), upto.end(), u, [](C a, double b) { return a < b; });
    out[s] = at - upto.begin();
  }
}

}  // namespace

template <class P>
void multinomial(Generator& gen, const P* weights, int64_t rows, int64_t categories, int64_t* out, int64_t samples,
                 bool replacement) {
  TORCHY_CHECK(samples > 0, "multinomial: the number of samples is ", samples, "; at least one is needed");
  TORCHY_CHECK(replacement || samples <= categories, "multinomial: cannot draw ", samples, " samples from ", categories,
               " categories without replacement");
  check_weights(weights, rows, categories);
  if (replacement && samples > 1) {
    using C = std::conditional_t<std::is_same_v<P, double>, double, float>;
    std::vector<C> upto(static_cast<size_t>(categories));
    for (int64_t r = 0; r < rows; r++) sample_row(gen, weights + r * categories, upto, out + r * samples, samples);
    return;
  }
  // The smallest of exponentials with these rates is category c with its probability.
  std::vector<P> score(static_cast<size_t>(categories));
  TopScores<P> top;
  for (int64_t r = 0; r < rows; r++) {
    fill_exponential(gen, score.data(), categories, 1.0);
    for (int64_t c = 0; c < categories; c++) score[c] = weights[r * categories + c] / score[c];
    top.choose(score, samples, out + r * samples);
  }
}

#define TORCHY_ANY(T)                                                              \
  template void fill_randint<T>(Generator&, T*, int64_t, int64_t, int64_t);        \
  template void fill_random_from<T>(Generator&, T*, int64_t, int64_t);             \
  template void fill_random<T>(Generator&, T*, int64_t);                           \
  template void fill_randperm<T>(Generator&, T*, int64_t);                         \
  template void fill_bernoulli<T>(Generator&, T*, int64_t, double);                \
  template void fill_bernoulli<T, float>(Generator&, T*, int64_t, const float*);   \
  template void fill_bernoulli<T, double>(Generator&, T*, int64_t, const double*); \
  template void fill_bernoulli<T, Half>(Generator&, T*, int64_t, const Half*);     \
  template void fill_bernoulli<T, BFloat16>(Generator&, T*, int64_t, const BFloat16*);
#define TORCHY_NUMBER(T) \
  TORCHY_ANY(T)          \
  template void fill_geometric<T>(Generator&, T*, int64_t, double);
#define TORCHY_FLOATING(T)                                                   \
  TORCHY_NUMBER(T)                                                           \
  template void fill_exponential<T>(Generator&, T*, int64_t, double);        \
  template void fill_cauchy<T>(Generator&, T*, int64_t, double, double);     \
  template void fill_log_normal<T>(Generator&, T*, int64_t, double, double); \
  template void fill_poisson<T>(Generator&, T*, int64_t, const T*);          \
  template void multinomial<T>(Generator&, const T*, int64_t, int64_t, int64_t*, int64_t, bool);
TORCHY_ANY(bool)
TORCHY_NUMBER(uint8_t)
TORCHY_NUMBER(int8_t)
TORCHY_NUMBER(int16_t)
TORCHY_NUMBER(int32_t)
TORCHY_NUMBER(int64_t)
TORCHY_FLOATING(float)
TORCHY_FLOATING(double)
TORCHY_FLOATING(Half)
TORCHY_FLOATING(BFloat16)
#undef TORCHY_ANY
#undef TORCHY_NUMBER
#undef TORCHY_FLOATING

}  // namespace torchy
