# The bot: webhooks, delivery, dashboard. Serves by default; the migration runs in the same image.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
RUN useradd --create-home --uid 10001 bllossom
WORKDIR /app

COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY runtime ./runtime
COPY inference_queue ./inference_queue
COPY bot ./bot
COPY migrations ./migrations
# Editable: the migrations lie beside the packages. Without the extra "local" there is no torch.
RUN pip install -c constraints.txt -e .

USER bllossom
EXPOSE 8080
CMD ["python", "-m", "bot", "serve"]
