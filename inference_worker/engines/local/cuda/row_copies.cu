// Copies between the rows of a storage, (rows, heads, width, size) for each of a model's tensors.

// One head of a row: from and to, each of so many numbers. A block's and a grid's x go over them.
__device__ void copy(const half_t* from, half_t* to, long long numbers) {
    long long step = (long long)gridDim.x * blockDim.x * 8;
    for (long long i = ((long long)blockIdx.x * blockDim.x + threadIdx.x) * 8; i < numbers; i += step)
        store(to + i, load(from + i));
}

// A grid's y goes over heads, its z over the tensors of the storage, whose addresses are given.
extern "C" __global__ void move_row(
    const long long* storage, int source, int target, int width, int size, int length
) {
    half_t* stored = (half_t*)storage[blockIdx.z];
    long long head = (long long)width * size, row = gridDim.y * head;
    half_t* begin = stored + blockIdx.y * head;
    copy(begin + source * row, begin + target * row, (long long)length * size);
}

// packed: (tensors, heads, kept, size). writing: into the storage; else out of it.
extern "C" __global__ void pack_row(
    const long long* storage, half_t* packed, int number, int width, int kept, int size, int length, int writing
) {
    half_t* stored = (half_t*)storage[blockIdx.z];
    half_t* there = stored + ((long long)number * gridDim.y + blockIdx.y) * width * size;
    half_t* here = packed + ((long long)blockIdx.z * gridDim.y + blockIdx.y) * kept * size;
    copy(writing ? here : there, writing ? there : here, (long long)length * size);
}
