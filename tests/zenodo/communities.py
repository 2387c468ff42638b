"""Communities, reviews and the licences' vocabulary, as InvenioRDM documents them.

No recording of these was at hand: shapes and words follow InvenioRDM's reference, the rest is inferred.
"""

from __future__ import annotations

from tests.zenodo.messages import Route

ROUTES: tuple[Route, ...] = ()
