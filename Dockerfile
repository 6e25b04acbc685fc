# One machine: `docker build -t footprint . && docker run --rm --network host footprint` is `make run`.
FROM python:3.11-slim AS base
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*

FROM base
RUN useradd --create-home footprint
USER footprint
WORKDIR /home/footprint
COPY --chown=footprint Makefile requirements-dev.txt ./
RUN make .venv/ready
COPY --chown=footprint . .
CMD ["make", "run"]
