// The loops of exemplar synthesis on a GPU: the same programs as in coherence.py, search.py, tone.py and levels.py, operation for
// operation, so that (without fused multiply-adds) both give the same bits. Kernels have the names of their twins. A launch does
// what may be done in any order: a sub-pass of settle, a colour of relax.

typedef unsigned char u8;

// the same constants as in coherence.py, search.py and levels.py
#define NOWHERE (-(1 << 20))
#define BARRED (1 << 28)
#define LARGEST_DISTANCE 5852.25f
#define PATCH 7
#define COMPONENTS 12
#define UNIT 127.5f
#define SHUT 255

struct View {
    int *labels;
    const bool *renewed;
    u8 *picture;
    const int *query;
    int height, width;
};

struct Exemplar {
    const u8 *picture;  // four channels
    const int *features;
    int height, width, count;
};

__device__ static inline int thread_index() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ static inline int clamped(int a, int size) { return a < 0 ? 0 : a < size ? a : size - 1; }
__device__ static inline int squared(int a) { return a * a; }

// Costs fit in 32 bits: features differ by less than 1000, and one that is barred is far below the largest number.
__device__ static int apart(const View &view, const Exemplar &exemplar, int pixel, int place) {
    const int *query = view.query + pixel * exemplar.count, *features = exemplar.features + place * exemplar.count;
    int total = 0;
    for (int d = 0; d < exemplar.count; d++) total += squared(query[d] - features[d]);
    return total;
}

__device__ static bool alone(const View &view, int y, int x) {
    const int *own = view.labels + 2 * (y * view.width + x);
    for (int k = 0; k < 9; k++) {
        int dy = k / 3 - 1, dx = k % 3 - 1, ny = y + dy, nx = x + dx;
        if (k == 4 || ny < 0 || nx < 0 || ny >= view.height || nx >= view.width) continue;
        const int *label = view.labels + 2 * (ny * view.width + nx);
        if (label[0] - own[0] != dx || label[1] - own[1] != dy) return true;
    }
    return false;
}

__device__ static int borders(const View &view, const Exemplar &exemplar, int seam, int y, int x, int v, int u) {
    int cost = 0;
    for (int i = 0; i < 9; i++) {
        int dy = i / 3 - 1, dx = i % 3 - 1, qy = y + dy, qx = x + dx;
        if (i == 4 || qy < 0 || qx < 0 || qy >= view.height || qx >= view.width) continue;
        int neighbour = qy * view.width + qx, qu = view.labels[2 * neighbour], qv = view.labels[2 * neighbour + 1];
        if (qu == NOWHERE || (qu == u + dx && qv == v + dy)) continue;
        cost += seam;
        int beside = clamped(v + dy, exemplar.height) * exemplar.width + clamped(u + dx, exemplar.width);
        for (int c = 0; c < 3; c++) cost += squared(exemplar.picture[4 * beside + c] - view.picture[3 * neighbour + c]);
        if (!view.renewed[neighbour]) continue;
        int before = clamped(qv - dy, exemplar.height) * exemplar.width + clamped(qu - dx, exemplar.width);
        int here = v * exemplar.width + u;
        for (int c = 0; c < 3; c++) cost += squared(exemplar.picture[4 * before + c] - exemplar.picture[4 * here + c]);
    }
    return cost;
}

// One sub-pass: every second pixel of every second row.
extern "C" __global__ void settle(
    int *labels, const bool *renewed, u8 *picture, const int *query, int h, int w, const u8 *exemplar_picture, const int *features,
    int eh, int ew, int count, int seam, int sub) {
    int columns = (w + 1) / 2, y = 2 * (thread_index() / columns) + ((sub >> 1) & 1), x = 2 * (thread_index() % columns) + (sub & 1);
    if (y >= h || x >= w || !renewed[y * w + x]) return;
    View view = {labels, renewed, picture, query, h, w};
    Exemplar exemplar = {exemplar_picture, features, eh, ew, count};
    int pixel = y * w + x, *own = labels + 2 * pixel;
    if (exemplar.picture[4 * (own[1] * ew + own[0]) + 3] != SHUT && !alone(view, y, x)) return;
    int best = 0x7fffffff, best_u = own[0], best_v = own[1];
    for (int k = 0; k < 9; k++) {
        int j = (k + 4) % 9, ny = y + j / 3 - 1, nx = x + j % 3 - 1;  // its own first
        if (ny < 0 || nx < 0 || ny >= h || nx >= w) continue;
        int u = labels[2 * (ny * w + nx)] + x - nx, v = labels[2 * (ny * w + nx) + 1] + y - ny;
        if (u < 0 || v < 0 || u >= ew || v >= eh || (k > 0 && u == own[0] && v == own[1])) continue;
        int cost = 16 * apart(view, exemplar, pixel, v * ew + u);
        if (exemplar.picture[4 * (v * ew + u) + 3] == SHUT) cost += BARRED;
        cost += borders(view, exemplar, seam, y, x, v, u);
        if (cost < best) best = cost, best_u = u, best_v = v;
    }
    own[0] = best_u, own[1] = best_v;
    for (int c = 0; c < 3; c++) picture[3 * pixel + c] = exemplar.picture[4 * (best_v * ew + best_u) + c];
}

// A thread a shift. It adds the piece's pixels in their order, as the twin does, which goes through all shifts for each of them.
extern "C" __global__ void add_up(
    const float *wanted, const float *detail, const float *colour, const float *places, const int *at, int size,
    const float *features, int count, int detail_count, int look_count, const float *of_detail, const float *of_colour,
    const float *of_places, const float *closed, const float *price, int h, int w, double *total, int rows, int columns) {
    int shift = thread_index(), row = shift / columns, column = shift % columns, positions = h * w;
    if (row >= rows) return;
    double sum = total[shift];
    for (int i = 0; i < size; i++) {
        int y = row - (rows - h - at[2 * i]), x = column - (columns - w - at[2 * i + 1]), j = y * w + x;
        if (y < 0 || x < 0 || y >= h || x >= w) continue;
        const float *pixel = wanted + i * count;
        float own = 0.0f;
        auto weight = [=](int d) { return d < detail_count ? detail[i] : d < look_count ? colour[i] : places[i]; };
        for (int d = 0; d < count; d++) own += pixel[d] * weight(d) * pixel[d];
        float apart = own + detail[i] * of_detail[j] + colour[i] * of_colour[j] + places[i] * (of_places[j] + price[j]) + closed[j];
        for (int d = 0; d < count; d += 5) {  // in fives, as the twin has them
            float five = 0.0f;
            for (int e = d; e < d + 5; e++) {
                float product = pixel[e] * weight(e) * -2.0f * features[e * positions + j];
                five = e == d ? product : five + product;
            }
            apart += five;
        }
        sum += (LARGEST_DISTANCE < apart ? LARGEST_DISTANCE : apart) - LARGEST_DISTANCE;
    }
    total[shift] = sum;
}

// What the tone should rise by from a pixel to its right (k = 0) or lower neighbour: nothing where there is no seam.
__device__ static void jump(
    const int *labels, const bool *linked, const bool *renewed, const u8 *picture, const u8 *exemplar, int w, int eh, int ew,
    int pixel, int k, float *out) {
    int dx = 1 - k, dy = k, next = pixel + dy * w + dx;
    for (int c = 0; c < 3; c++) out[3 * pixel + c] = 0.0f;
    if (!linked[pixel] || !(renewed[pixel] || renewed[next])) return;
    int u = labels[2 * pixel], v = labels[2 * pixel + 1], p = labels[2 * next], q = labels[2 * next + 1];
    if (p == u + dx && q == v + dy) return;
    int beyond = clamped(v + dy, eh) * ew + clamped(u + dx, ew), before = clamped(q - dy, eh) * ew + clamped(p - dx, ew);
    for (int c = 0; c < 3; c++) {
        float total = 0.0f, count = 0.0f;
        if (renewed[pixel]) total += (float)exemplar[4 * beyond + c] - (float)picture[3 * next + c], count += 1.0f;
        if (renewed[next]) total += (float)picture[3 * pixel + c] - (float)exemplar[4 * before + c], count += 1.0f;
        out[3 * pixel + c] = total / (count * 255.0f);
    }
}

extern "C" __global__ void jumps(
    const int *labels, const bool *right, const bool *below, const bool *renewed, const u8 *picture, int h, int w,
    const u8 *exemplar, int eh, int ew, float *across, float *down) {
    int pixel = thread_index();
    if (pixel >= h * w) return;
    jump(labels, right, renewed, picture, exemplar, w, eh, ew, pixel, 0, across);
    jump(labels, below, renewed, picture, exemplar, w, eh, ew, pixel, 1, down);
}

// Half a sweep: the pixels of one colour of a chessboard.
extern "C" __global__ void relax(
    float *tone, const float *wanted, const float *screen, const bool *right, const bool *below, const bool *renewed,
    const float *across, const float *down, int h, int w, int sweep) {
    int columns = (w + 1) / 2, y = thread_index() / columns, x = 2 * (thread_index() % columns) + ((y + sweep) & 1), i = y * w + x;
    if (y >= h || x >= w || !renewed[i]) return;
    float total = screen[i];
    bool after = right[i], before = x > 0 && right[i - 1], under = below[i], over = y > 0 && below[i - w];
    if (after) total += 1.0f;
    if (before) total += 1.0f;
    if (under) total += 1.0f;
    if (over) total += 1.0f;
    float share = 1.0f / total;
    for (int c = 3 * i; c < 3 * i + 3; c++) {
        float sum = screen[i] * wanted[c];
        if (after) sum += tone[c + 3] - across[c];
        if (before) sum += tone[c - 3] + across[c - 3];
        if (under) sum += tone[c + 3 * w] - down[c];
        if (over) sum += tone[c - 3 * w] + down[c - 3 * w];
        tone[c] = sum * share;
    }
}

extern "C" __global__ void project(
    const u8 *picture, const bool *renewed, const float *mean, const float *axes, int h, int w, int stride, int *out) {
    int pixel = thread_index(), y = pixel / w, x = pixel % w, reach = PATCH / 2, i = 0;
    if (pixel >= h * w || !renewed[pixel]) return;
    float total[COMPONENTS] = {};
    for (int c = 0; c < 3; c++)
        for (int dy = -reach; dy <= reach; dy++)
            for (int dx = -reach; dx <= reach; dx++, i++) {
                int v = y + dy, u = x + dx;
                v = v < 0 ? -v : v >= h ? 2 * h - 2 - v : v;
                u = u < 0 ? -u : u >= w ? 2 * w - 2 - u : u;
                float value = (float)picture[3 * (v * w + u) + c] * (float)(1.0 / (255.0 * PATCH)) - mean[i];
                for (int d = 0; d < COMPONENTS; d++) total[d] += value * axes[i * COMPONENTS + d];
            }
    for (int d = 0; d < COMPONENTS; d++) out[pixel * stride + d] = (int)rintf(UNIT * total[d]);
}
