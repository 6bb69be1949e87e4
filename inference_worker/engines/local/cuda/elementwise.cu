// What a Llama's step computes between its products. Numbers are rounded to 16 bits wherever torch
// would store them.

__device__ float sum_of_block(float part) {
    __shared__ float parts[32];
    for (int gap = 16; gap; gap /= 2) part += __shfl_xor_sync(~0u, part, gap);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = part;
    __syncthreads();
    float sum = 0;
    for (int warp = 0; warp < blockDim.x / 32; warp++) sum += parts[warp];
    return sum;
}

// One block for each token; a whole number of warps. x gets the sum, normed its norm.
extern "C" __global__ void sum_and_norm(
    half_t* x, const half_t* added, const half_t* weight, half_t* normed, int size, int has_added, double epsilon
) {
    long long row = (long long)blockIdx.x * size;
    float squares = 0;
    for (int i = threadIdx.x * 8; i < size; i += blockDim.x * 8) {
        Eight sums = load(x + row + i);
        if (has_added) {
            Eight more = load(added + row + i);
            for (int k = 0; k < 8; k++) sums.one[k] = narrow(wide(sums.one[k]) + wide(more.one[k]));
            store(x + row + i, sums);
        }
        for (int k = 0; k < 8; k++) squares += wide(sums.one[k]) * wide(sums.one[k]);
    }
    float scale = rsqrtf(sum_of_block(squares) / size + (float)epsilon);
    for (int i = threadIdx.x * 8; i < size; i += blockDim.x * 8) {
        Eight sums = load(x + row + i), weights = load(weight + i);
        for (int k = 0; k < 8; k++) sums.one[k] = narrow(wide(weights.one[k]) * rounded(wide(sums.one[k]) * scale));
        store(normed + row + i, sums);
    }
}

// A block's x goes over a head's pairs, its y over heads; one grid row for each token.
extern "C" __global__ void turn_and_store(
    half_t* states, const half_t* cosines, const half_t* sines, const long long* places,
    half_t* keys, half_t* values, int queries, int kept, int size, int width
) {
    int token = blockIdx.x, head = blockIdx.y * blockDim.y + threadIdx.y;
    int heads = queries + 2 * kept, half = size / 2;
    if (head >= heads) return;
    half_t* from = states + ((long long)token * heads + head) * size;
    half_t* to = from;
    if (head >= queries) {
        long long row = places[token], position = places[gridDim.x + token];
        half_t* storage = head < queries + kept ? keys : values;
        to = storage + ((row * kept + (head - queries) % kept) * width + position) * size;
    }
    const half_t *cosine = cosines + token * size, *sine = sines + token * size;
    for (int i = threadIdx.x; i < half; i += blockDim.x) {
        half_t first = from[i], second = from[half + i];
        if (head < queries + kept) {
            float a = wide(first), b = wide(second);
            first = narrow(rounded(a * wide(cosine[i])) + rounded(b * wide(sine[i])));
            second = narrow(rounded(b * wide(cosine[half + i])) + rounded(a * wide(sine[half + i])));
        }
        to[i] = first;
        to[half + i] = second;
    }
}

// A grid's x goes over a token's numbers, its y over tokens.
extern "C" __global__ void gate(const half_t* states, half_t* out, int size) {
    int i = (blockIdx.x * blockDim.x + threadIdx.x) * 8;
    if (i >= size) return;
    long long token = blockIdx.y;
    Eight gates = load(states + token * 2 * size + i), ups = load(states + (token * 2 + 1) * size + i);
    for (int k = 0; k < 8; k++) {
        float x = wide(gates.one[k]);
        gates.one[k] = narrow(rounded(x / (1 + expf(-x))) * wide(ups.one[k]));
    }
    store(out + token * size + i, gates);
}
