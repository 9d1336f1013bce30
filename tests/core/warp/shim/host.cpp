// kernels.cu as host functions: host_NAME(grid, block, arguments...).
#include "cuda.h"
#include "kernels.cu"

extern "C" void host_project(unsigned grid, unsigned block, const float *vertices, int count, const double *m, float4 *points,
                             float *growth) {
    launch(grid, block, project, vertices, count, m, points, growth);
}
extern "C" void host_rasterise(unsigned grid, unsigned block, const float4 *points, const int4 *quads, const u8 *veiled, int count,
                               u64 *keys, int width, int height, double limit_x, double limit_y) {
    launch(grid, block, rasterise, points, quads, veiled, count, keys, width, height, limit_x, limit_y);
}
extern "C" void host_decode(unsigned grid, unsigned block, const float4 *points, const float *growth, const float *vertices,
                            const int4 *quads, const u64 *keys, int width, int height, u8 *surface, float *uv, float *disparity,
                            float *stretch) {
    launch(grid, block, decode, points, growth, vertices, quads, keys, width, height, surface, uv, disparity, stretch);
}
extern "C" void host_resolve(unsigned grid, unsigned block, const View *views, int count, int width, int height, signed char *slot,
                             float *uv, float *disparity, float *stretch) {
    launch(grid, block, resolve, views, count, width, height, slot, uv, disparity, stretch);
}
