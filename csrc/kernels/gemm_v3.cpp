// The matrix-product kernels compiled for x86-64-v3. Layer: kernels.
#define TORCHY_GEMM_LEVEL gemm_v3
#include "gemm_impl.inc"

const torchy::GemmTable& torchy::gemm_table_v3() { return gemm_v3::table(); }
