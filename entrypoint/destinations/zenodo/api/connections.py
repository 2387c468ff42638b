"""Pooled connections of `requests` whose sockets can be ended from another thread; see `interrupt`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import requests.adapters
import urllib3
import urllib3.connection

from entrypoint.destinations import interrupt

BLOCK: Final = 256 * 1024
"""Bytes that are read, hashed and sent at a time."""


class _Connection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        interrupt.attach(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        interrupt.attach(self.sock)
        super().putrequest(*args, **kwargs)


class _TlsConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        interrupt.attach(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        interrupt.attach(self.sock)
        super().putrequest(*args, **kwargs)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final[Mapping[str, type[urllib3.HTTPConnectionPool]]] = {"http": _Pool, "https": _TlsPool}


class Adapter(requests.adapters.HTTPAdapter):
    """Pooled connections that belong to the operation of their thread; no retries of its own."""

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pools whose connections can be ended, and that read bodies in larger blocks than 16 KiB."""
        super().init_poolmanager(*args, **kwargs, blocksize=BLOCK)
        self.poolmanager.pool_classes_by_scheme = dict(_POOLS)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The same behind a proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs, blocksize=BLOCK)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = dict(_POOLS)
        return manager
