"""Zenodo's controlled words, as far as a check can be made without asking it.

From the service's own code (zenodo/zenodo-rdm, ``site/zenodo_rdm/legacy``) and https://developers.zenodo.org.
"""

from __future__ import annotations

from typing import Final

UPLOAD_TYPES: Final = frozenset(
    [
        "publication",
        "poster",
        "presentation",
        "dataset",
        "image",
        "video",
        "software",
        "lesson",
        "physicalobject",
        "other",
        "workflow",
        "model",
        "event",
    ]
)
PUBLICATION_TYPES: Final = frozenset(
    [
        "annotationcollection",
        "book",
        "section",
        "conferencepaper",
        "datamanagementplan",
        "article",
        "patent",
        "preprint",
        "deliverable",
        "milestone",
        "proposal",
        "report",
        "softwaredocumentation",
        "taxonomictreatment",
        "technicalnote",
        "thesis",
        "workingpaper",
        "other",
        "journal",
        "peerreview",
        "dissertation",
        "datapaper",
        "standard",
    ]
)
IMAGE_TYPES: Final = frozenset(["figure", "plot", "drawing", "diagram", "photo", "other"])
ACCESS_RIGHTS: Final = frozenset(["open", "embargoed", "restricted", "closed"])
RELATIONS: Final = {
    word.lower(): word
    for word in [
        "isCitedBy",
        "cites",
        "isSupplementTo",
        "isSupplementedBy",
        "isContinuedBy",
        "continues",
        "isDescribedBy",
        "describes",
        "hasMetadata",
        "isMetadataFor",
        "isNewVersionOf",
        "isPreviousVersionOf",
        "isPartOf",
        "hasPart",
        "isReferencedBy",
        "references",
        "isDocumentedBy",
        "documents",
        "isCompiledBy",
        "compiles",
        "isVariantFormOf",
        "isOriginalFormof",
        "isIdenticalTo",
        "isAlternateIdentifier",
        "isReviewedBy",
        "reviews",
        "isDerivedFrom",
        "isSourceOf",
        "requires",
        "isRequiredBy",
        "isObsoletedBy",
        "obsoletes",
        "hasVersion",
        "isVersionOf",
        "isPublishedIn",
        "isCollectedBy",
        "collects",
    ]
}
"""As the server spells them, by their lower-case form."""
CONTRIBUTOR_TYPES: Final = {
    word.lower(): word
    for word in [
        "ContactPerson",
        "DataCollector",
        "DataCurator",
        "DataManager",
        "Distributor",
        "Editor",
        "HostingInstitution",
        "Producer",
        "ProjectLeader",
        "ProjectManager",
        "ProjectMember",
        "RegistrationAgency",
        "RegistrationAuthority",
        "RelatedPerson",
        "Researcher",
        "ResearchGroup",
        "RightsHolder",
        "Supervisor",
        "Sponsor",
        "WorkPackageLeader",
        "Other",
    ]
}
"""DataCite's roles, by their lower-case form."""

FIELDS: Final = frozenset(
    [
        "title",
        "upload_type",
        "publication_type",
        "image_type",
        "publication_date",
        "creators",
        "contributors",
        "thesis_supervisors",
        "description",
        "access_right",
        "embargo_date",
        "access_conditions",
        "license",
        "doi",
        "keywords",
        "subjects",
        "notes",
        "method",
        "references",
        "related_identifiers",
        "communities",
        "grants",
        "version",
        "language",
        "locations",
        "dates",
        "journal_title",
        "journal_volume",
        "journal_issue",
        "journal_pages",
        "conference_title",
        "conference_acronym",
        "conference_dates",
        "conference_place",
        "conference_url",
        "conference_session",
        "conference_session_part",
        "imprint_publisher",
        "imprint_isbn",
        "imprint_place",
        "partof_title",
        "partof_pages",
        "thesis_university",
    ]
)
"""Keys of `metadata` that the server understands; it drops others without a word."""

LICENSES: Final = frozenset(
    [
        "cc-by-4.0",
        "cc-by-sa-4.0",
        "cc-by-nc-4.0",
        "cc-by-nd-4.0",
        "cc-by-nc-sa-4.0",
        "cc-by-nc-nd-4.0",
        "cc-by-3.0",
        "cc0-1.0",
        "mit",
        "apache-2.0",
        "bsd-2-clause",
        "bsd-3-clause",
        "gpl-2.0-only",
        "gpl-2.0-or-later",
        "gpl-3.0-only",
        "gpl-3.0-or-later",
        "lgpl-2.1-only",
        "lgpl-2.1-or-later",
        "lgpl-3.0-only",
        "lgpl-3.0-or-later",
        "agpl-3.0-only",
        "agpl-3.0-or-later",
        "mpl-2.0",
        "isc",
        "zlib",
        "unlicense",
        "odbl-1.0",
        "odc-by-1.0",
        "pddl-1.0",
        "bsl-1.0",
        "epl-2.0",
        "eupl-1.2",
    ]
)
"""Licences that every Zenodo has, by SPDX id in lower case; the vocabulary itself is much longer."""
LICENSE_NAMES: Final = {
    "cc-by": "cc-by-4.0",
    "cc by 4.0": "cc-by-4.0",
    "cc by": "cc-by-4.0",
    "cc-by-sa": "cc-by-sa-4.0",
    "cc by-sa 4.0": "cc-by-sa-4.0",
    "cc-by-nc": "cc-by-nc-4.0",
    "cc by-nc 4.0": "cc-by-nc-4.0",
    "cc0": "cc0-1.0",
    "cc-0": "cc0-1.0",
    "cc-zero": "cc0-1.0",
    "cc0 1.0": "cc0-1.0",
    "public domain": "cc0-1.0",
    "mit license": "mit",
    "mit-license": "mit",
    "apache 2.0": "apache-2.0",
    "apache2.0": "apache-2.0",
    "apache license 2.0": "apache-2.0",
    "bsd 3-clause": "bsd-3-clause",
    "bsd-3": "bsd-3-clause",
    "gpl-2.0": "gpl-2.0-only",
    "gpl-3.0": "gpl-3.0-only",
    "gpl-3.0+": "gpl-3.0-or-later",
    "gplv3": "gpl-3.0-only",
    "lgpl-3.0": "lgpl-3.0-only",
    "agpl-3.0": "agpl-3.0-only",
    "zlib-license": "zlib",
}
"""What people write, and Zenodo's older ids, to SPDX ids in lower case."""


def license_id(value: str) -> str:
    """The SPDX id in lower case for what people write; anything unknown as it is, in lower case."""
    name = value.strip().lower().removeprefix("https://spdx.org/licenses/").removesuffix(".html")
    return LICENSE_NAMES.get(name, name)
