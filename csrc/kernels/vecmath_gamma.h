// Branch-free inverse error function, log-gamma and digamma, vectorised inside a plain loop.
// Layer: kernels; included inside the per-instruction-set namespace after vecmath_trig.h.
#pragma once

// erfinv(x) / x as a function of w = -ln(1 - x^2), as in M. Giles, "Approximating the erfinv
// function", with our own coefficients.
[[gnu::always_inline]] inline float erfinv_ratio(float w) {
  const float near_zero =
      long_poly(w - 2.5f, 1.50140941f, 0.24664028f, -0.00417738687f, -0.0012527419f, 0.000218344561f, -4.96333678e-06f,
                -3.46273237e-06f, 4.66166284e-07f, 2.32346569e-08f, -8.79065798e-09f);
  const float far =
      long_poly(std::sqrt(w) - 3.0f, 2.83297682f, 1.00167513f, 0.00944568403f, -0.00763941137f, 0.00568317436f,
                -0.00358698494f, 0.00149585074f, -7.66184094e-05f, -0.000318717823f, 0.000128960455f);
  return w < 5.0f ? near_zero : far;
}
[[gnu::always_inline]] inline double erfinv_ratio(double w) {
  const double near_zero =
      long_poly(w - 3.125, 1.6536545626831027, 0.24015818242558826, -0.0060336708714277543, -0.0007407025341539551,
                0.00018673420802425562, -1.3882523395791289e-05, -1.3654691844338898e-06, 4.2347881907749407e-07,
                -2.9070382775491748e-08, -4.1126619777919533e-09, 1.0512183986621027e-09, -5.4142389952746257e-11,
                -1.2976958348802177e-11, 2.6303545702322378e-12, -8.1170075145428984e-14, -3.9989778702106941e-14,
                6.5946985978124034e-15, -4.286549970755257e-17, -1.300389699350487e-16, 1.5759764792115281e-17,
                1.1444075615635186e-18, -3.5754907265622747e-19, -1.009014440662708e-21, 3.3757315988085266e-21);
  const double s = std::sqrt(w);
  const double middle =
      long_poly(s - 3.25, 3.0838856104922203, 1.0052589676941597, 0.0053709145536025432, -0.0037512085075982072,
                0.0024914420955131364, -0.0016882755553094644, 0.00095328939062437157, -0.00035503752825356155,
                2.4031010689545028e-05, 6.8284897658514549e-05, -4.731771666518835e-05, 1.2475151130853973e-05,
                2.9218994344751154e-06, -4.0135777399091186e-06, 1.5054558421164488e-06, 1.7949150269902687e-08,
                -2.7774576455556933e-07, 9.0876425007532498e-08, 3.2281830896520289e-09);
  const double far =
      long_poly(s - 5.0, 4.8499064014085844, 1.0103004648645302, -0.00013871931834471342, -0.00021503011912473959,
                7.5995277309885429e-05, -1.9681780152425897e-05, 4.5260596227173624e-06, -9.9297235493405006e-07,
                2.2901911768673384e-07, -6.7738705694431092e-08, 2.9112432861859033e-08, -1.492351724316874e-08,
                7.6630319890947941e-09, -3.8147053845461752e-09, 1.4755644816538032e-09, -2.4862454530115707e-10,
                -1.8419443748285891e-11);
  return w < 6.25 ? near_zero : (s < 4.0 ? middle : far);
}

// ulp: 3.2, 2.5
template <class T>
[[gnu::always_inline]] inline T verfinv(T x) {
  const T a = vabs(x);
  const T w = -vlog((T(1) - a) * (T(1) + a));
  const T y = a == T(1) ? std::numeric_limits<T>::infinity() : a * erfinv_ratio(w);
  return with_sign_of(vabs(y), x);
}

// ln(Gamma(2 + d)) for |d| <= 1/2, exactly 0 at d = 0.
[[gnu::always_inline]] inline double lgamma_at_two(double d) {
  return d * long_poly(d, 0.42278433509846713, 0.32246703342411331, -0.067352301053195757, 0.020580808427765933,
                       -0.0073855510289252257, 0.0028905103318430012, -0.0011927539013276915, 0.00050966949508709472,
                       -0.00022315497229761174, 9.9457944447089186e-05, -4.4923771563384733e-05, 2.050354247591879e-05,
                       -9.4560808419316315e-06, 4.3935256319684465e-06, -1.9748211829103801e-06, 8.9989386431934713e-07,
                       -5.8061790788056873e-07, 2.9771097221250317e-07);
}

// ln(Gamma(b)) for b > 0. Below 8 the recurrence leads to [1.5, 2.5], so that the zeros at 1 and 2
// stay exact and one logarithm does; from 8 on Stirling's series.
[[gnu::always_inline]] inline double lgamma_positive(double b) {
  double t = b, product = 1.0;
  for (int step = 0; step < 6; ++step) {
    const bool above = (t >= 2.5) & (b < 8.0);
    t = above ? t - 1.0 : t;
    product = above ? product * t : product;
  }
  const bool below = b < 1.5, tiny = b < 0.5, large = b >= 8.0;
  const double d = tiny ? b : (below ? b - 1.0 : t - 2.0);
  const double q = tiny ? b * (1.0 + b) : (below ? b : product);
  const double log_q = vlog(large ? b : q);
  const double near_two = lgamma_at_two(large ? 0.0 : d) + (below ? -log_q : log_q);
  const double inverse = 1.0 / b;
  const double series =
      inverse * horner(inverse * inverse, 0.083333333333333329, -0.0027777777777777779, 0.00079365079365079365,
                       -0.00059523809523809529, 0.00084175084175084171, -0.0019175269175269176, 0.0064102564102564101);
  const double stirling = ((b - 0.5) * log_q - b) + (0.91893853320467278 + series);
  return large ? stirling : near_two;
}

// ln|Gamma(x)|; negative arguments by reflection. ulp: 0.51, 5 for x > 0;
// doubles below 0 within 4e-16 of max(1, ln Gamma(1 - x)).
[[gnu::always_inline]] inline double vlgamma(double x) {
  const double a = vabs(x);
  const bool negative = x < 0.0;
  const double y = lgamma_positive(negative ? 1.0 - x : x);
  double sine, cosine;
  sin_cos_pi(a, sine, cosine);
  const bool tiny = a < 1e-300;  // sin(pi x) = pi x would lose bits among the denormals
  const double log_pi = tiny ? 0.0 : 1.1447298858494002;
  const double reflected = (log_pi - vlog(tiny ? a : vabs(sine))) - y;
  const double result = negative ? reflected : y;
  const double infinity = std::numeric_limits<double>::infinity();
  return a > 1e306 ? a * infinity : result;  // infinite there, infinite arguments included
}
[[gnu::always_inline]] inline float vlgamma(float x) { return float(vlgamma(double(x))); }

// Digamma: the recurrence to z >= 8 with the sum of 1 / (x + k) as one fraction, then the
// asymptotic series; x < 0 by reflection, NaN at the poles there, -+infinity at +-0. Float within
// 0.51 ulp, double within 2e-15 of max(1, the largest term).
[[gnu::always_inline]] inline double vdigamma(double x) {
  const bool negative = x < 0.0;
  const double b = negative ? 1.0 - x : x;
  double numerator = 1.0, denominator = b;
  for (int k = 1; k < 8; ++k) {
    numerator = numerator * (b + k) + denominator;
    denominator = denominator * (b + k);
  }
  const bool shifted = b < 8.0;
  const double z = shifted ? b + 8.0 : b;
  const double sum = shifted ? numerator / denominator : 0.0;
  const double inverse = 1.0 / z;
  const double v = inverse * inverse;
  const double series = v * long_poly(v, 0.083333333333333329, -0.0083333333333333332, 0.003968253968253968,
                                      -0.0041666666666666666, 0.0075757575757575760, -0.021092796092796094,
                                      0.083333333333333329, -0.44325980392156861, 3.0539543302701198);
  const double y = (vlog(z) - (0.5 * inverse + series)) - sum;
  double sine, cosine;
  sin_cos_pi(vabs(x), sine, cosine);
  const double reflected = y + 3.1415926535897931 * cosine / sine;  // x < 0: -pi / tan(pi x)
  const double pole = sine == 0.0 ? std::numeric_limits<double>::quiet_NaN() : reflected;
  return negative ? pole : y;
}
[[gnu::always_inline]] inline float vdigamma(float x) { return float(vdigamma(double(x))); }
