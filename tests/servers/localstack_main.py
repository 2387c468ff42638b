"""LocalStack's own main, kept to 127.0.0.1 and to its own folder; runs in .venv-localstack.

Two things cannot be said by its settings: its Twisted server listens on every interface whatever
GATEWAY_LISTEN says, and S3 keeps its objects in one fixed folder below /tmp.
"""

from __future__ import annotations

import functools
import os
import sys

from twisted.internet import endpoints

# Set before LocalStack's modules are imported: they look the name up in this module.
endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")

from localstack.runtime import main  # noqa: E402
from localstack.services.s3 import provider  # noqa: E402

if __name__ == "__main__":
    provider.DEFAULT_S3_TMP_DIR = os.path.join(os.environ["FILESYSTEM_ROOT"], "objects")  # noqa: PTH118
    sys.exit(main.main())
