// The matrix-product kernels compiled for x86-64-v2, or for other machines. Layer: kernels.
#define TORCHY_GEMM_LEVEL gemm_v2
#include "gemm_impl.inc"

const torchy::GemmTable& torchy::gemm_table_v2() { return gemm_v2::table(); }
