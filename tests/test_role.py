"""`role-to-assume`: by GitHub's token or by other credentials, renewed in time, and never seen."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from botocore.config import Config

from entrypoint import errors, settings
from entrypoint.destinations.s3 import configuration, credentials, network, oidc, role
from tests import action
from tests.conftest import Store
from tests.servers.localstack import REGION
from tests.servers.oidc import SUBJECT, Identity, identity, sts_error
from tests.servers.recorder import Recorder, error_xml, recorder

ROLE: Final = "arn:aws:iam::000000000000:role/publish-atlas"


@pytest.fixture
def github() -> Iterator[Identity]:
    with identity() as server:
        yield server


@pytest.fixture
def faulty(github: Identity) -> Iterator[Recorder]:
    """A recorder before GitHub's service and the STS."""
    with recorder(github.url) as proxy:
        yield proxy


@pytest.fixture
def out(workspace: Path) -> Path:
    folder = workspace / "out"
    folder.mkdir()
    names = [f"f{number}.json" for number in range(6)]
    for name in names:
        (folder / name).write_text(f"{{}} {name}")
    listed = "".join(f"    layer{number}: {name}\n" for number, name in enumerate(names))
    (folder / "catalog.yaml").write_text(f"id: atlas\nassets:\n  basemap:\n{listed}")
    return folder


def publish(
    store: Store,
    workspace: Path,
    environment: Mapping[str, str],
    *arguments: str,
    s3: str = "",
    keys: bool = False,
) -> action.Run:
    """Run the program with the role; secrets never appear."""
    inputs = {"in-dir": "out", "s3-dir": f"s3://{store.bucket}/p", "role-to-assume": ROLE, "n-jobs": "1"}
    given = {"AWS_ENDPOINT_URL_S3": s3 or store.url, "AWS_REGION": REGION}
    given |= store.credentials if keys else {}
    return action.run(
        {} if arguments else inputs,
        workspace=workspace,
        environment=given | dict(environment),
        arguments=[a.format(bucket=store.bucket) for a in arguments],
    )


def shown(run: action.Run) -> str:
    """All that people see: the runner takes the lines that ask it to hide something out of the log."""
    lines = [line for line in run.log.splitlines() if not line.startswith("::add-mask::")]
    return "\n".join([*lines, run.summary, *run.outputs.values()])


def assert_hidden(run: action.Run, secrets: list[str]) -> None:
    assert secrets
    for secret in secrets:
        assert f"::add-mask::{secret}" in run.log
        assert secret not in shown(run)


# The ways in


def test_by_githubs_token_and_a_real_sts(
    s3_server: Store, workspace: Path, out: Path, github: Identity
) -> None:
    with recorder(s3_server.url) as proxy:
        run = publish(s3_server, workspace, github.request | {"AWS_ENDPOINT_URL": proxy.url}, s3=proxy.url)
    assert run.code == 0, run.log
    assert s3_server.read("p/f0.json") == b"{} f0.json"
    [sts] = [r for r in proxy.requests if r.method == "POST" and r.path == "/"]
    assert "authorization" not in sts.headers
    keys = {r.headers["authorization"].partition("Credential=")[2][:4] for r in proxy.find("PUT")}
    assert keys <= {"ASIA", "LSIA"}, "signed with the session's key; LocalStack's begin with an L"
    assert all("x-amz-security-token" in r.headers for r in proxy.find("PUT"))
    assert_hidden(run, github.secrets)


def test_by_other_credentials_and_a_real_sts(
    s3_server: Store, workspace: Path, out: Path, github: Identity
) -> None:
    """Keys that are set win over GitHub's token."""
    with recorder(s3_server.url) as proxy:
        run = publish(s3_server, workspace, github.request | {"AWS_ENDPOINT_URL_STS": proxy.url}, keys=True)
    assert run.code == 0, run.log
    [sts] = proxy.requests
    assert s3_server.credentials["AWS_ACCESS_KEY_ID"] in sts.headers["authorization"]
    assert github.tokens == []


def test_the_session_says_who_it_is_and_lasts_an_hour(
    s3_server: Store, workspace: Path, out: Path, github: Identity
) -> None:
    """Also in cartloader's form of the command line."""
    arguments = ["upload_aws", "--in-dir", "out", "--s3-dir", "s3://{bucket}/p", "--role-to-assume", ROLE]
    run = publish(s3_server, workspace, github.request | {"AWS_ENDPOINT_URL_STS": github.url}, *arguments)
    assert run.code == 0, run.log
    [session] = github.sessions
    assert (session.action, session.role) == ("AssumeRoleWithWebIdentity", ROLE)
    assert (session.name, session.duration, session.signed) == ("octocat-atlas-1", 3600, False)
    assert_hidden(run, github.secrets)


def test_what_the_machine_may_do_is_not_asked(
    s3_server: Store, workspace: Path, out: Path, github: Identity, faulty: Recorder
) -> None:
    """The role of an EC2 machine was not set for this job; the job's own token comes first."""
    machine = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": faulty.url}
    run = publish(s3_server, workspace, github.request | machine | {"AWS_ENDPOINT_URL_STS": github.url})
    assert run.code == 0, run.log
    assert faulty.requests == []


def test_a_token_file_by_the_usual_chain(
    s3_server: Store, workspace: Path, out: Path, github: Identity
) -> None:
    github.tokens.append("a.b.c")
    (workspace / "token").write_text("a.b.c")
    first = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(workspace / "token"), "AWS_ROLE_ARN": ROLE + "-first"}
    # botocore asks for no duration of its own here, which only a real STS understands.
    run = publish(s3_server, workspace, first | {"AWS_ENDPOINT_URL_STS": s3_server.url})
    assert run.code == 0, run.log
    (workspace / "token").unlink()
    gone = publish(s3_server, workspace, first | {"AWS_ENDPOINT_URL_STS": s3_server.url})
    assert gone.code == 4
    assert "AWS_WEB_IDENTITY_TOKEN_FILE must be inside the workspace" in gone.log


# In time


def test_sessions_are_renewed_before_they_end(
    s3_server: Store, workspace: Path, out: Path, github: Identity
) -> None:
    """Each session here lasts for 0.3 seconds longer than what counts as the time to fetch the next."""
    github.lifetime = role.EARLY + 0.3
    with recorder(s3_server.url) as proxy:
        proxy.misbehave("PUT", delay=0.25)
        run = publish(
            s3_server, workspace, github.request | {"AWS_ENDPOINT_URL_STS": github.url}, s3=proxy.url
        )
    assert run.code == 0, run.log
    assert len(github.sessions) >= 4
    assert len(github.tokens) == len(github.sessions), "a token of its own for each"
    used = {r.headers["x-amz-security-token"] for r in proxy.find("PUT")}
    assert len(used) >= 3
    assert_hidden(run, github.secrets)


def test_an_outage_while_renewing_is_waited_out(
    s3_server: Store, workspace: Path, out: Path, github: Identity, faulty: Recorder
) -> None:
    """The session is old but good: nothing is lost when the next one does not come at once."""
    github.lifetime = role.EARLY - 1
    faulty.misbehave("POST", status=403, body=sts_error("AccessDenied"))
    faulty.misbehave("POST", status=0, times=1)  # the first session
    run = publish(s3_server, workspace, github.request | {"AWS_ENDPOINT_URL_STS": faulty.url})
    assert run.code == 0, run.log
    assert len(github.sessions) == 1
    assert len(faulty.find("POST")) > 1
    assert "Traceback" not in run.log


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "list-type"), ("PUT", r"f3\.json"), ("PUT", "catalog")]
)
def test_expired_once(
    s3_server: Store, workspace: Path, out: Path, github: Identity, method: str, target: str
) -> None:
    with recorder(s3_server.url) as proxy:
        proxy.misbehave(method, target, status=400, body=error_xml("ExpiredToken"), times=1)
        run = publish(
            s3_server, workspace, github.request | {"AWS_ENDPOINT_URL_STS": github.url}, s3=proxy.url
        )
    assert run.code == 0, run.log
    assert len(github.sessions) == 2
    assert len(s3_server.keys()) == 7
    assert_hidden(run, github.secrets)


def test_a_part_of_a_large_file_meets_an_expired_session(
    s3_server: Store, workspace: Path, out: Path, github: Identity
) -> None:
    data = b"large" * 4 * 1024 * 1024
    (out / "f0.json").write_bytes(data)
    with recorder(s3_server.url) as proxy:
        proxy.misbehave("PUT", "partNumber=", status=400, body=error_xml("ExpiredToken"), times=2)
        run = publish(
            s3_server, workspace, github.request | {"AWS_ENDPOINT_URL_STS": github.url}, s3=proxy.url
        )
    assert run.code == 0, run.log
    assert len(github.sessions) == 2, "one is enough for all parts"
    assert s3_server.read("p/f0.json") == data


def test_expired_for_ever(s3_server: Store, workspace: Path, out: Path, github: Identity) -> None:
    with recorder(s3_server.url) as proxy:
        proxy.misbehave("PUT", status=400, body=error_xml("ExpiredToken"))
        run = publish(
            s3_server, workspace, github.request | {"AWS_ENDPOINT_URL_STS": github.url}, s3=proxy.url
        )
    assert run.code == 4, run.log
    assert "have expired (ExpiredToken" in run.log
    assert len(github.sessions) == 2, "once is enough"
    assert s3_server.keys() == []
    assert_hidden(run, github.secrets)


def test_denied_in_the_middle(
    s3_server: Store, workspace: Path, out: Path, github: Identity, faulty: Recorder
) -> None:
    """The session ends, and there is no other: the run says why, in STS's terms and not in S3's."""
    github.lifetime = role.LATE - 1
    faulty.misbehave("POST", status=403, body=sts_error("AccessDenied"))
    faulty.misbehave("POST", status=0, times=4)
    run = publish(s3_server, workspace, github.request | {"AWS_ENDPOINT_URL_STS": faulty.url})
    assert run.code == 4, run.log
    assert SUBJECT in run.log
    assert_hidden(run, github.secrets)


# What goes wrong

STS: Final = (
    (403, "AccessDenied", 4, rf"does not trust this job .* sub is '{SUBJECT}'.*trust policy"),
    (400, "InvalidIdentityToken", 4, r"identity provider https://token\.actions\.githubusercontent\.com"),
    (400, "ExpiredTokenException", 4, r"clock of this machine"),
    (400, "ValidationError", 4, r"Check the account and the name in role-to-assume"),
    (403, "RegionDisabledException", 4, r"Set aws-region to a region that is active"),
    (400, "SomethingNew", 4, r"refused: SomethingNew: no '\*\*\*'"),
    (400, "IDPCommunicationError", 5, r"does not work at the moment"),
    (500, "InternalFailure", 5, r"does not work at the moment"),
)


@pytest.mark.parametrize(("status", "code", "exit_code", "said"), STS, ids=lambda value: str(value)[:24])
def test_sts_says_no(
    github: Identity,
    faulty: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    exit_code: int,
    said: str,
) -> None:
    # As STS does when it dislikes a token, in front of the length to which we shorten messages.
    quoted = "eyJhbGciOiJSUzI1NiJ9." + "x" * 600
    faulty.misbehave("POST", status=status, body=sts_error(code, f"no '{quoted}'"))
    error = open_store(github, faulty, monkeypatch)
    assert error.exit_code == exit_code
    assert re.search(said, str(error)), str(error)
    assert not [secret for secret in github.secrets if secret in str(error)]
    assert "xxx" not in str(error)


def test_the_role_denied_to_other_credentials(
    s3_server: Store, workspace: Path, out: Path, faulty: Recorder
) -> None:
    faulty.misbehave("POST", status=403, body=sts_error("AccessDenied"))
    run = publish(s3_server, workspace, {"AWS_ENDPOINT_URL_STS": faulty.url}, keys=True)
    assert run.code == 4
    assert "leave role-to-assume out" in run.log
    assert "Traceback" not in run.log


def test_nobody_at_the_sts(github: Identity, faulty: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty.misbehave("POST", drop=True)
    error = open_store(github, faulty, monkeypatch)
    assert isinstance(error, errors.Unreachable)
    assert "Check aws-region" in error.hint


def open_store(github: Identity, faulty: Recorder, monkeypatch: pytest.MonkeyPatch) -> errors.PublishError:
    """The error with which opening the destination ends."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", faulty.url)
    monkeypatch.setattr(role, "_STS", role._STS.merge(Config(retries={"total_max_attempts": 1})))
    chosen = settings.S3Settings("bucket", "p", role_to_assume=ROLE)
    found = configuration.read(chosen, os.environ)
    with pytest.raises(errors.PublishError) as caught:
        credentials.Credentials(chosen, found, job(github.request), lambda _: None, lambda: None)
    return caught.value


def job(environment: Mapping[str, str]) -> settings.Run:
    return settings.Run(
        on_github=True,
        repository="octocat/atlas",
        id="1",
        oidc_url=environment.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""),
        oidc_token=settings.Secret(environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")),
    )


@pytest.mark.parametrize("surroundings", [{}, {"GITHUB_ACTIONS": ""}], ids=["on GitHub", "elsewhere"])
def test_no_way_in(s3_server: Store, workspace: Path, out: Path, surroundings: dict[str, str]) -> None:
    run = publish(s3_server, workspace, surroundings)
    assert run.code == 4
    wanted = "AWS_SECRET_ACCESS_KEY" if surroundings else "permissions: id-token: write"
    assert wanted in run.log
    assert "Not authorised" in run.summary


def test_github_stumbles(
    s3_server: Store, workspace: Path, out: Path, github: Identity, faulty: Recorder
) -> None:
    faulty.misbehave("GET", status=500, times=2)
    place = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{faulty.url}/token?api-version=2.0"}
    environment = github.request | place | {"AWS_ENDPOINT_URL_STS": github.url}
    run = publish(s3_server, workspace, environment)
    assert run.code == 0, run.log
    assert [r.status for r in faulty.requests] == [500, 500, 200]
    assert faulty.requests[0].query == {"api-version": "2.0", "audience": "sts.amazonaws.com"}


FAULTS: Final = {
    "denied": ({"status": 403, "body": b"secret detail"}, errors.NotAuthorised, "id-token: write"),
    "down": ({"status": 503}, errors.Unreachable, "answered 503, but with no token"),
    "HTML": ({"status": 200, "body": b"<html>login</html>"}, errors.Unreachable, "with no token"),
    "empty": ({"status": 200}, errors.Unreachable, "with no token"),
    "no value": ({"status": 200, "body": b'{"count": 0}'}, errors.Unreachable, "with no token"),
    "a list": ({"status": 200, "body": b"[1]"}, errors.Unreachable, "with no token"),
    "a value that is none": (
        {"status": 200, "body": b'{"value": "a b\\n::x::"}'},
        errors.Unreachable,
        "no token",
    ),
    "cut": ({"drop": True}, errors.Unreachable, "does not answer"),
    "slow": ({"delay": 0.6}, errors.Unreachable, "does not answer"),
}


IMPATIENT: Final = dataclasses.replace(oidc.PATIENCE, tries=2, first=0.01, connect=0.2, stall=0.2, answer=0.2)


def fetch(run: settings.Run, hide: Callable[[str], None] = lambda _: None) -> str:
    return oidc.fetch(run, network.Network({}), hide, lambda: None, patience=IMPATIENT)


@pytest.mark.parametrize("name", FAULTS)
def test_github_gives_no_token(github: Identity, faulty: Recorder, name: str) -> None:
    fault, kind, said = FAULTS[name]
    faulty.misbehave("GET", **fault)  # type: ignore[arg-type]
    run = job(github.request | {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{faulty.url}/token?api-version=2.0"})
    with pytest.raises(kind, match=re.escape(said)) as caught:
        fetch(run, lambda _: pytest.fail("nothing to hide"))
    assert github.bearer not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert "secret detail" not in str(caught.value)


def test_a_redirect_is_not_followed(github: Identity, faulty: Recorder) -> None:
    with recorder(github.url) as elsewhere:
        faulty.misbehave("GET", status=302, headers={"Location": f"{elsewhere.url}/token?api-version=2.0"})
        run = job(github.request | {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{faulty.url}/token?api-version=2.0"})
        with pytest.raises(errors.Refused, match="must not get its token"):
            fetch(run)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "url",
    ["http://github.example/token", "http://10.0.0.1/", "ftp://localhost/", "https://", "http://[x", "t"],
)
def test_the_bearer_goes_nowhere_unsafe(url: str) -> None:
    run = settings.Run(oidc_url=url, oidc_token=settings.Secret("bearer"))
    with pytest.raises(errors.NotAuthorised, match="nothing was sent"):
        fetch(run)


def test_every_secret_is_hidden_before_it_is_used(github: Identity, faulty: Recorder) -> None:
    hidden: list[tuple[str, int]] = []
    token = fetch(job(github.request), lambda secret: hidden.append((secret, len(faulty.requests))))
    assert hidden == [(token, 0)]


def test_retries_are_bounded() -> None:
    waits = itertools.accumulate(oidc.PATIENCE.first * 2**n for n in range(oidc.PATIENCE.tries - 1))
    assert list(waits)[-1] < 10


# Small parts


@pytest.mark.parametrize(
    ("repository", "number", "name"),
    [
        ("octocat/atlas", "17", "octocat-atlas-17"),
        ("", "", "catalog-upload"),
        ("a/b é", "", "a-b-"),
        ("o/" + "x" * 100, "1234567890", "o-" + "x" * 51 + "-1234567890"),
    ],
)
def test_session_names(repository: str, number: str, name: str) -> None:
    found = role.session_name(settings.Run(repository=repository, id=number))
    assert found == name
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", found, re.ASCII)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.W10.c", "a.e30.c", "a.\xe9.c", "a.bnVsbA.c"])
def test_a_subject_that_cannot_be_read(token: str) -> None:
    assert oidc.subject(token) == ""
