// The attention of single tokens over rows of different lengths: each key and value is read once,
// for all query heads that share it. GROUP: query heads of a key head. SIZE: of a head's vectors.

#define WARPS 4
#define LANES (SIZE / 8)    // of a warp, that hold one key
#define KEYS (32 / LANES)   // that a warp reads at once
#define DEEP 4              // such reads that are under way together
#define NONE -1e30f         // less than any score
#define HIDDEN __int_as_float(0xff800000)  // minus infinity
#define TEAMS (WARPS * KEYS)

// A softmax over some of the keys: its largest score (base 2), the sum of weights, and the values.
struct Softmax { float best, sum, values[8]; };

__device__ float dot(const float* query, Eight key) {
    float sum = 0;
    #pragma unroll
    for (int k = 0; k < 8; k++) sum += query[k] * wide(key.one[k]);
    #pragma unroll
    for (int gap = LANES / 2; gap; gap /= 2) sum += __shfl_xor_sync(~0u, sum, gap);
    return sum;
}

// One block for each token (x), key head (y), and part of its row (z). A row has as many parts as
// there are, unless they would be shorter than least; the others have nothing to do.
__device__ int length_of_parts(int used, int parts, int least) {
    int length = (used + parts - 1) / parts;
    return length < least ? least : length;
}

// queries: (tokens, GROUP heads for each key head, SIZE), a token apart by stride. out: the same,
// without gaps. Several parts of a row go to found instead: (tokens, heads, parts, SIZE + 2).
extern "C" __global__ void __launch_bounds__(WARPS * 32) attend(
    const half_t* queries, const half_t* keys, const half_t* values, const int* rows, const int* used,
    half_t* out, float* found, int stride, int width, int least, double scale
) {
    int token = blockIdx.x, head = blockIdx.y, heads = gridDim.y;
    int count = used[token], length = length_of_parts(count, gridDim.z, least);
    int begin = blockIdx.z * length, end = begin + length < count ? begin + length : count;
    if (begin >= end && blockIdx.z) return;

    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, team = lane / LANES, part = lane % LANES;
    float query[GROUP][8];
    Softmax state[GROUP];
    #pragma unroll
    for (int g = 0; g < GROUP; g++) {
        Eight read = load(queries + (long long)token * stride + (head * GROUP + g) * SIZE + part * 8);
        #pragma unroll
        for (int k = 0; k < 8; k++) {
            query[g][k] = wide(read.one[k]) * (float)scale * 1.44269504f;
            state[g].values[k] = 0;
        }
        state[g].best = NONE;
        state[g].sum = 0;
    }

    long long row = ((long long)rows[token] * heads + head) * width * SIZE + part * 8;
    for (int first = begin + warp * KEYS * DEEP; first < end; first += TEAMS * DEEP) {
        Eight key[DEEP], value[DEEP];
        float score[DEEP][GROUP];
        #pragma unroll
        for (int d = 0; d < DEEP; d++) {
            int at = first + d * KEYS + team;
            long long place = row + (long long)(at < end ? at : begin) * SIZE;
            key[d] = load(keys + place);
            value[d] = load(values + place);
        }
        #pragma unroll
        for (int d = 0; d < DEEP; d++)
            #pragma unroll
            for (int g = 0; g < GROUP; g++) {
                float sum = dot(query[g], key[d]);
                score[d][g] = first + d * KEYS + team < end ? sum : HIDDEN;
            }
        #pragma unroll
        for (int g = 0; g < GROUP; g++) {
            float best = state[g].best;
            #pragma unroll
            for (int d = 0; d < DEEP; d++) best = fmaxf(best, score[d][g]);
            float less = exp2f(state[g].best - best);
            state[g].best = best;
            state[g].sum *= less;
            #pragma unroll
            for (int k = 0; k < 8; k++) state[g].values[k] *= less;
            #pragma unroll
            for (int d = 0; d < DEEP; d++) {
                float weight = exp2f(score[d][g] - best);
                state[g].sum += weight;
                #pragma unroll
                for (int k = 0; k < 8; k++) state[g].values[k] += weight * wide(value[d].one[k]);
            }
        }
    }

    // What each team has found, put together by the whole block.
    __shared__ float said[TEAMS][GROUP][SIZE], best_of[TEAMS][GROUP], sum_of[TEAMS][GROUP];
    #pragma unroll
    for (int g = 0; g < GROUP; g++) {
        int at = warp * KEYS + team;
        #pragma unroll
        for (int k = 0; k < 8; k++) said[at][g][part * 8 + k] = state[g].values[k];
        best_of[at][g] = state[g].best;
        sum_of[at][g] = state[g].sum;
    }
    __syncthreads();
    bool is_whole = length >= count;
    for (int i = threadIdx.x; i < GROUP * SIZE; i += WARPS * 32) {
        int g = i / SIZE, k = i % SIZE;
        float best = NONE, sum = 0, value = 0;
        for (int at = 0; at < TEAMS; at++) best = fmaxf(best, best_of[at][g]);
        for (int at = 0; at < TEAMS; at++) {
            float weight = exp2f(best_of[at][g] - best);
            sum += weight * sum_of[at][g];
            value += weight * said[at][g][k];
        }
        long long place = ((long long)token * heads + head) * GROUP + g;
        if (is_whole) {
            out[place * SIZE + k] = narrow(count > 0 ? value / sum : 0);
        } else {
            float* to = found + (place * gridDim.z + blockIdx.z) * (SIZE + 2);
            to[k] = value;
            if (k == 0) { to[SIZE] = best; to[SIZE + 1] = sum; }
        }
    }
}

// The parts of rows that have several; one block of SIZE threads for each token (x) and head (y).
extern "C" __global__ void unite(const float* found, const int* used, half_t* out, int parts, int least) {
    int count = used[blockIdx.x], length = length_of_parts(count, parts, least);
    if (length >= count) return;
    long long place = (long long)blockIdx.x * gridDim.y + blockIdx.y;
    const float* from = found + place * parts * (SIZE + 2);
    float best = NONE, sum = 0, value = 0;
    int filled = (count + length - 1) / length;
    for (int at = 0; at < filled; at++) best = fmaxf(best, from[at * (SIZE + 2) + SIZE]);
    for (int at = 0; at < filled; at++) {
        const float* part = from + at * (SIZE + 2);
        float weight = exp2f(part[SIZE] - best);
        sum += weight * part[SIZE + 1];
        value += weight * part[threadIdx.x];
    }
    out[place * SIZE + threadIdx.x] = narrow(value / sum);
}
