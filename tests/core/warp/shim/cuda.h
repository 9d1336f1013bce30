// Just enough of CUDA for kernels.cu to run on the host, one thread after another.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <algorithm>

#define __global__
#define __device__
using std::min;

struct float2 { float x, y; };
struct float4 { float x, y, z, w; };
struct int2 { int x, y; };
struct int4 { int x, y, z, w; };
struct Index { unsigned x, y; };
static thread_local Index blockIdx, blockDim, gridDim, threadIdx;

static inline unsigned __float_as_uint(float value) { unsigned bits; std::memcpy(&bits, &value, 4); return bits; }
static inline float __uint_as_float(unsigned bits) { float value; std::memcpy(&value, &bits, 4); return value; }
static inline void atomicMax(unsigned long long *place, unsigned long long value) { if (value > *place) *place = value; }
static inline unsigned atomicAdd(unsigned *place, unsigned value) { unsigned before = *place; *place += value; return before; }

template <class Kernel, class Argument>
static void launch(Kernel kernel, unsigned columns, unsigned rows, unsigned threads, Argument argument) {
    gridDim = {columns, rows};
    blockDim = {threads, 1};
    for (blockIdx.y = rows; blockIdx.y-- > 0;)
        for (blockIdx.x = columns; blockIdx.x-- > 0;)  // backwards: no result may hang on the order
            for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) kernel(argument);
}
