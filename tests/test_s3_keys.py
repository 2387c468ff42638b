"""Credentials as people have them: pasted with a line end, from processes, profiles, logins that have expired.

Each run is a process of its own, as a user starts it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.s3_emulator.product import arrived, process
from tests.s3_emulator.server import SECRET, emulator

FILES = {"a.tsv": b"1", "big.pmtiles": in_process.noise(17 << 20)}


@pytest.mark.parametrize("end", ["\n", "\r\n", " ", "\t\n"])
def test_keys_that_were_pasted_with_a_line_end(end: str, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    keys = {"AWS_ACCESS_KEY_ID": f"local-key{end}", "AWS_SECRET_ACCESS_KEY": f"{end}{SECRET}{end}"}
    with emulator() as store:
        arrived(
            process(store, workspace, keys | {"AWS_SESSION_TOKEN": f"token-1234567{end}"}), store, workspace
        )
        assert {seen.headers.get("x-amz-security-token") for seen in store.seen} == {"token-1234567"}


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("wrong", ["two lines\nhunter22", "blank hunter22", "nul\x01hunter22", "hünter22"])
def test_keys_that_cannot_be_keys(variable: str, wrong: str, workspace: Path) -> None:
    """The variable is named, its value is not shown, nothing is sent."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        run = process(store, workspace, {variable: wrong})
        assert run.code in (2, 4), run.log
        assert variable in run.log
        shown = "\n".join(line for line in run.log.splitlines() if "::add-mask::" not in line)
        assert "nter22" not in shown
        assert store.keys() == []


@pytest.mark.parametrize("missing", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_half_of_a_pair_of_keys(missing: str, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        run = process(store, workspace, {missing: ""})
        assert run.code == 4, run.log
        assert missing in run.log


def profiles(workspace: Path, config: str, credentials: str = "") -> dict[str, str]:
    """Environment in which the credentials come from files alone."""
    home = workspace / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "config").write_text(config)
    (home / ".aws" / "credentials").write_text(credentials)
    return {
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / ".aws" / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / ".aws" / "credentials"),
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }


KEYS = f"aws_access_key_id = local-key\naws_secret_access_key = {SECRET}\n"


def test_a_profile_with_keys(workspace: Path) -> None:
    """Empty variables hide it no more than missing ones."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        environment = profiles(workspace, "[profile lab]\nregion = us-east-1\n", f"[lab]\n{KEYS}")
        arrived(process(store, workspace, environment, aws_profile="lab"), store, workspace)


def test_a_process_gives_the_keys(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    answer = {
        "Version": 1,
        "AccessKeyId": "local-key",
        "SecretAccessKey": SECRET,
        "SessionToken": "token-123456",
    }
    (workspace / "keys.json").write_text(json.dumps(answer))
    with emulator() as store:
        environment = profiles(workspace, f"[default]\ncredential_process = cat {workspace}/keys.json\n")
        arrived(process(store, workspace, environment), store, workspace)
        assert {seen.headers.get("x-amz-security-token") for seen in store.seen} == {"token-123456"}


PROCESSES = {
    "fails": ("sys.stderr.write('vault: the lease has ended, run vault login'); sys.exit(3)", "vault login"),
    "speaks no JSON": ("print('Password:')", "JSON|program|credential_process"),
    "gives half": ('print(\'{"Version": 1, "AccessKeyId": "x"}\')', "SecretAccessKey|credential_process"),
    "gives a list": ("print('[1]')", "credential_process"),
    "gives an empty key": (
        'print(\'{"Version": 1, "AccessKeyId": "x", "SecretAccessKey": ""}\')',
        "incomplete",
    ),
    "gives another version": ("print('{\"Version\": 2}')", "[Vv]ersion|credential_process"),
}


@pytest.mark.parametrize("how", PROCESSES)
def test_a_process_that_gives_no_keys(how: str, workspace: Path) -> None:
    """Its own words reach people."""
    in_process.fill(workspace, {"a": b"1"})
    code, said = PROCESSES[how]
    (workspace / "process.py").write_text(f"import sys\n{code}\n")
    command = f"{sys.executable} {workspace}/process.py"
    with emulator() as store:
        run = process(store, workspace, profiles(workspace, f"[default]\ncredential_process = {command}\n"))
        assert run.code == 4, run.log
        assert re.search(said, run.log), run.log
        assert store.seen == []


def test_a_process_that_takes_its_time(workspace: Path) -> None:
    """It is said what the run waits for."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        config = profiles(workspace, "[default]\ncredential_process = sh -c 'sleep 3.5; exit 1'\n")
        assert "Waiting for AWS credentials" in process(store, workspace, config).log


def test_a_process_that_is_not_there(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        run = process(
            store, workspace, profiles(workspace, "[default]\ncredential_process = /no/such/tool\n")
        )
        assert run.code == 4, run.log
        assert "/no/such/tool" in run.log


def test_a_second_factor_is_not_asked_for(workspace: Path) -> None:
    """There is nobody to enter it."""
    in_process.fill(workspace, {"a": b"1"})
    config = (
        "[profile lab]\nrole_arn = arn:aws:iam::000000000000:role/lab\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::000000000000:mfa/jane\n"
    )
    with emulator() as store:
        environment = profiles(workspace, config, f"[base]\n{KEYS}")
        run = process(store, workspace, environment, aws_profile="lab")
        assert run.code == 4, run.log
        assert "mfa_serial" in run.log or "MFA" in run.log
        assert "defect" not in run.log
        assert store.seen == []


SSO = (
    "[profile lab]\nsso_session = org\nsso_account_id = 000000000000\nsso_role_name = writer\nregion = us-east-1\n"
    "[sso-session org]\nsso_start_url = https://org.awsapps.example/start\nsso_region = us-east-1\n"
    "sso_registration_scopes = sso:account:access\n"
)
OLD_SSO = (
    "[profile lab]\nsso_start_url = https://org.awsapps.example/start\nsso_region = us-east-1\n"
    "sso_account_id = 000000000000\nsso_role_name = writer\n"
)


@pytest.mark.parametrize("config", [SSO, OLD_SSO], ids=["session", "older form"])
@pytest.mark.parametrize("cached", ["nothing", "expired"])
def test_a_login_that_has_expired(config: str, cached: str, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    environment = profiles(workspace, config)
    if cached == "expired":
        name = "org" if config is SSO else "https://org.awsapps.example/start"
        cache = workspace / "home" / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True)
        token = {"accessToken": "stale-token-1234", "expiresAt": "2020-01-01T00:00:00Z"}
        token |= {"startUrl": "https://org.awsapps.example/start", "region": "us-east-1"}
        file = cache / f"{hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()}.json"
        file.write_text(json.dumps(token))
    with emulator() as store:
        run = process(store, workspace, environment, aws_profile="lab")
        assert run.code == 4, run.log
        assert "aws sso login" in run.log
        assert "lab" in run.log
        assert "stale-token" not in run.log


@pytest.mark.parametrize("text", ["[default\nregion = x\n", "region = x\n", "[a]\n[a]\nx\n", "\x00\xff\n"])
@pytest.mark.parametrize("which", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_configuration_that_cannot_be_read(which: str, text: str, workspace: Path) -> None:
    """The input is bad, and the file is named."""
    in_process.fill(workspace, {"a": b"1"})
    environment = profiles(workspace, "", f"[default]\n{KEYS}")
    Path(environment[which]).write_text(text, "latin-1")
    with emulator() as store:
        run = process(store, workspace, environment)
        assert run.code in (2, 4), run.log
        assert Path(environment[which]).name in run.log


def test_a_profile_that_is_not_there(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        run = process(store, workspace, profiles(workspace, "[profile lab]\n"), aws_profile="lap")
        assert run.code == 2, run.log
        assert "lap" in run.log


def test_a_session_token_goes_with_every_request(workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator() as store:
        store.session_tokens = frozenset({"token-12345678"})
        arrived(process(store, workspace, {"AWS_SESSION_TOKEN": "token-12345678"}), store, workspace)
