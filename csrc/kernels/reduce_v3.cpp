// The loops of reductions and softmax compiled for x86-64-v3. Layer: kernels.
#define TORCHY_REDUCE_BYTES 32
#include "reduce_loops.inc"

namespace torchy::kernels {
const FloatLoops<float>& float_loops_v3(float) { return table<float>(); }
const FloatLoops<double>& float_loops_v3(double) { return table<double>(); }
}  // namespace torchy::kernels
