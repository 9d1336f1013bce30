// Just enough of CUDA for kernels.cu to run on the host, one thread after another.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <algorithm>

#define __global__
#define __device__
using std::min;

struct float4 { float x, y, z, w; };
struct int4 { int x, y, z, w; };
struct Index { unsigned x; };
static Index blockIdx, blockDim, threadIdx;

static inline unsigned __float_as_uint(float value) { unsigned bits; std::memcpy(&bits, &value, 4); return bits; }
static inline float __uint_as_float(unsigned bits) { float value; std::memcpy(&value, &bits, 4); return value; }
static inline void atomicMax(unsigned long long *place, unsigned long long value) { if (value > *place) *place = value; }

template <class Kernel, class... Arguments>
static void launch(unsigned grid, unsigned block, Kernel kernel, Arguments... arguments) {
    blockDim.x = block;
    for (blockIdx.x = grid; blockIdx.x-- > 0;)  // backwards: no result may hang on the order
        for (threadIdx.x = 0; threadIdx.x < block; threadIdx.x++) kernel(arguments...);
}
