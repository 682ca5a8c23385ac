// The pointwise block functions compiled for x86-64-v2, or for whatever another machine has. Layer:
// kernels.
#include "pointwise_level.inc"

void torchy::kernels::pointwise_fill_v2(PwTable& table) { fill_level(table); }
