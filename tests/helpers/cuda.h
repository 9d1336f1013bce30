// Just enough of CUDA for our kernels to run on the host, one thread after another.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <algorithm>
#include <utility>

#define __global__
#define __device__
using std::max;
using std::min;

struct float2 { float x, y; };
struct float4 { float x, y, z, w; };
struct int2 { int x, y; };
struct double3 { double x, y, z; };
struct int4 { int x, y, z, w; };
struct Index { unsigned x, y; };
static thread_local Index blockIdx, blockDim, gridDim, threadIdx;

static inline unsigned __float_as_uint(float value) { unsigned bits; std::memcpy(&bits, &value, 4); return bits; }
static inline float __uint_as_float(unsigned bits) { float value; std::memcpy(&value, &bits, 4); return value; }
static inline void atomicMax(unsigned long long *place, unsigned long long value) { if (value > *place) *place = value; }
static inline unsigned atomicAdd(unsigned *place, unsigned value) { unsigned before = *place; *place += value; return before; }

template <class... Arguments, std::size_t... I>
static void call(void (*kernel)(Arguments...), void **arguments, std::index_sequence<I...>) {
    kernel(*(Arguments *)arguments[I]...);
}

// ``arguments`` points to them, one after another, as for cuLaunchKernel.
template <class... Arguments>
static void launch(void (*kernel)(Arguments...), unsigned columns, unsigned rows, unsigned threads, void **arguments) {
    gridDim = {columns, rows};
    blockDim = {threads, 1};
    for (blockIdx.y = rows; blockIdx.y-- > 0;)
        for (blockIdx.x = columns; blockIdx.x-- > 0;)  // backwards: no result may hang on the order
            for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++)
                call(kernel, arguments, std::index_sequence_for<Arguments...>());
}

#define HOST(name)                                                                                    \
    extern "C" void host_##name(unsigned columns, unsigned rows, unsigned threads, void **arguments) { \
        launch(name, columns, rows, threads, arguments);                                              \
    }
