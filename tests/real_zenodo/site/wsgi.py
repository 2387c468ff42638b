"""The REST interface below /api, as InvenioRDM serves it; its pages need built assets and are left out."""

from __future__ import annotations

from invenio_app.factory import create_api
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

application = DispatcherMiddleware(NotFound(), {"/api": create_api()})
