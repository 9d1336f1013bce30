// The loops that read and carry positions on a GPU: the same programs as in sampling.py, operation for operation, so that (without
// fused multiply-adds) both give the same bits. Kernels have the names of their twins; a thread makes a pixel.

// the same constants as in sampling.py
#define COHERENT 2.5f
#define SURFACE 1.2f

struct Patches {
    const float *source, *disparity;
    int height, width;
};

__device__ static inline int thread_index() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ static inline int clamped(int a, int size) { return a < 0 ? 0 : a < size ? a : size - 1; }
__device__ static inline int magnitude(int a) { return a < 0 ? -a : a; }
template <class T> __device__ static inline T least(T a, T b) { return b < a ? b : a; }
template <class T> __device__ static inline T most(T a, T b) { return b > a ? b : a; }
__device__ static inline float at(const Patches &patches, int y, int x, int c) {
    return patches.source[2 * (y * patches.width + x) + c];
}

__device__ static bool near(const Patches &patches, int y, int x, int v, int u) {
    float apart = COHERENT * most(most(magnitude(v - y), magnitude(u - x)), 1);
    for (int c = 0; c < 2; c++)
        if (!(fabsf(at(patches, y, x, c) - at(patches, v, u, c)) <= apart)) return false;
    return true;
}

__device__ static bool whole(const Patches &patches, int y, int x) {
    return near(patches, y, x, y, x + 1) && near(patches, y, x, y + 1, x) && near(patches, y, x, y + 1, x + 1);
}

__device__ static float slope(const Patches &patches, int y, int x, int dy, int dx, int c) {
    int a = clamped(y - dy, patches.height), b = clamped(x - dx, patches.width);
    int e = clamped(y + dy, patches.height), f = clamped(x + dx, patches.width);
    float total = 0.0f, count = 0.0f;
    if ((a != y || b != x) && near(patches, y, x, a, b)) total += at(patches, y, x, c) - at(patches, a, b, c), count += 1.0f;
    if ((e != y || f != x) && near(patches, y, x, e, f)) total += at(patches, e, f, c) - at(patches, y, x, c), count += 1.0f;
    if (count == 0.0f) return (dx == 1) == (c == 0) ? 1.0f : 0.0f;
    return total / count;
}

// Of 4x4 pixels around a cell the first of its corners that is of their patch.
__device__ static void group(const Patches &patches, int y, int x, int *groups) {
    for (int k = 0; k < 16; k++) {
        int v = clamped(y - 1 + (k >> 2), patches.height), u = clamped(x - 1 + (k & 3), patches.width);
        groups[k] = -1;
        for (int i = 3; i >= 0; i--)
            if (near(patches, y + (i >> 1), x + (i & 1), v, u)) groups[k] = i;
    }
}

// The same of those that are one surface with a corner.
__device__ static void part(const Patches &patches, int y, int x, int corner, const int *groups, int *own) {
    float here = patches.disparity[(y + (corner >> 1)) * patches.width + x + (corner & 1)];
    for (int k = 0; k < 16; k++) {
        int v = clamped(y - 1 + (k >> 2), patches.height), u = clamped(x - 1 + (k & 3), patches.width);
        float there = patches.disparity[v * patches.width + u];
        own[k] = most(here, there) > SURFACE * least(here, there) ? -1 : groups[k];
    }
}

template <class T> __device__ static void spline(T a, float *out) {  // in the twin's precision: T is double in gathered
    T b = (T)1 - a, sixth = (float)(1.0 / 6.0);
    out[0] = (float)(b * b * b * sixth), out[3] = (float)(a * a * a * sixth);
    float first = out[0], last = out[3];
    out[1] = (float)(b - first - first + last), out[2] = (float)(a - last - last + first);
}

__device__ static void count_ballot(const int *groups, const float *down, float (*ballot)[4]) {
    for (int g = 0; g < 4; g++)
        for (int c = 0; c < 4; c++) ballot[g][c] = 0.0f;
    for (int k = 0; k < 16; k++)
        if (groups[k] >= 0) ballot[groups[k]][k & 3] += down[k >> 2];
}

__device__ static float votes(const float *columns, const float *across) {
    float total = 0.0f;
    for (int c = 0; c < 4; c++) total += columns[c] * across[c];
    return total;
}

__device__ static int elected(const float (*ballot)[4], const float *across, int but, float *best) {
    int found = -1;
    *best = -1.0f;
    for (int g = 0; g < 4; g++) {
        float total = votes(ballot[g], across);
        if (g != but && total > *best) found = g, *best = total;
    }
    return found;
}

template <class T> __device__ static int nearest(const int *groups, int group, T a, T b) {
    T best = -1;
    int corner = group;
    for (int i = 0; i < 4; i++) {
        T weight = (i & 1 ? a : (T)1 - a) * (i >> 1 ? b : (T)1 - b);
        if (groups[5 + (i & 1) + 4 * (i >> 1)] == group && weight > best) best = weight, corner = i;
    }
    return corner;
}

// Of channel c of a picture w wide.
__device__ static float between(const float *picture, int w, int channels, int y, int x, int c, double a, double b) {
    const float *own = picture + (y * w + x) * channels + c, *under = own + w * channels;
    double top = own[0] + a * (own[channels] - own[0]), low = under[0] + a * (under[channels] - under[0]);
    return (float)(top + b * (low - top));
}

extern "C" __global__ void gathered(
    const float *source, const float *disparity, int h, int w, const float *extra, int channels, const float *uv,
    const bool *wanted, int pixels, float *out, float *more) {
    int pixel = thread_index();
    if (pixel >= pixels || !wanted[pixel]) return;
    Patches patches = {source, disparity, h, w};
    double fx = least(most(uv[2 * pixel] * (double)w - 0.5, 0.0), (double)(w - 1));
    double fy = least(most(uv[2 * pixel + 1] * (double)h - 0.5, 0.0), (double)(h - 1));
    int x = least((int)fx, w - 2), y = least((int)fy, h - 2);
    double a = fx - x, b = fy - y;
    if (whole(patches, y, x)) {
        for (int c = 0; c < 2; c++) out[2 * pixel + c] = between(source, w, 2, y, x, c, a, b);
        for (int c = 0; c < channels; c++) more[channels * pixel + c] = between(extra, w, channels, y, x, c, a, b);
        return;
    }
    int groups[16];
    float weights[4], ballot[4][4], best;
    group(patches, y, x, groups);
    part(patches, y, x, 2 * (b >= 0.5) + (a >= 0.5), groups, groups);
    spline(b, weights);
    count_ballot(groups, weights, ballot);
    spline(a, weights);
    int corner = nearest(groups, elected(ballot, weights, -1, &best), a, b), ny = y + (corner >> 1), nx = x + (corner & 1);
    for (int c = 0; c < 2; c++)
        out[2 * pixel + c] = (float)(at(patches, ny, nx, c) + (fx - nx) * slope(patches, ny, nx, 0, 1, c)
                                     + (fy - ny) * slope(patches, ny, nx, 1, 0, c));
    for (int c = 0; c < channels; c++) more[channels * pixel + c] = extra[channels * (ny * w + nx) + c];
}

// The larger and the smaller magnification, inverse: log2 is not the same everywhere, and the host takes it.
extern "C" __global__ void stretches(const float *source, int h, int w, float *out) {
    int pixel = thread_index(), y = pixel / w, x = pixel % w;
    if (pixel >= h * w) return;
    Patches patches = {source, 0, h, w};
    float xu = slope(patches, y, x, 0, 1, 0), xv = slope(patches, y, x, 1, 0, 0);
    float yu = slope(patches, y, x, 0, 1, 1), yv = slope(patches, y, x, 1, 0, 1);
    float total = xu * xu + xv * xv + yu * yu + yv * yv, area = fabsf(xu * yv - xv * yu);
    float larger = 0.5f * (total + sqrtf(most(total * total - 4.0f * area * area, 0.0f)));
    larger = most(sqrtf(larger), 1e-3f);
    out[2 * pixel] = most(area / larger, 1e-3f);
    out[2 * pixel + 1] = larger;
}

extern "C" __global__ void borders(const float *source, int h, int w, float *out) {
    int pixel = thread_index(), y = pixel / w, x = pixel % w;
    if (pixel >= h * w) return;
    Patches patches = {source, 0, h, w};
    out[pixel] = y < h - 1 && x < w - 1 && !whole(patches, y, x) ? 1.0f : 0.0f;
}
