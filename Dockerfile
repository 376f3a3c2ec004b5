# One image for every service of docker-compose.yml but PostgreSQL. The user is not root, and owns nothing but
# two folders, for artifacts and for tables, and a home.
FROM python:3.12.12-slim-bookworm AS dependencies
# Where torch comes from: the CPU build, or https://download.pytorch.org/whl/cu130 for the GPU profile.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/lossmith
WORKDIR /source
# In a layer of their own: an edit of a source then installs, and sends anywhere, nothing but lossmith itself.
COPY constraints.txt ./
RUN /opt/lossmith/bin/pip install -c constraints.txt --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple torch
COPY pyproject.toml ./
COPY deploy/dependencies.py deploy/
# What nothing reads while lossmith runs goes in the same layer: tests, headers of C++, Java.
RUN python deploy/dependencies.py all > needed.txt \
 && /opt/lossmith/bin/pip install -c constraints.txt -r needed.txt flask-wtf==1.3.0 wtforms==3.3.2 boto3==1.44.8 \
 && cd /opt/lossmith/lib/python3*/site-packages && rm -rf torch/test torch/include ray/jars \
 && find . -type d -name tests -path '*/tests' -prune -exec rm -rf {} +

FROM dependencies AS build
COPY README.md LICENSE ./
COPY losses losses
COPY spaces spaces
COPY search search
COPY experiments experiments
RUN /opt/lossmith/bin/pip wheel --no-deps --wheel-dir /wheels .

FROM python:3.12.12-slim-bookworm
RUN useradd --create-home --uid 1000 lossmith && install -d -o lossmith -g lossmith /artifacts /data
COPY --from=dependencies /opt/lossmith /opt/lossmith
COPY --from=build /wheels /wheels
RUN /opt/lossmith/bin/pip install --no-cache-dir --no-deps /wheels/*.whl
COPY --chmod=755 deploy/mlflow-server deploy/healthy /home/lossmith/deploy/
# A login shell, as KubeRay starts Ray in, makes a PATH of its own.
RUN echo 'PATH=/opt/lossmith/bin:$PATH' > /etc/profile.d/lossmith.sh
ENV PATH=/opt/lossmith/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
USER 1000:1000
WORKDIR /home/lossmith
CMD ["lossmith", "--help"]
