# mmssod in a container, on a CPU or with a GPU:
#
#     docker build -t mmssod .
#     docker build -t mmssod --build-arg BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 .
#     docker run --rm --shm-size=8g -v "$PWD:/data" mmssod new labels.json --unlabeled photos --out own
#     docker run --rm --shm-size=8g -v "$PWD:/data" --gpus all mmssod run own
#
# PyPI's torch brings CUDA itself; the host needs NVIDIA's driver and container toolkit.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}

# OpenCV needs libGL and GLib. Debian and Ubuntu drop old versions of packages, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        python3-venv libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/mmssod

ENV PATH=/opt/mmssod/bin:$PATH PIP_NO_CACHE_DIR=1 HOME=/tmp
WORKDIR /opt/mmssod/source
COPY . .
# Versions are those of requirements/constraints.txt; OpenCV's two packages own the same files, the headless one comes last.
RUN python -m pip install --upgrade 'pip<26' 'setuptools<82' 'wheel<1' \
    && python -m pip install -c requirements/constraints.txt '.[onedl,lite,eval,wbf,safetensors,convert]' \
    && python -m pip install -c requirements/constraints.txt --no-deps --force-reinstall opencv-python-headless \
    && python -m mmssod.environment \
    && mkdir -p /data && chmod 777 /data
USER 1000
WORKDIR /data
ENTRYPOINT ["mmssod"]
CMD ["--help"]
