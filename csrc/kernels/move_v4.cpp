// The loops that move elements compiled for x86-64-v4. Layer: kernels.
#include "move_loops.inc"

const torchy::kernels::MoveLoops& torchy::kernels::move_loops_v4() { return table; }
