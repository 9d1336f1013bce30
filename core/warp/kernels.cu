// The warp on a GPU: the same program as raster.py, operation for operation, so that (without fused multiply-adds) both give the same bits.
//
// Memory traffic, compulsory bytes, caches taken as perfect for geometry (a mesh of 512x320 is 10 MB and lives in L2):
//   project    20 read + 20 written a vertex
//   rasterise  17 read a quad, 16 read a vertex; 8 to clear a key, 16 to read and write it at least once a covered pixel
//   decode     8 read + 17 written a pixel; 28 read a vertex (16 + 4 + 8), 16 a quad
//   resolve    17 read a pixel and keyframe + 17 written a pixel
// One keyframe, 512x320 to 1280x720: 83 B a pixel * 0.92 M + 84 B a vertex * 0.17 M + 33 B a quad * 0.16 M = 96 MB,
// a floor of 0.1 ms at 936 GB/s. Edge functions are float64 (about 20 Mflop a view, 0.1 ms where float64 runs at 1/64 of float32).

typedef unsigned long long u64;
typedef unsigned char u8;

// the same constants as in visibility.py and lookup.py
#define MAGNIFICATION 64.0
#define GRID 4096.0
#define STREAK 0.75
#define OUTSIDE 1e6
#define AGREEMENT 0.92
#define SKY 0.5f
#define HOLE (-1)
enum { NOTHING = 0, VEILED = 1, LAND = 2 };
#define LAND_BIT (1ull << 63)

struct Shape { int width, height; };

// One keyframe as resolve needs it; mirrored by VIEW in cuda.py.
struct View {
    const u8 *surface;
    const float *uv, *disparity, *stretch, *sky;
    double homography[9];  // target uv to keyframe uv for what lies at infinity
    double coarseness;     // geometry pixels per image pixel
    int sky_width, sky_height;
};

__device__ static inline long long thread_index() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ static inline float smallest(float a, float b, float c, float d) { return fminf(fminf(a, b), fminf(c, d)); }
__device__ static inline float largest(float a, float b, float c, float d) { return fmaxf(fmaxf(a, b), fmaxf(c, d)); }
__device__ static inline double smallest(double a, double b, double c) { return fmin(fmin(a, b), c); }
__device__ static inline double largest(double a, double b, double c) { return fmax(fmax(a, b), c); }

// One thread a vertex: (u, v, disparity, slopes) to target x, y in pixels, target disparity, q = z / z' (0 where unusable); and
// stretch. m is the projection matrix (3, 4) and the size of a geometry pixel in uv.
extern "C" __global__ void project(const float *vertices, int count, const double *m, float4 *points, float *stretch) {
    long long i = thread_index();
    if (i >= count) return;
    const float *vertex = vertices + 5 * i;
    double u = vertex[0], v = vertex[1], d = vertex[2], g = vertex[3], h = vertex[4];
    double depth = m[8] * u + m[9] * v + m[10] + m[11] * d;
    float4 point = {0.0f, 0.0f, 0.0f, 0.0f};
    double q = 1.0 / depth;
    double x = (m[0] * u + m[1] * v + m[2] + m[3] * d) * q, y = (m[4] * u + m[5] * v + m[6] + m[7] * d) * q;
    if (q > 0.0 && q <= MAGNIFICATION && fabs(x) < OUTSIDE && fabs(y) < OUTSIDE) {
        point.x = (float)(floor(x * GRID + 0.5) / GRID);
        point.y = (float)(floor(y * GRID + 0.5) / GRID);
        point.z = (float)(d * q);
        point.w = (float)q;
        double along_u = m[8] + m[11] * g, along_v = m[9] + m[11] * h;
        double xu = (m[0] + m[3] * g - x * along_u) * m[12], xv = (m[1] + m[3] * h - x * along_v) * m[13];
        double yu = (m[4] + m[7] * g - y * along_u) * m[12], yv = (m[5] + m[7] * h - y * along_v) * m[13];
        double total = xu * xu + xv * xv + yu * yu + yv * yv, area = xu * yv - xv * yu;
        double longer = 0.5 * (total + sqrt(fmax(total * total - 4.0 * area * area, 0.0)));
        stretch[i] = (float)(q * sqrt(fmax(fabs(area), longer * STREAK * STREAK)));
    }
    points[i] = point;
}

__device__ static void triangle(float4 a, float4 b, float4 c, u64 *keys, Shape target, u64 label) {
    double ax = a.x, ay = a.y, bx = b.x, by = b.y, cx = c.x, cy = c.y;
    double area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (!(area > 0.0)) return;  // seen from behind, or edge-on
    int left = (int)fmax(ceil(smallest(ax, bx, cx) - 0.5), 0.0);
    int right = (int)fmin(floor(largest(ax, bx, cx) - 0.5), target.width - 1.0);
    int upper = (int)fmax(ceil(smallest(ay, by, cy) - 0.5), 0.0);
    int lower = (int)fmin(floor(largest(ay, by, cy) - 0.5), target.height - 1.0);
    double da = a.z / area, db = b.z / area, dc = c.z / area;
    for (int y = upper; y <= lower; y++) {
        double ea = (cx - bx) * (y + 0.5 - by) - (cy - by) * (left + 0.5 - bx);
        double eb = (ax - cx) * (y + 0.5 - cy) - (ay - cy) * (left + 0.5 - cx);
        double ec = (bx - ax) * (y + 0.5 - ay) - (by - ay) * (left + 0.5 - ax);
        for (int x = left; x <= right; x++) {
            if (ea >= 0.0 && eb >= 0.0 && ec >= 0.0) {
                float disparity = (float)(ea * da + eb * db + ec * dc);
                u64 key = ((u64)__float_as_uint(disparity) << 32) | label;
                u64 *place = keys + (long long)y * target.width + x;
                if (key > *place) atomicMax(place, key);  // most of what is hidden never reaches the atomic unit
            }
            ea -= cy - by;
            eb -= ay - cy;
            ec -= by - ay;
        }
    }
}

// One thread a quad: its two triangles into keys = land bit | disparity bits | triangle number. keys start at 0.
extern "C" __global__ void rasterise(const float4 *points, const int4 *quads, const u8 *veiled, int count, u64 *keys, int width,
                                     int height, double limit_x, double limit_y) {
    long long i = thread_index();
    if (i >= count) return;
    int4 quad = quads[i];
    float4 a = points[quad.x], b = points[quad.y], c = points[quad.z], d = points[quad.w];
    float upper = smallest(a.y, b.y, c.y, d.y), lower = largest(a.y, b.y, c.y, d.y);
    float first = smallest(a.x, b.x, c.x, d.x), last = largest(a.x, b.x, c.x, d.x);
    if (!(lower >= 0.0f && upper <= height && lower - upper <= limit_y)) return;
    if (!(last >= 0.0f && first <= width && last - first <= limit_x)) return;
    if (!(smallest(a.w, b.w, c.w, d.w) > 0.0f)) return;
    u64 label = (veiled[i] ? 0ull : LAND_BIT) | (u64)(2 * i);
    Shape target = {width, height};
    triangle(a, b, c, keys, target, label);
    triangle(d, c, b, keys, target, label + 1);
}

// One thread a pixel: its key into surface, uv, disparity and stretch.
extern "C" __global__ void decode(const float4 *points, const float *growth, const float *vertices, const int4 *quads,
                                  const u64 *keys, int width, int height, u8 *surface, float *uv, float *disparity,
                                  float *stretch) {
    long long i = thread_index();
    if (i >= (long long)width * height) return;
    u64 key = keys[i];
    if (key == 0) {
        surface[i] = NOTHING;
        uv[2 * i] = uv[2 * i + 1] = disparity[i] = stretch[i] = 0.0f;
        return;
    }
    unsigned label = (unsigned)key;
    int4 quad = quads[label >> 1];
    int j = quad.x, k = quad.y, l = quad.z;
    if (label & 1) { j = quad.w; k = quad.z; l = quad.y; }
    double x = i % width + 0.5, y = i / width + 0.5;
    float4 a = points[j], b = points[k], c = points[l];
    double ax = a.x - x, ay = a.y - y, bx = b.x - x, by = b.y - y, cx = c.x - x, cy = c.y - y;
    double ea = bx * cy - by * cx, eb = cx * ay - cy * ax, ec = ax * by - ay * bx;
    double wa = ea * a.w, wb = eb * b.w, wc = ec * c.w;
    double total = wa + wb + wc;
    float au = vertices[5 * j], av = vertices[5 * j + 1], bu = vertices[5 * k], bv = vertices[5 * k + 1];
    float cu = vertices[5 * l], cv = vertices[5 * l + 1];
    surface[i] = key & LAND_BIT ? LAND : VEILED;
    uv[2 * i] = (float)((wa * au + wb * bu + wc * cu) / total);
    uv[2 * i + 1] = (float)((wa * av + wb * bv + wc * cv) / total);
    disparity[i] = __uint_as_float((unsigned)((key & ~LAND_BIT) >> 32));
    stretch[i] = (float)((ea * growth[j] + eb * growth[k] + ec * growth[l]) / (ea + eb + ec));
}

// One thread a pixel: the keyframe that shows it, and through what.
extern "C" __global__ void resolve(const View *views, int count, int width, int height, signed char *slot, float *uv,
                                   float *disparity, float *stretch) {
    long long i = thread_index();
    if (i >= (long long)width * height) return;
    int top = NOTHING, chosen = HOLE;
    float nearest = 0.0f, finest = 3.4028235e38f;
    for (int k = 0; k < count; k++) {
        int surface = views[k].surface[i];
        float d = views[k].disparity[i];
        if (surface > top || (surface == top && d > nearest)) { top = surface; nearest = d; }
    }
    for (int k = 0; k < count && top != NOTHING; k++) {
        int surface = views[k].surface[i];
        float d = views[k].disparity[i];
        if (surface == NOTHING || d < AGREEMENT * nearest) continue;
        if (surface != top && AGREEMENT * d > nearest) continue;  // a veil before land
        float fineness = (float)(views[k].stretch[i] * views[k].coarseness);
        if (fineness < finest) { finest = fineness; chosen = k; }
    }
    float out_u = 0.0f, out_v = 0.0f, out_disparity = 0.0f, out_stretch = 0.0f;
    if (chosen != HOLE) {
        const View &view = views[chosen];
        out_u = view.uv[2 * i];
        out_v = view.uv[2 * i + 1];
        out_disparity = view.disparity[i];
        out_stretch = view.stretch[i];
    }
    double u = (i % width + 0.5) / width, v = (i / width + 0.5) / height;
    for (int k = 0; k < count && chosen == HOLE; k++) {
        const View &view = views[k];
        const double *h = view.homography;
        double depth = h[6] * u + h[7] * v + h[8];
        if (!(depth > 1e-6)) continue;
        double su = (h[0] * u + h[1] * v + h[2]) / depth, sv = (h[3] * u + h[4] * v + h[5]) / depth;
        if (!(su >= 0.0 && su <= 1.0 && sv >= 0.0 && sv <= 1.0)) continue;
        int column = min((int)(su * view.sky_width), view.sky_width - 1), row = min((int)(sv * view.sky_height), view.sky_height - 1);
        if (!(view.sky[(long long)row * view.sky_width + column] >= SKY)) continue;
        chosen = k;
        out_u = (float)su;
        out_v = (float)sv;
        out_stretch = 1.0f;
    }
    slot[i] = (signed char)chosen;
    uv[2 * i] = out_u;
    uv[2 * i + 1] = out_v;
    disparity[i] = out_disparity;
    stretch[i] = out_stretch;
}
