# One image for every service of docker-compose.yml but PostgreSQL. The user is not root, and owns nothing but
# the folder for artifacts and a home.
FROM python:3.12.12-slim-bookworm AS build
# Where torch comes from: the CPU build, or https://download.pytorch.org/whl/cu130 for the GPU profile.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/lossmith
WORKDIR /source
# Dependencies first: an edit of a source then installs nothing but lossmith itself.
COPY constraints.txt ./
RUN /opt/lossmith/bin/pip install -c constraints.txt --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple torch
COPY pyproject.toml ./
COPY deploy/dependencies.py deploy/
# What nothing reads while lossmith runs goes in the same layer: tests, headers of C++, Java.
RUN python deploy/dependencies.py all > needed.txt \
 && /opt/lossmith/bin/pip install -c constraints.txt -r needed.txt flask-wtf==1.3.0 wtforms==3.3.2 boto3==1.44.8 \
 && cd /opt/lossmith/lib/python3*/site-packages && rm -rf torch/test torch/include ray/jars \
 && find . -type d -name tests -path '*/tests' -prune -exec rm -rf {} +
COPY README.md LICENSE ./
COPY losses losses
COPY spaces spaces
COPY search search
COPY experiments experiments
RUN /opt/lossmith/bin/pip install --no-deps .

FROM python:3.12.12-slim-bookworm
RUN useradd --create-home --uid 1000 lossmith && install -d -o lossmith -g lossmith /artifacts
COPY --from=build /opt/lossmith /opt/lossmith
COPY --chmod=755 deploy/mlflow-server /home/lossmith/deploy/mlflow-server
ENV PATH=/opt/lossmith/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
USER 1000:1000
WORKDIR /home/lossmith
CMD ["lossmith", "--help"]
