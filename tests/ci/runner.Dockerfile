# What act uses for ubuntu-latest: Python, and what the end-to-end jobs' own steps import.
ARG BASE_IMAGE
# hadolint ignore=DL3006
FROM ${BASE_IMAGE}
COPY requirements/runtime.txt /tmp/
RUN python3 -m pip install --no-cache-dir --no-deps --root-user-action=ignore --require-hashes -r /tmp/runtime.txt
