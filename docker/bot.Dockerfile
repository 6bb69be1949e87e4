# The bot: webhooks, delivery, dashboard. Serves by default; the migration runs in the same image.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
RUN useradd --create-home --uid 10001 bllossom
WORKDIR /app

COPY locks/bot.txt locks/bot.txt
RUN pip install --no-deps --require-hashes -r locks/bot.txt
COPY pyproject.toml README.md LICENSE ./
COPY measures ./measures
COPY runtime ./runtime
COPY inference_queue ./inference_queue
COPY bot ./bot
COPY migrations ./migrations
# Editable: the migrations lie beside the packages. What the lock names is installed above.
RUN pip install --no-deps --no-build-isolation -e .

# Of BOT_DATA_DIR: exports are put together there.
RUN install --directory --owner=bllossom --mode=0700 data
USER bllossom
EXPOSE 8080
CMD ["python", "-m", "bot", "serve"]
