// The pointwise block functions compiled for x86-64-v4. Layer: kernels.
#include "pointwise_level.inc"

void torchy::kernels::pointwise_fill_v4(PwTable& table) { fill_level(table); }
