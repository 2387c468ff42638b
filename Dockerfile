# The image of the action, and of the same command anywhere else.
#
# The base is a tag here, so that a build today gets today's security fixes; a release looks its digest up
# and builds with --build-arg BASE_IMAGE=python:3.13-slim@sha256:… (tools/release.py), so that the released
# image can be built again.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements/runtime.txt ./
# --no-deps: the lock is complete, and leaves out on purpose what is not used. actions-toolkit installs its
# own tests as a package named `tests`. unchecked-hash: the bytecode is as old as its source by construction,
# so Python need not look at the source's time. botocore knows four hundred services; here it logs in and
# finds endpoints of S3.
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --no-deps \
        --disable-pip-version-check --root-user-action=ignore --require-hashes -r runtime.txt \
    && rm -r /opt/venv/lib/python3.*/site-packages/tests \
    && find /opt/venv/lib/python3.*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name sts ! -name 'sso*' ! -name signin -exec rm -r {} + \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
COPY entrypoint /opt/app/entrypoint
# The command, for whoever runs the image with a shell of their own (GitLab, Nextflow).
RUN printf '#!/bin/sh\nexec /opt/venv/bin/python -P -m entrypoint "$@"\n' >/opt/venv/bin/catalog-upload \
    && chmod 755 /opt/venv/bin/catalog-upload \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/app \
    && chmod -R a-w,a+rX /opt/app /opt/venv

FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="catalog-upload" \
      org.opencontainers.image.description="Publish what a cartloader catalog.yaml lists to S3 or Zenodo" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE /opt/app/
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/app/entrypoint /opt/app/entrypoint
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# GitHub's runner needs root in the container: the workspace it mounts belongs to another user.
# -P: the working directory is the user's workspace, and a requests.py in it must not be imported.
ENTRYPOINT ["/opt/venv/bin/python", "-P", "-m", "entrypoint"]
