"""One environment, one reading of it: certificates, proxies and empty variables, for every request alike.

Each run is a process of its own, as a user starts it.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.s3_emulator.certificates import Authority, authority
from tests.s3_emulator.forward import forward, to
from tests.s3_emulator.product import arrived, process
from tests.s3_emulator.server import HOST, emulator

FILES = {"a.tsv": b"1", "big.pmtiles": in_process.noise(17 << 20)}


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"), HOST, f"*.{HOST}")


# Certificates

BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.mark.parametrize("variable", [*BUNDLES, "SSL_CERT_DIR", "ca_bundle"])
def test_a_private_authority(variable: str, trusted: Authority, workspace: Path) -> None:
    """By each of the usual variables and by the AWS configuration, for lists and puts alike."""
    in_process.fill(workspace, FILES)
    environment = {variable: str(trusted.folder if variable == "SSL_CERT_DIR" else trusted.bundle)}
    if variable == "ca_bundle":
        config = workspace / "config"
        config.write_text(f"[default]\nca_bundle = {trusted.bundle}\n")
        environment = {"AWS_CONFIG_FILE": str(config)}
    with emulator(tls=trusted.server) as store:
        arrived(process(store, workspace, environment), store, workspace)


def test_a_list_of_folders(trusted: Authority, workspace: Path, tmp_path: Path) -> None:
    """As OpenSSL has it: the first may be empty, the last need not be there."""
    in_process.fill(workspace, FILES)
    (tmp_path / "empty").mkdir()
    with emulator(tls=trusted.server) as store:
        folders = f"{tmp_path}/empty:{trusted.folder}:{tmp_path}/missing"
        arrived(process(store, workspace, {"SSL_CERT_DIR": folders}), store, workspace)


def test_awss_own_variable_wins(trusted: Authority, workspace: Path, tmp_path: Path) -> None:
    in_process.fill(workspace, FILES)
    other = tmp_path / "other"
    other.mkdir()
    wrong = str(authority(other).bundle)
    with emulator(tls=trusted.server) as store:
        environment = {"AWS_CA_BUNDLE": str(trusted.bundle), "REQUESTS_CA_BUNDLE": wrong}
        arrived(process(store, workspace, environment), store, workspace)


def test_a_certificate_that_nobody_vouches_for(trusted: Authority, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator(tls=trusted.server) as store:
        run = process(store, workspace, {})
        assert run.code == 5, run.log
        assert "certificate" in run.log
        assert "AWS_CA_BUNDLE" in run.log
        assert store.seen == []


def test_a_certificate_of_another_host(workspace: Path, tmp_path: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    made = authority(tmp_path, "other.example")
    with emulator(tls=made.server) as store, forward(to(store.url)) as proxy:
        environment = {"AWS_CA_BUNDLE": str(made.bundle), "HTTPS_PROXY": proxy.url}
        run = process(store, workspace, {**environment, "AWS_ENDPOINT_URL_S3": f"https://{HOST}"})
        assert run.code == 5, run.log
        assert "certificate" in run.log


@pytest.mark.parametrize("content", ["missing", "no PEM"])
@pytest.mark.parametrize("variable", BUNDLES)
def test_a_bundle_that_cannot_be_read(variable: str, content: str, workspace: Path) -> None:
    """The variable and the path are named; nothing is sent without it."""
    in_process.fill(workspace, {"a": b"1"})
    bundle = workspace / "bundle.pem"
    if content == "no PEM":
        bundle.write_text("hello\n")
    with emulator() as store:
        environment = {variable: str(bundle), "AWS_ENDPOINT_URL_S3": store.url.replace("http:", "https:")}
        run = process(store, workspace, environment)
        assert run.code in (2, 5), run.log
        assert variable in run.log
        assert "bundle.pem" in run.log


def test_https_to_a_port_that_speaks_http(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        run = process(store, workspace, {"AWS_ENDPOINT_URL_S3": store.url.replace("http:", "https:")})
        assert run.code == 5
        assert "TLS" in run.log or "https" in run.log


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_REGION", "eu west\n1"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1 x"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9\t1"),
    ],
)
def test_a_variable_with_a_blank_in_it(variable: str, value: str, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        run = process(store, workspace, {variable: value})
        assert run.code == 2, run.log
        assert variable in run.log
        assert store.seen == []


# Empty is unset

EMPTY = (
    *("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "ALL_PROXY"),
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_REGION"),
    *("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
    *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
    *("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_DEFAULTS_MODE"),
    *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_SDK_UA_APP_ID", "AWS_METADATA_SERVICE_TIMEOUT"),
)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_empty_variables_are_unset(tls: bool, trusted: Authority, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    environment = dict.fromkeys(EMPTY, "")
    if tls:
        environment["AWS_CA_BUNDLE"] = str(trusted.bundle)
    with emulator(tls=trusted.server if tls else None) as store:
        arrived(process(store, workspace, environment), store, workspace)
        assert not any("x-amz-security-token" in seen.headers for seen in store.seen)


@pytest.mark.parametrize(
    "variable", ["AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_REGION", "HTTP_PROXY", "NO_PROXY"]
)
def test_an_empty_variable_is_unset(variable: str, workspace: Path) -> None:
    """One at a time too: some only matter where others are not set."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        arrived(process(store, workspace, {variable: ""}), store, workspace)


# Proxies

PASSWORD = "p%ss w:rd/@?é"
ENCODED = "p%25ss%20w%3Ard%2F%40%3F%C3%A9"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_every_request_goes_through_the_proxy(variable: str, workspace: Path) -> None:
    """The store's name is known to the proxy alone."""
    in_process.fill(workspace, FILES)
    with emulator() as store, forward(to(store.url)) as proxy:
        run = process(store, workspace, {variable: proxy.url, "AWS_ENDPOINT_URL_S3": f"http://{HOST}"})
        arrived(run, store, workspace)
        assert len(proxy.asked) == len(store.seen)


@pytest.mark.parametrize("how", ["HTTPS_PROXY", "https_proxy", "without a scheme"])
def test_a_tunnel(how: str, trusted: Authority, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator(tls=trusted.server) as store, forward(to(store.url)) as proxy:
        variable, url = (
            (how, proxy.url) if how.endswith(("Y", "y")) else ("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        )
        environment = {variable: url, "AWS_CA_BUNDLE": str(trusted.bundle)}
        run = process(store, workspace, {**environment, "AWS_ENDPOINT_URL_S3": f"https://{HOST}"})
        arrived(run, store, workspace)
        assert {line.split()[0] for line, _ in proxy.asked} == {"CONNECT"}
        assert len(proxy.asked) <= store.connections


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_password_with_signs(scheme: str, trusted: Authority, workspace: Path) -> None:
    """Decoded once, for every request, and never shown."""
    in_process.fill(workspace, FILES)
    tls = trusted.server if scheme == "https" else None
    with emulator(tls=tls) as store, forward(to(store.url), password=f"us@er:{PASSWORD}") as proxy:
        url = f"http://us%40er:{ENCODED}@127.0.0.1:{proxy.port}"
        environment = {f"{scheme.upper()}_PROXY": url, "AWS_CA_BUNDLE": str(trusted.bundle)}
        run = process(store, workspace, {**environment, "AWS_ENDPOINT_URL_S3": f"{scheme}://{HOST}"})
        arrived(run, store, workspace)
        assert {given for _, given in proxy.asked} <= {"", f"us@er:{PASSWORD}"}
        assert ENCODED not in run.log
        assert PASSWORD not in run.log


@pytest.mark.parametrize("given", ["", "someone:hunter22hunter22@"], ids=["none", "wrong"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_another_password(
    scheme: str, given: str, trusted: Authority, workspace: Path
) -> None:
    """407 is the proxy's word, not the store's."""
    in_process.fill(workspace, {"a": b"1"})
    tls = trusted.server if scheme == "https" else None
    with emulator(tls=tls) as store, forward(to(store.url), password="user:right") as proxy:
        environment = {
            f"{scheme.upper()}_PROXY": f"http://{given}127.0.0.1:{proxy.port}",
            "AWS_CA_BUNDLE": str(trusted.bundle),
            "AWS_ENDPOINT_URL_S3": f"{scheme}://{HOST}",
        }
        run = process(store, workspace, environment)
        assert run.code in (4, 5), run.log
        assert "proxy" in run.log.lower()
        assert "407" in run.log or "password" in run.log
        assert f"{scheme.upper()}_PROXY" in run.log
        assert "hunter22" not in run.log
        assert store.seen == []
        assert len(proxy.asked) <= 6, "asking again does not help"


def test_a_proxy_that_refuses(trusted: Authority, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator(tls=trusted.server) as store, forward(to(store.url), status=403) as proxy:
        environment = {"HTTPS_PROXY": proxy.url, "AWS_ENDPOINT_URL_S3": f"https://{HOST}"}
        run = process(store, workspace, environment)
        assert run.code == 5, run.log
        assert re.search("(?i)proxy", run.log)
        assert "403" in run.log
        assert "s3:" not in run.log.replace("s3://", "")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there(scheme: str, workspace: Path) -> None:
    """What fails is the proxy, and it is named; the store was never reached."""
    in_process.fill(workspace, {"a": b"1"})
    with socket.socket() as taken, emulator() as store:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        environment = {f"{scheme.upper()}_PROXY": f"http://user:hunter22@127.0.0.1:{port}"}
        run = process(store, workspace, {**environment, "AWS_ENDPOINT_URL_S3": f"{scheme}://{HOST}"})
        assert run.code == 5, run.log
        assert "proxy" in run.log.lower()
        assert f"127.0.0.1:{port}" in run.log
        assert "hunter22" not in run.log


def test_a_name_that_the_proxy_does_not_know(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store, forward({}) as proxy:
        environment = {"HTTP_PROXY": proxy.url, "AWS_ENDPOINT_URL_S3": "http://nobody.example"}
        run = process(store, workspace, environment)
        assert run.code == 5, run.log
        assert "nobody.example" in run.log or "proxy" in run.log.lower()


@pytest.mark.parametrize("scheme", ["socks5", "ftp"])
def test_a_proxy_of_a_kind_that_is_not_spoken(scheme: str, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        run = process(store, workspace, {"HTTP_PROXY": f"{scheme}://127.0.0.1:9"})
        assert run.code in (2, 5)
        assert "HTTP_PROXY" in run.log


EXCEPT = ("127.0.0.1", "127.0.0.1:{port}", "*", "localhost, 127.0.0.1 ,example.org", "127.0.0.0/8")


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("text", EXCEPT)
def test_exceptions_from_the_proxy(text: str, variable: str, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator() as store, forward({}, status=403) as proxy:
        text = text.format(port=store.url.rpartition(":")[2])
        run = process(store, workspace, {"HTTP_PROXY": proxy.url, variable: text})
        arrived(run, store, workspace)
        assert proxy.asked == []


@pytest.mark.parametrize("text", ["127.0.0.1:1", "27.0.0.1", "example", ".0.0.2", ","])
def test_exceptions_that_mean_others(text: str, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store, forward() as proxy:
        run = process(store, workspace, {"HTTP_PROXY": proxy.url, "NO_PROXY": text})
        arrived(run, store, workspace)
        assert len(proxy.asked) == len(store.seen)


def test_names_below_an_exception(workspace: Path) -> None:
    """``.stranger.example`` and ``stranger.example`` cover ``s3.stranger.example``; it does not resolve here."""
    in_process.fill(workspace, {"a": b"1"})
    for text in (".stranger.example", "stranger.example", HOST):
        with emulator() as store, forward(to(store.url)) as proxy:
            environment = {"HTTP_PROXY": proxy.url, "AWS_ENDPOINT_URL_S3": f"http://{HOST}", "NO_PROXY": text}
            run = process(store, workspace, environment)
            assert run.code == 5
            assert HOST in run.log
            assert proxy.asked == []
