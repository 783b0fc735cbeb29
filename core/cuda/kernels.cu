// Kernels of a training step in f32: convolutions on tensor cores, and what stands between them in one pass over memory
// each. Every sum is taken in a fixed order, so that a step gives the same bits again.

typedef unsigned int word;

// A value rounded to the 11 significant bits that tensor cores multiply.
__device__ __forceinline__ float rounded(float x) {
    word bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return __uint_as_float(bits);
}

// d += a b for a piece of 16 rows, 8 columns and 8 products, shared by the 32 threads of a warp: thread 4 g + t holds
// a[g][t], a[g + 8][t], a[g][t + 4], a[g + 8][t + 4]; b[t][g], b[t + 4][g]; d[g][2 t], d[g][2 t + 1] and both for g + 8.
__device__ __forceinline__ void multiply(float d[4], const float a[4], const float b[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
          "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}

// A value as the sum of two rounded ones, good to f32 within two units of its last place.
__device__ __forceinline__ void parted(float x, float &high, float &low) {
    high = rounded(x);
    low = rounded(x - high);
}

// d += a b in f32: with both parts of every value, and without the coarse sums of tensor cores over many products, which cut
// off what does not fit; four sums of eight products are added to d as processors add.
__device__ __forceinline__ void multiply_exactly(float d[4], const float a[4], const float a_low[4], const float b[2], const float b_low[2]) {
    float some[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    multiply(some, a_low, b);
    multiply(some, a, b_low);
    multiply(some, a, b);
#pragma unroll
    for (int i = 0; i < 4; i++) d[i] += some[i];
}

struct Conv {
    int batch, in, height, width;   // of the input as it lies in memory
    int out, out_height, out_width; // of the output
    int rows, columns;              // of the kernel
    int stride;                     // input pixels between neighbouring outputs
    int spread;                     // the input is read with spread - 1 zeros between neighbours
    int dilation;
    int top, left; // padding, in pixels of the spread input
    int flipped;   // whether the kernel is read backwards
};

// A side of the square of outputs that a block computes, and the most taps whose weights it holds at a time.
#define SIDE 16
#define TAPS 9

// Where pixel (y, x) of the padded, spread input lies in a plane; -1 for a zero.
__device__ __forceinline__ int place(const Conv &s, int y, int x) {
    if (y < 0 || x < 0) return -1;
    if (s.spread > 1) {
        if (y % s.spread != 0 || x % s.spread != 0) return -1;
        y /= s.spread;
        x /= s.spread;
    }
    return y < s.height && x < s.width ? y * s.width + x : -1;
}

// Output pixels times output channels, 8 input channels and up to TAPS taps at a time. 4 warps; a warp has 4 rows of 16
// pixels and 8 NT channels. weight: [taps, in, out].
template <int NT, bool EXACT>
__device__ void convolve(const float *x, const float *weight, const float *bias, float *y, const Conv &s, int across, int plane, float *shared) {
    const int PITCH = NT == 1 ? 8 : NT * 8 + 8; // spreads the rows over the banks of the memory
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int taps = s.rows * s.columns;
    const int tall = (SIDE - 1) * s.stride + (s.rows - 1) * s.dilation + 1;
    const int wide = (SIDE - 1) * s.stride + (s.columns - 1) * s.dilation + 1;
    const int oy = blockIdx.x / across * SIDE, ox = blockIdx.x % across * SIDE;
    const int first = blockIdx.y * NT * 8, n = blockIdx.z;
    const float *image = x + (size_t)n * s.in * s.height * s.width;
    float *xs = shared, *ws = shared + 8 * plane;
    float sums[4][NT][4];
    for (int m = 0; m < 4; m++)
        for (int j = 0; j < NT; j++)
            for (int i = 0; i < 4; i++) sums[m][j][i] = 0.0f;
    for (int c0 = 0; c0 < s.in; c0 += 8) {
        __syncthreads();
        for (int p = threadIdx.x; p < tall * wide; p += blockDim.x) {
            const int r = p / wide;
            const int at = place(s, oy * s.stride - s.top + r, ox * s.stride - s.left + p - r * wide);
#pragma unroll
            for (int c = 0; c < 8; c++) {
                float v = 0.0f;
                if (at >= 0 && c0 + c < s.in) v = image[(c0 + c) * s.height * s.width + at];
                xs[c * plane + p] = EXACT ? v : rounded(v);
            }
        }
        for (int t0 = 0; t0 < taps; t0 += TAPS) {
            const int some = min(TAPS, taps - t0);
            if (t0 > 0) __syncthreads();
            for (int i = threadIdx.x; i < some * 8 * NT * 8; i += blockDim.x) {
                const int co = i % (NT * 8), c = i / (NT * 8) % 8, tap = i / (NT * 64);
                const int from = s.flipped ? taps - 1 - t0 - tap : t0 + tap;
                float v = 0.0f;
                if (first + co < s.out && c0 + c < s.in) v = weight[((size_t)from * s.in + c0 + c) * s.out + first + co];
                ws[(tap * 8 + c) * PITCH + co] = EXACT ? v : rounded(v);
            }
            __syncthreads();
            for (int tap = 0; tap < some; tap++) {
                const int ky = (t0 + tap) / s.columns, kx = (t0 + tap) % s.columns;
                float b[NT][2], b_low[NT][2];
#pragma unroll
                for (int j = 0; j < NT; j++)
#pragma unroll
                    for (int i = 0; i < 2; i++) {
                        b[j][i] = ws[(tap * 8 + t + 4 * i) * PITCH + j * 8 + g];
                        if (EXACT) parted(b[j][i], b[j][i], b_low[j][i]);
                    }
#pragma unroll
                for (int m = 0; m < 4; m++) {
                    const int row = warp * 4 + m;
                    const float *from = xs + (row * s.stride + ky * s.dilation) * wide + kx * s.dilation;
                    float a[4], a_low[4];
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        a[i] = from[(t + 4 * (i >> 1)) * plane + (g + 8 * (i & 1)) * s.stride];
                        if (EXACT) parted(a[i], a[i], a_low[i]);
                    }
#pragma unroll
                    for (int j = 0; j < NT; j++) {
                        if (EXACT)
                            multiply_exactly(sums[m][j], a, a_low, b[j], b_low[j]);
                        else
                            multiply(sums[m][j], a, b[j]);
                    }
                }
            }
        }
    }
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
        for (int j = 0; j < NT; j++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int co = first + j * 8 + 2 * t + (i & 1);
                const int row = oy + warp * 4 + m, column = ox + g + 8 * (i >> 1);
                if (co < s.out && row < s.out_height && column < s.out_width)
                    y[(((size_t)n * s.out + co) * s.out_height + row) * s.out_width + column] =
                        sums[m][j][i] + (bias ? bias[co] : 0.0f);
            }
}

#define CONVOLUTION(NAME, NT, EXACT)                                                                                   \
    extern "C" __global__ void __launch_bounds__(128)                                                                  \
        NAME(const float *x, const float *weight, const float *bias, int has_bias, float *y, Conv s, int across, int plane) {        \
        extern __shared__ float memory[];                                                                              \
        convolve<NT, EXACT>(x, weight, has_bias ? bias : 0, y, s, across, plane, memory);                                            \
    }
CONVOLUTION(convolve_8, 1, false)
CONVOLUTION(convolve_16, 2, false)
CONVOLUTION(convolve_32, 4, false)
CONVOLUTION(convolve_8_exact, 1, true)
CONVOLUTION(convolve_16_exact, 2, true)
CONVOLUTION(convolve_32_exact, 4, true)

// Parts of the gradient of a convolution's weights: of 32 outputs (rows), 16 inputs and TAPS taps, one tap for each of 9
// warps, over every `gridDim.x`th tile of `depth` rows of 16 pixels. part: [gridDim.x, taps, in, out].
template <bool EXACT>
__device__ void weigh(const float *x, const float *g_out, float *part, const Conv &s, int depth, int down, int across, int plane, float *shared) {
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int taps = s.rows * s.columns, tap = blockIdx.y * TAPS + warp;
    const int tall = (depth - 1) * s.stride + (s.rows - 1) * s.dilation + 1;
    const int wide = (SIDE - 1) * s.stride + (s.columns - 1) * s.dilation + 1;
    const int ins = (s.in + 15) / 16;
    const int first_in = blockIdx.z % ins * 16, first_out = blockIdx.z / ins * 32;
    const int pixels = depth * SIDE, pitch = pixels + 4;
    const int ky = tap / s.columns, kx = tap % s.columns;
    float *xs = shared, *gs = shared + 16 * plane;
    float sums[2][2][4];
    for (int m = 0; m < 2; m++)
        for (int j = 0; j < 2; j++)
            for (int i = 0; i < 4; i++) sums[m][j][i] = 0.0f;
    const int tiles = s.batch * down * across;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const int n = tile / (down * across), oy = tile / across % down * depth, ox = tile % across * SIDE;
        const float *image = x + (size_t)n * s.in * s.height * s.width;
        const float *gradient = g_out + (size_t)n * s.out * s.out_height * s.out_width;
        __syncthreads();
        for (int p = threadIdx.x; p < tall * wide; p += blockDim.x) {
            const int r = p / wide;
            const int at = place(s, oy * s.stride - s.top + r, ox * s.stride - s.left + p - r * wide);
#pragma unroll
            for (int c = 0; c < 16; c++) {
                float v = 0.0f;
                if (at >= 0 && first_in + c < s.in) v = image[(first_in + c) * s.height * s.width + at];
                xs[c * plane + p] = EXACT ? v : rounded(v);
            }
        }
        for (int i = threadIdx.x; i < 32 * pixels; i += blockDim.x) {
            const int c = i / pixels, p = i % pixels, row = oy + p / SIDE, column = ox + p % SIDE;
            float v = 0.0f;
            if (first_out + c < s.out && row < s.out_height && column < s.out_width)
                v = gradient[((first_out + c) * s.out_height + row) * s.out_width + column];
            gs[c * pitch + p] = EXACT ? v : rounded(v);
        }
        __syncthreads();
        if (tap < taps)
            for (int p = 0; p < pixels; p += 8) {
                const float *from = xs + (p / SIDE * s.stride + ky * s.dilation) * wide + p % SIDE * s.stride + kx * s.dilation;
                float a[2][4], a_low[2][4], b[2][2], b_low[2][2];
#pragma unroll
                for (int m = 0; m < 2; m++)
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        a[m][i] = gs[(m * 16 + g + 8 * (i & 1)) * pitch + p + t + 4 * (i >> 1)];
                        if (EXACT) parted(a[m][i], a[m][i], a_low[m][i]);
                    }
#pragma unroll
                for (int j = 0; j < 2; j++)
#pragma unroll
                    for (int i = 0; i < 2; i++) {
                        b[j][i] = from[(j * 8 + g) * plane + (t + 4 * i) * s.stride];
                        if (EXACT) parted(b[j][i], b[j][i], b_low[j][i]);
                    }
#pragma unroll
                for (int m = 0; m < 2; m++)
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        if (EXACT)
                            multiply_exactly(sums[m][j], a[m], a_low[m], b[j], b_low[j]);
                        else
                            multiply(sums[m][j], a[m], b[j]);
                    }
            }
    }
    if (tap >= taps) return;
    float *to = part + ((size_t)blockIdx.x * taps + tap) * s.in * s.out;
    for (int m = 0; m < 2; m++)
        for (int j = 0; j < 2; j++)
            for (int i = 0; i < 4; i++) {
                const int co = first_out + m * 16 + g + 8 * (i >> 1), c = first_in + j * 8 + 2 * t + (i & 1);
                if (co < s.out && c < s.in) to[c * s.out + co] = sums[m][j][i];
            }
}

#define WEIGHING(NAME, EXACT)                                                                                          \
    extern "C" __global__ void __launch_bounds__(288)                                                                  \
        NAME(const float *x, const float *g, float *part, Conv s, int depth, int down, int across, int plane) {        \
        extern __shared__ float memory[];                                                                              \
        weigh<EXACT>(x, g, part, s, depth, down, across, plane, memory);                                               \
    }
WEIGHING(weigh_rounded, false)
WEIGHING(weigh_exact, true)

// y[out][in][tap] = sum over parts of part[.][tap][in][out]
extern "C" __global__ void sum_parts(const float *part, float *y, int parts, int taps, int in, int out) {
    const int n = taps * in * out, i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float sum = 0.0f;
    for (int k = 0; k < parts; k++) sum += part[(size_t)k * n + i];
    const int co = i % out, c = i / out % in, tap = i / (out * in);
    y[((size_t)co * in + c) * taps + tap] = sum;
}

// y[tap][b][a] of a kernel [a][b][tap], or y[tap][a][b] with `turned`.
extern "C" __global__ void pack_weight(const float *x, float *y, int taps, int a, int b, int turned) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= taps * a * b) return;
    const int tap = i % taps, q = i / taps % b, p = i / (taps * b);
    y[turned ? (tap * a + p) * b + q : (tap * b + q) * a + p] = x[i];
}

// Sums over the values of a channel, in part: blockIdx.x is the channel, blockIdx.y one of gridDim.y parts of the batch and
// plane. kind 0: x and x^2 less a pivot; 1: g and g (x - mean); 2: g and g x where x is not positive.
extern "C" __global__ void __launch_bounds__(256)
    sum_channels(const float *x, const float *g, const float *mean, double *part, int batch, int channels, int plane, int kind) {
    __shared__ double shared[2][256];
    const int c = blockIdx.x, count = batch * plane;
    const float pivot = kind == 0 ? x[(size_t)c * plane] : (kind == 1 ? mean[c] : 0.0f);
    double a = 0.0, b = 0.0;
    for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < count; i += gridDim.y * blockDim.x) {
        const int n = i / plane;
        const size_t at = ((size_t)n * channels + c) * plane + (i - n * plane);
        if (kind == 0) {
            const float v = x[at] - pivot;
            a += v;
            b += (double)v * v;
        } else {
            const float v = g[at];
            a += v;
            if (kind == 1) b += (double)v * (x[at] - pivot);
            if (kind == 2) b += x[at] > 0.0f ? 0.0 : (double)v * x[at];
        }
    }
    shared[0][threadIdx.x] = a;
    shared[1][threadIdx.x] = b;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) {
            shared[0][threadIdx.x] += shared[0][threadIdx.x + half];
            shared[1][threadIdx.x] += shared[1][threadIdx.x + half];
        }
    }
    __syncthreads();
    if (threadIdx.x < 2) part[((size_t)c * gridDim.y + blockIdx.y) * 2 + threadIdx.x] = shared[threadIdx.x][0];
}

// What the sums of a channel come to, y: [2, channels]. kind 0: mean and population variance; 1: both, the second over the
// root of the variance; 2: both.
extern "C" __global__ void finish_channels(const double *part, const float *x, const float *variance, float *y, int parts, int channels, int count, int plane, float eps, int kind) {
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= channels) return;
    double a = 0.0, b = 0.0;
    for (int k = 0; k < parts; k++) {
        a += part[((size_t)c * parts + k) * 2];
        b += part[((size_t)c * parts + k) * 2 + 1];
    }
    if (kind == 0) {
        a /= count;
        b = b / count - a * a;
        b = b > 0.0 ? b : 0.0;
        a += x[(size_t)c * plane];
    }
    if (kind == 1) b /= sqrt((double)(variance[c] + eps));
    y[c] = (float)a;
    y[channels + c] = (float)b;
}

// weight (x - mean) / sqrt(variance + eps) + bias
extern "C" __global__ void normalise(const float *x, const float *mean, const float *variance, const float *weight, const float *bias, float *y, int n, int channels, int plane, float eps) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const int c = i / plane % channels;
    const float gain = weight[c] / sqrtf(variance[c] + eps);
    y[i] = gain * (x[i] - mean[c]) + bias[c];
}

// The gradient at the input of `normalise` from that at its value; sums: those of the gradient and of the gradient times the
// normalised value. count: values behind the statistics, 0 where they do not depend on the input.
extern "C" __global__ void normalise_pullback(const float *x, const float *g, const float *mean, const float *variance, const float *weight, const float *sums, float *y, int n, int channels, int plane, float eps, int count) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const int c = i / plane % channels;
    const float rstd = 1.0f / sqrtf(variance[c] + eps);
    float v = g[i];
    if (count > 0) v -= (sums[c] + (x[i] - mean[c]) * rstd * sums[channels + c]) / count;
    y[i] = weight[c] * rstd * v;
}

// x where it is positive, slope x elsewhere; slope: one, one per channel, or one per element of a sample.
__device__ __forceinline__ float slope_of(const float *slope, int i, int slopes, int channels, int plane) {
    if (slopes == 1) return slope[0];
    return slopes == channels ? slope[i / plane % channels] : slope[i % slopes];
}
extern "C" __global__ void bend(const float *x, const float *slope, float *y, int n, int slopes, int channels, int plane) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const float v = x[i];
    y[i] = v > 0.0f ? v : v * slope_of(slope, i, slopes, channels, plane);
}
extern "C" __global__ void bend_pullback(const float *x, const float *g, const float *slope, float *y, int n, int slopes, int channels, int plane) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = x[i] > 0.0f ? g[i] : g[i] * slope_of(slope, i, slopes, channels, plane);
}
extern "C" __global__ void leak(const float *x, const float *g, float *y, int n, float slope) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] > 0.0f ? g[i] : slope * g[i];
}

// Tensors that are handled in one launch: addresses of up to four, where the result starts, how many values, a factor.
struct Many {
    const float *a, *b, *c, *d;
    unsigned long long start, count;
    double factor;
};

// Updates by Adam; a, b, c, d: value, first and second moment, gradient. scale: what gradients are multiplied by. y: for each
// tensor the new value and moments one after another, at three times its start.
extern "C" __global__ void adam_many(const Many *all, const float *scale, float *y, float beta1, float beta2, float correction1, float correction2, float rate, float eps) {
    const Many t = all[blockIdx.y];
    const int n = (int)t.count;
    float *to = y + 3 * t.start;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        const float g = t.d[i] * scale[0];
        const float m = beta1 * t.b[i] + (1.0f - beta1) * g;
        const float v = beta2 * t.c[i] + (1.0f - beta2) * g * g;
        to[i] = t.a[i] - rate * (m / correction1) / (sqrtf(v / correction2) + eps);
        to[n + i] = m;
        to[2 * n + i] = v;
    }
}

// by a + factor b
extern "C" __global__ void mix_many(const Many *all, float *y, float by) {
    const Many t = all[blockIdx.y];
    const int n = (int)t.count;
    const float factor = (float)t.factor;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        y[t.start + i] = by * t.a[i] + factor * t.b[i];
}

// Momentum a with gradient b, and the same once more ahead: y: [2, total].
extern "C" __global__ void momentum_many(const Many *all, const float *scale, float *y, int total, float old) {
    const Many t = all[blockIdx.y];
    const int n = (int)t.count;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        const float g = (1.0f - old) * t.b[i] * scale[0];
        const float m = old * t.a[i] + g;
        y[t.start + i] = m;
        y[total + t.start + i] = old * m + g;
    }
}

// The sum of the squares of each tensor a.
extern "C" __global__ void __launch_bounds__(256) square_many(const Many *all, double *part) {
    __shared__ double shared[256];
    const Many t = all[blockIdx.x];
    double sum = 0.0;
    for (int i = threadIdx.x; i < (int)t.count; i += blockDim.x) sum += (double)t.a[i] * t.a[i];
    shared[threadIdx.x] = sum;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    if (threadIdx.x == 0) part[blockIdx.x] = shared[0];
}

// What shortens a vector with these sums of squares to `clip` where it is longer.
extern "C" __global__ void clip_scale(const double *part, float *y, int parts, float clip) {
    double sum = 0.0;
    for (int i = 0; i < parts; i++) sum += part[i];
    const double norm = sqrt(sum);
    y[0] = norm > clip ? (float)(clip / norm) : 1.0f;
}
