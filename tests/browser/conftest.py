"""These tests need Chromium and what npm installs, which `.ci/run` sees to; `make test` goes without them."""

from __future__ import annotations

import os
from typing import Final

WANTED: Final = "CI_BROWSER"
"""The variable that is set where a browser is installed."""

collect_ignore_glob = [] if os.environ.get(WANTED) else ["test_*.py"]
