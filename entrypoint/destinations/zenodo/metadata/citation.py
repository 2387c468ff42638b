"""A sentence to cite a record by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entrypoint.destinations.zenodo.metadata import given, people


def citation_of(document: Mapping[str, Any], doi: str, publisher: str = "Zenodo") -> str:
    """Names, year, title, version, publisher and DOI; empty where authors, title or DOI are not known.

    Args:
        document: a draft or record as the service shows it.
        publisher: named where the document names none.
    """
    metadata = given.metadata_of(document)
    title, year = metadata.get("title"), str(metadata.get("publication_date") or "")[:4]
    names = [people.name_of(item) for item in given.objects(metadata.get("creators"))]
    who = "; ".join(filter(None, names))
    if not who or not title or not doi:
        return ""
    version = f" (version {metadata['version']})" if metadata.get("version") else ""
    return (
        f"{who} ({year or 'n.d.'}). {title}{version}. {metadata.get('publisher') or publisher}. "
        f"https://doi.org/{doi}"
    )
