// The matrix-product kernels compiled for x86-64-v4. Layer: kernels.
#define TORCHY_GEMM_LEVEL gemm_v4
#include "gemm_impl.inc"

const torchy::GemmTable& torchy::gemm_table_v4() { return gemm_v4::table(); }
