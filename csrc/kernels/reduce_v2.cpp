// The loops of reductions and softmax compiled for x86-64-v2, and for other machines. Layer: kernels.
#define TORCHY_REDUCE_BYTES 16
#include "reduce_loops.inc"

namespace torchy::kernels {
const FloatLoops<float>& float_loops_v2(float) { return table<float>(); }
const FloatLoops<double>& float_loops_v2(double) { return table<double>(); }
}  // namespace torchy::kernels
