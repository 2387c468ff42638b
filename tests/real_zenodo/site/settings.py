"""Settings of the instance: those of an InvenioRDM as it is installed, and where its services are.

Read by Invenio as its `invenio.cfg`. `REAL_ZENODO_*` of the environment say where the services listen.
"""

from __future__ import annotations

import os
from typing import Final

from invenio_rdm_records import config
from invenio_rdm_records.contrib import codemeta, imprint, journal, meeting, thesis

from tests.real_zenodo.site import datacite

_REDIS: Final = os.environ["REAL_ZENODO_REDIS"]
_SITE: Final = os.environ["REAL_ZENODO_URL"]

SECRET_KEY: Final = "known to everybody, and so is the token"
SITE_UI_URL: Final = _SITE
SITE_API_URL: Final = f"{_SITE}/api"
THEME_SITEURL: Final = _SITE
THEME_SITENAME: Final = "InvenioRDM of the tests"
TRUSTED_HOSTS: Final = ["localhost", "127.0.0.1"]
APP_DEFAULT_SECURE_HEADERS: Final = {
    "force_https": False,
    "content_security_policy": {"default-src": ["'self'"]},
}
I18N_LANGUAGES: Final[list[tuple[str, str]]] = []

SQLALCHEMY_DATABASE_URI: Final = os.environ["REAL_ZENODO_DATABASE"]
SQLALCHEMY_ENGINE_OPTIONS: Final = {"pool_size": 10, "connect_args": {"options": "-c timezone=UTC"}}
SEARCH_HOSTS: Final = [{"host": "127.0.0.1", "port": int(os.environ["REAL_ZENODO_SEARCH"])}]
CACHE_REDIS_URL: Final = f"{_REDIS}/0"
ACCOUNTS_SESSION_REDIS_URL: Final = f"{_REDIS}/1"
COMMUNITIES_IDENTITIES_CACHE_REDIS_URL: Final = f"{_REDIS}/4"
RATELIMIT_STORAGE_URI: Final = f"{_REDIS}/3"
BROKER_URL: Final = f"{_REDIS}/5"
CELERY_BROKER_URL: Final = BROKER_URL
CELERY_RESULT_BACKEND: Final = f"{_REDIS}/2"
# Tasks run in the request that asks for them: no worker, and nothing to wait for.
CELERY_TASK_ALWAYS_EAGER: Final = True
CELERY_TASK_EAGER_PROPAGATES: Final = False
MAIL_SUPPRESS_SEND: Final = True
# Rate limits are tested on the mocked Zenodo, without waiting.
RATELIMIT_GUEST_USER: Final = "500000 per hour;50000 per minute"
RATELIMIT_AUTHENTICATED_USER: Final = RATELIMIT_GUEST_USER

RDM_NAMESPACES: Final = {
    **codemeta.CODEMETA_NAMESPACE,
    **imprint.IMPRINT_NAMESPACE,
    **journal.JOURNAL_NAMESPACE,
    **meeting.MEETING_NAMESPACE,
    **thesis.THESIS_NAMESPACE,
}
RDM_CUSTOM_FIELDS: Final = [
    *codemeta.CODEMETA_CUSTOM_FIELDS,
    *imprint.IMPRINT_CUSTOM_FIELDS,
    *journal.JOURNAL_CUSTOM_FIELDS,
    *meeting.MEETING_CUSTOM_FIELDS,
    *thesis.THESIS_CUSTOM_FIELDS,
]

DATACITE_ENABLED: Final = True
DATACITE_USERNAME: Final = "nobody"
DATACITE_PASSWORD: Final = "nothing"
DATACITE_PREFIX: Final = "10.5072"

for _provider in (
    *config.RDM_PERSISTENT_IDENTIFIER_PROVIDERS,
    *config.RDM_PARENT_PERSISTENT_IDENTIFIER_PROVIDERS,
):
    if _provider.name == "datacite":
        _provider.client = datacite.Client("datacite")
