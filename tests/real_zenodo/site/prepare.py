"""Fill an empty instance: tables, indices, vocabularies, two users and their tokens.

python -m tests.real_zenodo.site.prepare INSTANCE_FOLDER TOKEN...
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import invenio_rdm_records.fixtures
from flask_security.utils import hash_password
from invenio_access.permissions import system_identity
from invenio_accounts.proxies import current_datastore
from invenio_app.factory import create_api
from invenio_db import db
from invenio_oauth2server.models import Token
from invenio_rdm_records.fixtures.tasks import create_vocabulary_record
from invenio_rdm_records.fixtures.vocabularies import VocabulariesFixture
from invenio_users_resources.services.users.tasks import reindex_users
from invenio_vocabularies.proxies import current_service
from invenio_vocabularies.records.models import VocabularyScheme

_COMMANDS: Final = (
    "db create",
    "files location create --default default-location {data}",
    "index init",
    "index queue init",
)
_NAMES: Final = ("owner", "curator")
_SCOPES: Final = ("deposit:write", "deposit:actions", "user:email")
_PROGRAMMING_LANGUAGES: Final = frozenset({"javascript", "python", "r", "rust"})
_SOURCE: Final = Path(invenio_rdm_records.fixtures.__file__).parent / "data" / "vocabularies.yaml"


def main(folder: Path, tokens: list[str]) -> None:
    """Do it all."""
    app = create_api()
    runner = app.test_cli_runner()
    for command in _COMMANDS:
        result = runner.invoke(args=command.format(data=folder / "data").split(), catch_exceptions=False)
        if result.exit_code:
            raise SystemExit(f"`invenio {command}` failed: {result.output}")
    with app.app_context():
        _vocabularies()
        for name, token in zip(_NAMES, tokens, strict=True):
            _user(name, token, app.extensions["invenio-oauth2server"].scopes)


def _vocabularies() -> None:
    """Those that InvenioRDM brings, but for people."""
    for name, vocabulary in VocabulariesFixture(system_identity, _SOURCE).read():
        if name == "names":
            continue
        vocabulary.pre_load(system_identity, set())
        for entry in vocabulary.iterate(set()):
            if _useful(name, entry):
                create_vocabulary_record(vocabulary.service_str, entry)
    # Without a type of subjects, searches for records fail.
    current_service.create_type(system_identity, "subjects", "sub")
    db.session.add(VocabularyScheme(id="none", parent_id="subjects", name="none", uri=""))
    db.session.commit()


def _useful(vocabulary: str, entry: dict[str, Any]) -> bool:
    """A few of the 700 programming languages, and of the others those that have a two-letter code."""
    if vocabulary == "code:programmingLanguages":
        return entry["id"] in _PROGRAMMING_LANGUAGES
    return vocabulary != "languages" or bool(entry["props"]["alpha_2"])


def _user(name: str, token: str, scopes: dict[str, Any]) -> None:
    user = current_datastore.create_user(
        email=f"{name}@example.org",
        username=name,
        password=hash_password("not for logging in"),
        active=True,
        preferences={"visibility": "public", "email_visibility": "restricted"},
        user_profile={"full_name": name.title(), "affiliations": ""},
    )
    current_datastore.verify_user(user)
    db.session.commit()
    made = Token.create_personal(name, user.id, scopes=[scope for scope in _SCOPES if scope in scopes])
    made.access_token = token
    db.session.commit()
    reindex_users([user.id])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
