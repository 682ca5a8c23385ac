// Functions of float32 and float64 that go element by element through the C library or through
// series of our own, in double: the rounding to float is then the only error. Layer: kernels. Built
// once.
#include <cmath>
#include <cstdint>
#include <limits>

#include "pointwise_loops.h"

namespace torchy::kernels {
namespace {

#include "pointwise_templates.inc"

constexpr double kInf = std::numeric_limits<double>::infinity();

// The Hurwitz zeta function by Euler and Maclaurin's summation formula, s > 1.
double hurwitz_zeta(double s, double q) {
  static const double even[] = {// B_2k / (2k)!
                                1.0 / 12,
                                -1.0 / 720,
                                1.0 / 30240,
                                -1.0 / 1209600,
                                1.0 / 47900160,
                                -691.0 / 1307674368000,
                                1.0 / 74724249600,
                                -3617.0 / 10670622842880000,
                                43867.0 / 5109094217170944000};
  if (q <= 0 && q == std::floor(q)) return kInf;
  double sum = 0;
  int added = 0;
  for (; added < 12 || q < 12; ++added, q += 1) sum += std::pow(q, -s);
  double power = std::pow(q, -s);
  sum += q * power / (s - 1) + 0.5 * power;
  double factor = s;
  power /= q;
  for (int k = 0; k < 9; ++k) {
    sum += even[k] * factor * power;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
    power /= q * q;
  }
  return sum;
}

// The n-th derivative of digamma, n >= 1.
double polygamma(int n, double x) {
  const double value = std::tgamma(n + 1.0) * hurwitz_zeta(n + 1, x);
  return n % 2 ? value : -value;
}

TORCHY_FN1(polygamma, return T(polygamma(int(p.d[0]), double(x)));)
template <class T>
void fill(PwTable& t) {
  set1<T>(t, Pw::polygamma, polygamma_fn{});
}

}  // namespace

void pointwise_fill_special(PwTable& table) {
  fill<float>(table);
  fill<double>(table);
}

}  // namespace torchy::kernels
