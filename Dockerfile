# The image of every service of docker-compose.yml but PostgreSQL; workers with GPUs have one of their own, of the same
# file. The user is not root, and owns nothing but two folders, for artifacts and for tables, and a home.
FROM python:3.12.12-slim-bookworm AS needed
WORKDIR /source
COPY pyproject.toml ./
COPY deploy/dependencies.py deploy/
RUN python deploy/dependencies.py all > needed.txt

FROM python:3.12.12-slim-bookworm AS dependencies
# Where torch comes from: the CPU build, or https://download.pytorch.org/whl/cu130 for workers with GPUs.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/lossmith
WORKDIR /source
# In a layer of their own: an edit of a source then installs, and sends anywhere, nothing but lossmith itself.
COPY constraints.txt ./
RUN /opt/lossmith/bin/pip install -c constraints.txt --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple torch
COPY --from=needed /source/needed.txt ./
RUN /opt/lossmith/bin/pip install -c constraints.txt -r needed.txt flask-wtf==1.3.0 wtforms==3.3.2 boto3==1.44.8
# What nothing reads while lossmith runs stays here: tests, headers, Java, the services of AWS but S3, Arrow's protocol of
# servers, the libraries of Ray that no search uses, and the plots that MLflow draws for others.
RUN /opt/lossmith/bin/pip uninstall --yes matplotlib contourpy cycler fonttools kiwisolver pyparsing \
 && cd /opt/lossmith/lib/python3*/site-packages \
 && rm -rf torch/test torch/include ray/jars ray/rllib ray/llm pyarrow/include plotly/labextension plotly/package_data/datasets \
 && find torch/bin -type f ! -name torch_shm_manager -delete \
 && find pyarrow -name '*flight*' -delete \
 && find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' -exec rm -rf {} + \
 && find . \( -type d -name tests -prune -o -name '*.map' \) -exec rm -rf {} + \
 && /opt/lossmith/bin/python -c 'import boto3, mlflow.server, plotly, pyarrow.dataset, pyarrow.parquet, ray.tune, sklearn'

FROM dependencies AS build
COPY pyproject.toml README.md LICENSE ./
COPY losses losses
COPY spaces spaces
COPY search search
COPY experiments experiments
RUN /opt/lossmith/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

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
