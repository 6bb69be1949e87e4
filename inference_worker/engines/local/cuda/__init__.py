"""Our own CUDA kernels, for a model that is whole on one GPU, in half precision."""
