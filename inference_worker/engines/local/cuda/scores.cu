// Scores of tokens from logits: seen ones less likely by their row's penalty, all divided by their
// row's temperature. A grid's x goes over the vocabulary, its y over rows; seen may be missing.

extern "C" __global__ void score(
    const half_t* logits, const unsigned char* seen, const float* penalties, const float* temperatures,
    float* scores, int vocabulary, int penalised
) {
    int at = (blockIdx.x * blockDim.x + threadIdx.x) * 8;
    if (at >= vocabulary) return;
    long long place = (long long)blockIdx.y * vocabulary + at;
    float penalty = penalties[blockIdx.y], temperature = temperatures[blockIdx.y];
    Eight read = load(logits + place);
    union { uint2 all; unsigned char one[8]; } known;
    known.all = penalised ? *(const uint2*)(seen + place) : make_uint2(0, 0);
    union { float4 all[2]; float one[8]; } found;
    for (int k = 0; k < 8; k++) {
        float x = wide(read.one[k]);
        if (known.one[k]) x = x < 0 ? x * penalty : x / penalty;
        found.one[k] = x / temperature;
    }
    float4* to = (float4*)(scores + place);
    to[0] = found.all[0];
    to[1] = found.all[1];
}
