// Numbers of 16 bits, for the other sources, which follow it; BFLOAT16 is 1 or 0.

typedef unsigned short half_t;

#if BFLOAT16
__device__ float wide(half_t x) { return __uint_as_float((unsigned)x << 16); }
__device__ half_t narrow(float x) { half_t y; asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x)); return y; }
#else
__device__ float wide(half_t x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x)); return y; }
__device__ half_t narrow(float x) { half_t y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x)); return y; }
#endif

__device__ float rounded(float x) { return wide(narrow(x)); }

// 8 numbers, which are read and written at once.
union Eight { uint4 all; half_t one[8]; };

__device__ Eight load(const half_t* at) { Eight found; found.all = *(const uint4*)at; return found; }
__device__ void store(half_t* at, Eight what) { *(uint4*)at = what.all; }
