"""A session of `requests` for one service, whose sockets can be ended from another thread; see `interrupt`."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
import requests.adapters
import urllib3
import urllib3.connection

import entrypoint
from entrypoint import settings
from entrypoint.destinations import interrupt
from entrypoint.destinations.zenodo.api.request import JSON

BLOCK: Final = 256 * 1024
"""Bytes that are read, hashed and sent at a time."""


class _Connection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        interrupt.attach(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        interrupt.attach(self.sock)
        super().putrequest(*args, **kwargs)

    def getresponse(self) -> Any:
        interrupt.sent()
        return super().getresponse()


class _TlsConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        interrupt.attach(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        interrupt.attach(self.sock)
        super().putrequest(*args, **kwargs)

    def getresponse(self) -> Any:
        interrupt.sent()
        return super().getresponse()


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


class _Bearer(requests.auth.AuthBase):
    """The token, in a header; given explicitly so that no .netrc file can put another in its place."""

    def __init__(self, token: settings.Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


def session(base: str, token: settings.Secret, size: int, contact: str) -> requests.Session:
    """A session with this token.

    Args:
        size: connections that are kept open, at most.
        contact: URL for the operators of the service; may be empty.
    """
    made = requests.Session()
    # A cookie turns a bad token into a confusing 400, and none is ever needed.
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    agent = f"catalog-upload/{entrypoint.__version__}" + (f" (+{contact})" if contact else "")
    made.headers.update({"User-Agent": agent, "Accept": JSON, "Accept-Encoding": "identity"})
    made.auth = _Bearer(token)
    # Plain http goes to loopback addresses only, and there a proxy must not see the token.
    made.trust_env = base.startswith("https:")
    adapter = Adapter(size)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made
