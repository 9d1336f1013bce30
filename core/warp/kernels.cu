// The warp on a GPU: the same program as raster.py, operation for operation, so that (without fused multiply-adds) both give the same bits.
//
// A frame is four launches, whatever the number of keyframes and layers: project, rasterise, rasterise_large, resolve. All of them
// take one argument, a Frame in device memory, so that they never change from frame to frame: blockIdx.y is the view or the layer,
// there are threads for as much as the buffers hold, and those beyond what the frame has return.
//
// Memory traffic, compulsory bytes, caches taken as perfect for geometry (a mesh of 512x320 is 10 MB and lives in L2):
//   project    20 read + 20 written a vertex; 8 to clear a key
//   rasterise  17 read a quad, 16 read a vertex; 16 to read and write a key at least once a covered pixel
//   resolve    8 read a pixel and view + 20 written a pixel and layer; 28 read a vertex (16 + 4 + 8), 16 a quad
// One keyframe, 512x320 to 1280x720: 52 B a pixel * 0.92 M + 84 B a vertex * 0.17 M + 33 B a quad * 0.16 M = 67 MB: divide by the
// bandwidth for the floor. Edge functions and weights are float64, which runs at 1/64 of float32 on most GPUs.

typedef unsigned long long u64;
typedef unsigned char u8;

// the same constants as in visibility.py and lookup.py
#define MAGNIFICATION 64.0
#define GRID 4096.0
#define STREAK 0.75
#define OUTSIDE 1e6
#define AGREEMENT 0.92
#define FINER 0.7
#define BEHIND 2
#define CRACK 320
#define SKY 0.5f
#define CLEAR 0.95f
#define HOLE (-1)
#define THIN_COLUMNS 64
#define THIN_ROWS 40
enum { NOTHING = 0, VEILED = 1, LAND = 2 };
#define LAND_BIT (1ull << 63)
#define INFINITE __uint_as_float(0x7f800000u)

#define LARGE 64  // pixels of a quad's box from which a warp shares it: one thread would make 31 others wait
#define WARP 32
#define TILE_COLUMNS 8  // pixels that a warp tests at once: 8 x 4
#define TILE_ROWS 4
#define MOST_LAYERS 2
#define MOST_MEMBERS 128

// The structs are mirrored by frame_table.py.

// One keyframe seen by the camera.
struct View {
    const float *vertices, *sky;  // of the keyframe, as are quads and veiled
    const int4 *quads;
    const u8 *veiled;
    float4 *points;  // of each vertex: target x, y in pixels, target disparity, q = z / z' (0 where unusable)
    float *growth;   // of each vertex: stretch
    u64 *keys;       // of each pixel: land bit | disparity bits | triangle number, 0 where nothing is seen
    double matrix[12], cell[2], limit[2];  // projection (3, 4); size of a geometry pixel in uv; largest quad in target pixels
    double back[12];                       // (3, 4): target u, v, 1, disparity to homogeneous uv of the keyframe
    double coarseness;                     // geometry pixels per image pixel
    int vertex_count, quad_count, columns, rows, sky_width, sky_height;  // columns and rows of geometry, without its border
};

struct Summary {
    float2 thin[THIN_ROWS * THIN_COLUMNS];  // disparity, slot
    unsigned holes;                         // pixels
};

// One lookup to make.
struct Layer {
    float4 *texels;  // u, v, disparity, slot
    float *stretch;
    Summary *summary;
    int count;
    u8 members[MOST_MEMBERS];  // the view of each slot
};

struct Frame {
    Layer layers[MOST_LAYERS];
    int2 *large;  // view, quad
    unsigned *large_count;
    int width, height, view_count, layer_count;
    // the views follow
};

struct Part { int x, y, columns, rows; };  // every columns-th column from x and every rows-th row from y

__device__ static inline const View &view_of(const Frame *frame, int i) { return ((const View *)(frame + 1))[i]; }
__device__ static inline long long thread_index() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ static inline long long thread_count() { return (long long)gridDim.x * blockDim.x; }
__device__ static inline float smallest(float a, float b, float c, float d) { return fminf(fminf(a, b), fminf(c, d)); }
__device__ static inline float largest(float a, float b, float c, float d) { return fmaxf(fmaxf(a, b), fmaxf(c, d)); }
__device__ static inline double smallest(double a, double b, double c) { return fmin(fmin(a, b), c); }
__device__ static inline double largest(double a, double b, double c) { return fmax(fmax(a, b), c); }

__device__ static void project_vertex(const View &view, long long i) {
    const float *vertex = view.vertices + 5 * i;
    const double *m = view.matrix, *cell = view.cell;
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
        double xu = (m[0] + m[3] * g - x * along_u) * cell[0], xv = (m[1] + m[3] * h - x * along_v) * cell[1];
        double yu = (m[4] + m[7] * g - y * along_u) * cell[0], yv = (m[5] + m[7] * h - y * along_v) * cell[1];
        double total = xu * xu + xv * xv + yu * yu + yv * yv, area = xu * yv - xv * yu;
        double longer = 0.5 * (total + sqrt(fmax(total * total - 4.0 * area * area, 0.0)));
        view.growth[i] = (float)(q * sqrt(fmax(fabs(area), longer * STREAK * STREAK)));
    }
    view.points[i] = point;
}

// One thread a vertex, and all of them clear what the other kernels add to.
extern "C" __global__ void project(const Frame *frame) {
    long long i = thread_index(), pixels = (long long)frame->width * frame->height;
    if (i == 0 && blockIdx.y == 0) {
        *frame->large_count = 0;
        for (int layer = 0; layer < frame->layer_count; layer++) frame->layers[layer].summary->holes = 0;
    }
    if ((int)blockIdx.y >= frame->view_count) return;
    const View &view = view_of(frame, blockIdx.y);
    for (long long pixel = i; pixel < pixels; pixel += thread_count()) view.keys[pixel] = 0;
    if (i < view.vertex_count) project_vertex(view, i);
}

// The part of the pixels of triangle a, b, c (clockwise on screen) into keys.
__device__ static void triangle(float4 a, float4 b, float4 c, u64 *keys, const Frame *frame, u64 label, Part part) {
    double ax = a.x, ay = a.y, bx = b.x, by = b.y, cx = c.x, cy = c.y;
    double area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (!(area > 0.0)) return;  // seen from behind, or edge-on
    int left = (int)fmax(ceil(smallest(ax, bx, cx) - 0.5), 0.0) + part.x;
    int right = (int)fmin(floor(largest(ax, bx, cx) - 0.5), frame->width - 1.0);
    int upper = (int)fmax(ceil(smallest(ay, by, cy) - 0.5), 0.0) + part.y;
    int lower = (int)fmin(floor(largest(ay, by, cy) - 0.5), frame->height - 1.0);
    double da = a.z / area, db = b.z / area, dc = c.z / area;
    for (int y = upper; y <= lower; y += part.rows) {
        double ea = (cx - bx) * (y + 0.5 - by) - (cy - by) * (left + 0.5 - bx);
        double eb = (ax - cx) * (y + 0.5 - cy) - (ay - cy) * (left + 0.5 - cx);
        double ec = (bx - ax) * (y + 0.5 - ay) - (by - ay) * (left + 0.5 - ax);
        for (int x = left; x <= right; x += part.columns) {
            if (ea >= 0.0 && eb >= 0.0 && ec >= 0.0) {
                float disparity = (float)(ea * da + eb * db + ec * dc);
                u64 key = ((u64)__float_as_uint(disparity) << 32) | label;
                u64 *place = keys + (long long)y * frame->width + x;
                if (key > *place) atomicMax(place, key);  // most of what is hidden never reaches the atomic unit
            }
            ea -= part.columns * (cy - by);  // exact, as all edge functions are: positions lie on a grid
            eb -= part.columns * (ay - cy);
            ec -= part.columns * (by - ay);
        }
    }
}

// The part of the pixels of quad i into keys. With defer a quad whose box has many pixels is left alone, and true returned.
__device__ static bool draw_quad(const Frame *frame, const View &view, long long i, Part part, bool defer) {
    int4 quad = view.quads[i];
    const float4 *points = view.points;
    float4 a = points[quad.x], b = points[quad.y], c = points[quad.z], d = points[quad.w];
    float upper = smallest(a.y, b.y, c.y, d.y), lower = largest(a.y, b.y, c.y, d.y);
    float first = smallest(a.x, b.x, c.x, d.x), last = largest(a.x, b.x, c.x, d.x);
    if (!(lower >= 0.0f && upper <= frame->height && lower - upper <= view.limit[1])) return false;
    if (!(last >= 0.0f && first <= frame->width && last - first <= view.limit[0])) return false;
    if (!(smallest(a.w, b.w, c.w, d.w) > 0.0f)) return false;
    if (defer) {
        float columns = fminf(last, frame->width) - fmaxf(first, 0.0f), rows = fminf(lower, frame->height) - fmaxf(upper, 0.0f);
        if (columns * rows > LARGE) return true;
    }
    u64 label = (view.veiled[i] ? 0ull : LAND_BIT) | (u64)(2 * i);
    triangle(a, b, c, view.keys, frame, label, part);
    triangle(d, c, b, view.keys, frame, label + 1, part);
    return false;
}

// One thread a quad; large ones are left in a list.
extern "C" __global__ void rasterise(const Frame *frame) {
    long long i = thread_index();
    if ((int)blockIdx.y >= frame->view_count) return;
    const View &view = view_of(frame, blockIdx.y);
    if (i >= view.quad_count) return;
    Part all = {0, 0, 1, 1};
    if (draw_quad(frame, view, i, all, true)) {
        int2 entry = {(int)blockIdx.y, (int)i};
        frame->large[atomicAdd(frame->large_count, 1u)] = entry;
    }
}

// One warp a large quad, until the list is done.
extern "C" __global__ void rasterise_large(const Frame *frame) {
    int lane = threadIdx.x % WARP;
    Part part = {lane % TILE_COLUMNS, lane / TILE_COLUMNS, TILE_COLUMNS, TILE_ROWS};
    for (long long i = thread_index() / WARP; i < *frame->large_count; i += thread_count() / WARP) {
        int2 entry = frame->large[i];
        draw_quad(frame, view_of(frame, entry.x), entry.y, part, false);
    }
}

// What a key says of the surface in a pixel.
__device__ static inline int surface_of(u64 key) { return key == 0 ? NOTHING : key & LAND_BIT ? LAND : VEILED; }
__device__ static inline float disparity_of(u64 key) { return __uint_as_float((unsigned)((key & ~LAND_BIT) >> 32)); }

// The triangle in a pixel: its corners, their weights for uv, and the stretch there.
struct Hit {
    int a, b, c;
    double wa, wb, wc;
    float stretch;
};

__device__ static Hit hit(const View &view, u64 key, double x, double y) {
    unsigned label = (unsigned)key;
    int4 quad = view.quads[label >> 1];
    Hit out = {quad.x, quad.y, quad.z, 0.0, 0.0, 0.0, 0.0f};
    if (label & 1) { out.a = quad.w; out.b = quad.z; out.c = quad.y; }
    float4 a = view.points[out.a], b = view.points[out.b], c = view.points[out.c];
    double ax = a.x - x, ay = a.y - y, bx = b.x - x, by = b.y - y, cx = c.x - x, cy = c.y - y;
    double ea = bx * cy - by * cx, eb = cx * ay - cy * ax, ec = ax * by - ay * bx;
    out.wa = ea * a.w;
    out.wb = eb * b.w;
    out.wc = ec * c.w;
    out.stretch = (float)((ea * view.growth[out.a] + eb * view.growth[out.b] + ec * view.growth[out.c]) / (ea + eb + ec));
    return out;
}

struct Pixel {
    float4 texel;
    float stretch;
};

// What is shown of pixel i: slot k, view, through the triangle that was hit there.
__device__ static Pixel shown(const View &view, int k, long long i, const Hit &hit) {
    const float *a = view.vertices + 5 * (long long)hit.a, *b = view.vertices + 5 * (long long)hit.b;
    const float *c = view.vertices + 5 * (long long)hit.c;
    double total = hit.wa + hit.wb + hit.wc;
    float u = (float)((hit.wa * a[0] + hit.wb * b[0] + hit.wc * c[0]) / total);
    float v = (float)((hit.wa * a[1] + hit.wb * b[1] + hit.wc * c[1]) / total);
    Pixel out = {{u, v, disparity_of(view.keys[i]), (float)k}, hit.stretch};
    return out;
}

// Soft sky of the keyframe of view at (u, v) of its picture.
__device__ static inline float sky_at(const View &view, double u, double v) {
    int column = min((int)(u * view.sky_width), view.sky_width - 1), row = min((int)(v * view.sky_height), view.sky_height - 1);
    return view.sky[(long long)row * view.sky_width + column];
}

// Where the keyframe of view has the point of disparity d at (u, v) of the target: u, v, and z' / z, 0 where it sees nothing of it.
__device__ static double3 led_back(const View &view, double u, double v, double d) {
    const double *b = view.back;
    double3 out = {0.0, 0.0, 0.0};
    double depth = b[8] * u + b[9] * v + b[10] + b[11] * d;
    if (!(depth > 1e-6)) return out;
    double su = (b[0] * u + b[1] * v + b[2] + b[3] * d) / depth, sv = (b[4] * u + b[5] * v + b[6] + b[7] * d) / depth;
    if (!(su >= 0.0 && su <= 1.0 && sv >= 0.0 && sv <= 1.0)) return out;
    out.x = su;
    out.y = sv;
    out.z = depth;
    return out;
}

// Column, row and disparity that the point of disparity d at target (u, v) has for a keyframe; -1 out of sight.
struct Place { int x, y; double disparity; };

__device__ static Place place_of(const View &view, double u, double v, double d) {
    double3 place = led_back(view, u, v, d);
    if (place.z == 0.0) return {-1, -1, 0.0};
    return {min((int)(place.x * view.columns), view.columns - 1), min((int)(place.y * view.rows), view.rows - 1), d / place.z};
}

// Disparity of a pixel as it is drawn.
__device__ static float drawn(const View &view, int row, int column) {
    return view.vertices[5 * ((row + 1ll) * (view.columns + 2) + column + 1) + 2];
}

// Whether it sees sky or farther land there; where something nearer hides it, or the same surface is beside it, it may be there,
// but not in the sky.
__device__ static bool seen_through(const View &view, double u, double v, double d) {
    Place at = place_of(view, u, v, d);
    if (at.x < 0) return false;
    if (sky_at(view, (at.x + 0.5) / view.columns, (at.y + 0.5) / view.rows) >= SKY) return true;
    for (int row = max(at.y - 1, 0); row < min(at.y + 2, view.rows); row++) {
        for (int column = max(at.x - 1, 0); column < min(at.x + 2, view.columns); column++) {
            float seen = drawn(view, row, column);
            if (!(seen >= AGREEMENT * at.disparity)) continue;
            float sky = sky_at(view, (column + 0.5) / view.columns, (row + 0.5) / view.rows);
            if (sky < SKY && AGREEMENT * seen <= at.disparity) return false;
            if (sky < CLEAR && AGREEMENT * seen > at.disparity && row == at.y && column == at.x) return false;
        }
    }
    return true;
}

// Whether nothing is in pixel i of view and land within reach on both sides of it, along or across.
__device__ static bool is_crack(const Frame *frame, const View &view, long long i, int reach) {
    if (surface_of(view.keys[i]) != NOTHING) return false;
    int x = (int)(i % frame->width), y = (int)(i / frame->width);
    bool left = false, right = false, above = false, below = false;
    for (int step = 1; step <= reach; step++) {
        left |= x >= step && surface_of(view.keys[i - step]) == LAND;
        right |= x + step < frame->width && surface_of(view.keys[i + step]) == LAND;
        above |= y >= step && surface_of(view.keys[i - (long long)step * frame->width]) == LAND;
        below |= y + step < frame->height && surface_of(view.keys[i + (long long)step * frame->width]) == LAND;
    }
    return (left && right) || (above && below);
}

// Whether it cannot know what is there: that is out of its sight, or well behind what is nearer. Near a rim, surfaces of older
// keyframes would peek through.
__device__ static bool hidden(const View &view, double u, double v, double d) {
    Place at = place_of(view, u, v, d);
    if (at.x < 0) return true;
    for (int row = max(at.y - BEHIND, 0); row < min(at.y + BEHIND + 1, view.rows); row++) {
        for (int column = max(at.x - BEHIND, 0); column < min(at.x + BEHIND + 1, view.columns); column++) {
            if (!(AGREEMENT * drawn(view, row, column) > at.disparity)) return false;
            if (!(sky_at(view, (column + 0.5) / view.columns, (row + 0.5) / view.rows) < CLEAR)) return false;
        }
    }
    return true;
}

// Whether it has land in the direction of target (u, v).
__device__ static bool looks_at_land(const View &view, double u, double v) {
    double3 place = led_back(view, u, v, 0.0);
    return place.z != 0.0 && sky_at(view, place.x, place.y) < SKY;
}

// Whether slot k of a layer has land in pixel i, target (u, v), that its first keyframe has room for: neither does that see
// through it, nor would it show in a crack of that, nor stand before its land or soft skyline unless hidden from it.
__device__ static bool has_land(const Frame *frame, const Layer &layer, int k, long long i, double u, double v) {
    u64 key = view_of(frame, layer.members[k]).keys[i];
    if (surface_of(key) != LAND || k == 0) return surface_of(key) == LAND;
    const View &witness = view_of(frame, layer.members[0]);
    float d = disparity_of(key), before = disparity_of(witness.keys[i]);
    int first = surface_of(witness.keys[i]);
    if (first == LAND) return AGREEMENT * d <= before || hidden(witness, u, v, d);
    if (first == VEILED && d >= AGREEMENT * before) return hidden(witness, u, v, d);
    if (is_crack(frame, witness, i, max(frame->width / CRACK, 1)) && looks_at_land(witness, u, v)) return false;
    return !seen_through(witness, u, v, d);
}

// Whether two disparities are of the same surface.
__device__ static bool agree(float one, float other) { return AGREEMENT * one <= other && AGREEMENT * other <= one; }

// Where no land is in pixel i: what the first keyframe that looks there has, sky or nothing, or if it has a veil, the finest of its surface.
__device__ static Pixel beyond(const Frame *frame, const Layer &layer, long long i, double u, double v) {
    Pixel out = {{0.0f, 0.0f, 0.0f, (float)HOLE}, 0.0f};
    int chosen = HOLE;
    float finest = INFINITE;
    for (int k = 0; k < layer.count; k++) {
        const View &view = view_of(frame, layer.members[k]);
        if (surface_of(view.keys[i]) == VEILED && (chosen == HOLE || agree(disparity_of(view.keys[i]), out.texel.z))) {
            Hit seen = hit(view, view.keys[i], i % frame->width + 0.5, i / frame->width + 0.5);
            float fineness = (float)(seen.stretch * view.coarseness);
            if (!(fineness < finest * FINER)) continue;
            finest = fineness;
            chosen = k;
            out = shown(view, k, i, seen);
        }
        if (chosen != HOLE) continue;
        double3 place = led_back(view, u, v, 0.0);
        if (place.z == 0.0) continue;
        if (!(sky_at(view, place.x, place.y) >= SKY)) return out;
        Pixel sky = {{(float)place.x, (float)place.y, 0.0f, (float)k}, 1.0f};
        return sky;
    }
    return out;
}

// The keyframe of a layer that shows pixel i, and through what.
__device__ static Pixel resolved(const Frame *frame, const Layer &layer, long long i) {
    int chosen = HOLE;
    float nearest = 0.0f, finest = INFINITE;
    double x = i % frame->width + 0.5, y = i / frame->width + 0.5, u = x / frame->width, v = y / frame->height;
    for (int k = 0; k < layer.count; k++) {
        if (has_land(frame, layer, k, i, u, v)) nearest = fmaxf(nearest, disparity_of(view_of(frame, layer.members[k]).keys[i]));
    }
    Hit best = {0, 0, 0, 0.0, 0.0, 0.0, 0.0f};
    for (int k = 0; k < layer.count; k++) {
        const View &view = view_of(frame, layer.members[k]);
        if (disparity_of(view.keys[i]) < AGREEMENT * nearest || !has_land(frame, layer, k, i, u, v)) continue;
        Hit seen = hit(view, view.keys[i], x, y);
        float fineness = (float)(seen.stretch * view.coarseness);
        if (fineness < finest * FINER) { finest = fineness; chosen = k; best = seen; }
    }
    return chosen == HOLE ? beyond(frame, layer, i, u, v) : shown(view_of(frame, layer.members[chosen]), chosen, i, best);
}

// One thread a pixel of each layer; those beyond the last pixel make the thinned lookup, resolving its pixels once more.
extern "C" __global__ void resolve(const Frame *frame) {
    if ((int)blockIdx.y >= frame->layer_count) return;
    const Layer &layer = frame->layers[blockIdx.y];
    long long i = thread_index(), pixels = (long long)frame->width * frame->height, thin = i - pixels;
    if (thin >= THIN_COLUMNS * THIN_ROWS) return;
    if (thin >= 0) {
        int column = (int)((thin % THIN_COLUMNS + 0.5) * frame->width / THIN_COLUMNS);
        int row = (int)((thin / THIN_COLUMNS + 0.5) * frame->height / THIN_ROWS);
        Pixel pixel = resolved(frame, layer, (long long)row * frame->width + column);
        float2 seen = {pixel.texel.z, pixel.texel.w};
        layer.summary->thin[thin] = seen;
        return;
    }
    Pixel pixel = resolved(frame, layer, i);
    layer.texels[i] = pixel.texel;
    layer.stretch[i] = pixel.stretch;
    if (pixel.texel.w < 0.0f) atomicAdd(&layer.summary->holes, 1u);
}
