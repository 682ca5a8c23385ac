// Branch-free error-function family, float and double, vectorised inside a plain loop.
// Layer: kernels; included inside the per-instruction-set namespace after vecmath.h.
#pragma once

// erf(x) / x - 1 as a polynomial in z = x^2, for |x| <= 0.85 (float) and 1 (double).
[[gnu::always_inline]] inline float erf_tail(float z) {
  return horner(z, 0.128379166f, -0.376125723f, 0.112827174f, -0.0268025529f, 0.00505109737f, -0.000631512667f);
}
[[gnu::always_inline]] inline double erf_tail(double z) {
  return long_poly(z, 0.12837916709551259, -0.37612638903183748, 0.11283791670954857, -0.026866170645072893,
                   0.005223977624780835, -0.00085483269787405675, 0.00012055331036846668, -1.4925593505766364e-05,
                   1.6460972801190717e-06, -1.6350025076223882e-07, 1.4657878989888879e-08, -1.1365663136628493e-09,
                   5.9452576939415425e-11);
}

// Small |x|: an odd polynomial. Otherwise 1 - 2^-q(|x|), whose last part need not be exact.
// ulp: 1.45, 1.45
[[gnu::always_inline]] inline float verf(float x) {
  const float a = vabs(x);
  const float small = a + a * erf_tail(a * a);
  const float c = a > 4.0f ? 4.0f : a;
  const float q = horner(c, 0.000150865861f, 1.62744772f, 0.918303311f, 0.150798425f, -0.032487791f, 0.00449801842f,
                         -0.000293832767f);
  const float magic = FloatBits<float>::kRound + 127.0f;
  const float rounded = magic - q;
  const float r = (magic - rounded) - q;
  const float big = 1.0f - (1.0f + r * exp2_tail(r)) * power_of_two(rounded);
  return with_sign_of(a < 0.85f ? small : big, x);
}

[[gnu::always_inline]] inline double verf(double x) {
  const double a = vabs(x);
  const double small = a + a * erf_tail(a * a);
  const double c = a > 6.0 ? 6.0 : a;
  const double q = long_poly(
      c, -3.3865482263473497e-08, 1.6279074675650456, 0.9184455008383835, 0.14827986807660218, -0.027624590020521641,
      -0.00024463339990605625, 0.0023564331690253261, -0.00073664659786859066, -8.0220594958139519e-05,
      0.00019139992420545547, -0.00011017071022401478, 4.2265725355931246e-05, -1.2333600543851121e-05,
      2.8454508777434824e-06, -5.2350803739115005e-07, 7.6265232697803618e-08, -8.6242685262094208e-09,
      7.3073049784571033e-10, -4.365960326310878e-11, 1.6398160869820217e-12, -2.9104580328861779e-14);
  const double magic = FloatBits<double>::kRound + 1023.0;
  const double rounded = magic - q;
  const double r = (magic - rounded) - q;
  const double big = 1.0 - (1.0 + r * exp2_tail(r)) * power_of_two(rounded);
  return with_sign_of(a < 1.0 ? small : big, x);
}

// e^-square to about 2^-29, for 0 <= square < 700: enough inside functions of float arguments.
[[gnu::always_inline]] inline double exp_negative_coarse(double square) {
  double rounded;
  const double r = reduce_ln2(-square, 1023.0, rounded);
  return horner(r, 1.0000000005684917, 1.0000000369731912, 0.49999991928356519, 0.1666641723449403,
                0.041668246219603272, 0.0083750629137555061, 0.0013836428869706712) *
         power_of_two(rounded);
}

// e^(y^2) erfc(y) for 0 <= y <= 10.3 to about 2^-29; a polynomial in (y - 3) / (y + 3).
[[gnu::always_inline]] inline double erfcx_coarse(double y) {
  const double u = 1.0 / (y + 3.0);
  return u * long_poly((y - 3.0) * u, 1.0740069078373522, -0.88339448776932883, 0.59022829216795036,
                       -0.31046597069853638, 0.11952917280470683, -0.0268400612567141, -0.0012270463625384483,
                       0.003080577704513789, -0.00048199429772416799, -0.00032471919646058408);
}

// The same for 0.6 <= y <= 27.3 to double precision.
[[gnu::always_inline]] inline double erfcx_fine(double y) {
  const double u = 1.0 / (y + 2.0);
  return u * long_poly((y - 2.0) * u, 1.021582705242023, -0.68716068441381062, 0.27947209255605576,
                       -0.036442231506870114, -0.021510661889595467, 0.0064791850672979217, 0.0030906120636930729,
                       -0.000837296053404942, -0.00066307359870018689, 3.4371356114148166e-05, 0.0001444718530899082,
                       3.4148969322528723e-05, -2.1704067183406015e-05, -1.611662153097775e-05, -1.0921838881703543e-06,
                       3.6069996502612471e-06, 1.9238997712323729e-06, 1.4209298815619879e-07, -5.053323524214352e-07,
                       -5.8662438959123501e-07, 7.8134643706757932e-08, 3.0201321800053185e-07,
                       -1.0440832753332278e-07);
}

// e^-(high + low) as p 2^n, n in the low bits of rounded with the offset of scale_two_steps.
[[gnu::always_inline]] inline double exp_negative_fine(double high, double low, double& rounded) {
  using F = FloatBits<double>;
  const double magic = F::kRound + 2.0 * F::kBias;
  rounded = magic - high * 1.4426950408889634;
  const double n = rounded - magic;
  const double r = (-high - n * F::kLn2High) - (n * F::kLn2Low + low);
  return 1.0 + (r + r * r * exp_tail(r));
}

// ulp: 0.6, 3.7
[[gnu::always_inline]] inline float verfc(float x) {
  const double a = vabs(double(x));
  const double y = a > 10.3 ? 10.3 : a;
  const double q = exp_negative_coarse(y * y) * erfcx_coarse(y);
  return float(double(x) < 0.0 ? 2.0 - q : q);
}

[[gnu::always_inline]] inline double verfc(double x) {
  const double a = vabs(x);
  const double y = a > 27.3 ? 27.3 : a;
  double high, low, rounded;
  two_product(y, y, high, low);
  const double p = exp_negative_fine(high, low, rounded) * erfcx_fine(y);
  const double q = scale_two_steps(p, rounded);
  const double small = 1.0 - (x + x * erf_tail(x * x));
  return a < 0.65 ? small : (x < 0.0 ? 2.0 - q : q);
}

// (1 - Phi(b)) e^(b^2/2) for 0.85 <= b <= 14.5; a polynomial in (b - 1.5) / (b + 1.5).
[[gnu::always_inline]] inline float normal_tail(float b) {
  const float u = 1.0f / (b + 1.5f);
  return u * horner((b - 1.5f) * u, 0.617341995f, -0.195099562f, -0.057495527f, 0.0179021116f, 0.0176356528f,
                    0.00388768548f, -0.00223000906f, -0.00225432706f, -0.00284475135f, 0.00210124603f);
}

// x Phi(x), keeping its relative accuracy for negative x; -0 at -infinity. ulp: 4.5, 4.5
[[gnu::always_inline]] inline float vgelu(float x) {
  using F = FloatBits<float>;
  const float lowest = -14.5f;
  const float c = x < lowest ? lowest : x;
  const float a = vabs(c);
  const float b = a > 14.5f ? 14.5f : a;
  const float b1 = from_bits<float>(to_bits(b) & 0xfffff000u);  // b^2 = square + square_low
  const float square = b * b;
  const float square_low = (b1 * b1 - square) + (b - b1) * (b + b1);
  const float magic = F::kRound + 2.0f * F::kBias;
  const float rounded = magic - square * 0.721347520f;
  const float n = rounded - magic;
  const float r = (-0.5f * square - n * F::kLn2High) - (n * F::kLn2Low + 0.5f * square_low);
  const float p = (1.0f + (r + r * r * exp_tail(r))) * normal_tail(b);
  const float q = scale_two_steps(x < 0.0f ? c * p : p, rounded);
  const float y = x * 0.707106769f;
  const float near_zero = x * (0.5f + 0.5f * (y + y * erf_tail(y * y)));
  return a < 0.85f ? near_zero : (x < 0.0f ? q : x * (1.0f - q));
}

[[gnu::always_inline]] inline double vgelu(double x) {
  const double lowest = -38.6;
  const double c = x < lowest ? lowest : x;
  const double a = vabs(c);
  const double b = a > 38.6 ? 38.6 : a;
  double high, low, rounded;
  two_product(b, b, high, low);
  const double p = 0.5 * exp_negative_fine(0.5 * high, 0.5 * low, rounded) * erfcx_fine(0.70710678118654757 * b);
  const double q = scale_two_steps(x < 0.0 ? c * p : p, rounded);  // last: q may be a denormal
  const double y = x * 0.70710678118654757;
  const double near_zero = x * (0.5 + 0.5 * (y + y * erf_tail(y * y)));
  return a < 0.85 ? near_zero : (x < 0.0 ? q : x * (1.0 - q));
}

// x / (1 + e^-v), v = 2 sqrt(2/pi) (x + 0.044715 x^3), which is x (1 + tanh(v / 2)) / 2; -0 at
// -infinity. ulp: 0.6, 3.0
[[gnu::always_inline]] inline float vgelu_tanh(float x) {
  const double d = x;
  const double lowest = -10.8;
  const double c = d < lowest ? lowest : d;
  const double a = vabs(c);
  const double b = a > 10.8 ? 10.8 : a;
  const double v = b * (1.5957691216057308 + 0.071354816272600249 * (b * b));
  const double e = exp_negative_coarse(v);
  return float((d < 0.0 ? c * e : c) / (1.0 + e));
}

[[gnu::always_inline]] inline double vgelu_tanh(double x) {
  const double lowest = -21.7;
  const double c = x < lowest ? lowest : x;
  const double a = vabs(c);
  const double b = a > 21.7 ? 21.7 : a;
  double square, square_low, w, w_low, v, v_low, rounded;
  two_product(b, b, square, square_low);
  two_product(0.071354816272600249, square, w, w_low);
  w_low = w_low + (0.071354816272600249 * square_low - 6.175149918155315e-19 * square);
  const double g = 1.5957691216057308 + w;
  const double big = w > 1.5957691216057308 ? w : 1.5957691216057308;
  const double other = w > 1.5957691216057308 ? 1.5957691216057308 : w;
  const double g_low = (other - (g - big)) + (w_low - 9.9693088091109202e-17);
  two_product(b, g, v, v_low);
  v_low = v_low + b * g_low;
  const double p = exp_negative_fine(v, v_low, rounded);
  const double numerator = x < 0.0 ? scale_two_steps(c * p, rounded) : x;
  return numerator / (1.0 + scale_two_steps(p, rounded));
}
