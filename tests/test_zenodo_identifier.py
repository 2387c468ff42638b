"""What `zenodo-id` may look like."""

from __future__ import annotations

import pytest

from entrypoint import errors, settings
from entrypoint.destinations.zenodo.draft import identifier, mark

ELSEWHERE = "https://rdm.example.org"


@pytest.mark.parametrize(
    ("value", "ident"),
    [
        ("new", None),
        ("NEW", None),
        ("123", "123"),
        ("10.5281/zenodo.123", "123"),
        ("doi:10.5281/zenodo.123", "123"),
        ("https://doi.org/10.5281/zenodo.123", "123"),
        ("doi.org/10.5281/zenodo.123", "123"),
        ("http://dx.doi.org/10.5281/ZENODO.123", "123"),
        ("https://hdl.handle.net/10.5281/zenodo.123", "123"),
        ("https://zenodo.org/records/123", "123"),
        ("https://zenodo.org/record/123", "123"),
        ("https://zenodo.org./records/123", "123"),
        ("https://zenodo.org:443/records/123", "123"),
        ("http://zenodo.org/records/123", "123"),
        ("HTTPS://Zenodo.ORG/records/123", "123"),
        ("zenodo.org/records/123", "123"),
        ("https://www.zenodo.org/records/123?token=x#files", "123"),
        ("https://zenodo.org/records/123/files/a.txt?download=1", "123"),
        ("https://zenodo.org/deposit/123", "123"),
        ("https://zenodo.org/uploads/123/", "123"),
        ("https://zenodo.org/doi/10.5281/zenodo.123", "123"),
        ("https://zenodo.org/badge/DOI/10.5281/zenodo.123.svg", "123"),
        ("https://zenodo.org/api/records/123/draft", "123"),
        ("https://zenodo.org/api/deposit/depositions/123", "123"),
        ("https://zenodo.org/me/uploads/123", "123"),
        ("//zenodo.org/records/123", "123"),
        ("<https://doi.org/10.5281/zenodo.123>", "123"),
        ("'123'", "123"),
        ("DOI 10.5281/zenodo.123", "123"),
        ("info:doi/10.5281/zenodo.123", "123"),
        ("https://doi.org/doi:10.5281/zenodo.123", "123"),
        ("10.5281/zenodo.123.", "123"),
    ],
)
def test_ids(value: str, ident: str | None) -> None:
    assert identifier.parse(value, settings.ZENODO_URL) == ident


@pytest.mark.parametrize(
    "value",
    [
        "cnn9a-92d43",
        "CNN9A-92D43",
        "10.22002/cnn9a-92d43",
        "10.48436/rdm.cnn9a-92d43",
        "https://rdm.example.org/records/cnn9a-92d43",
        "rdm.example.org/uploads/cnn9a-92d43",
        "https://rdm.example.org/api/records/cnn9a-92d43/draft",
        "https://doi.org/10.22002/cnn9a-92d43",
    ],
)
def test_ids_of_letters(value: str) -> None:
    assert identifier.parse(value, ELSEWHERE) == "cnn9a-92d43"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0", "names no draft or record"),
        ("-5", "names no draft or record"),
        ("１２", "names no draft or record"),
        ("zenodo.org", "names no draft or record"),
        ("123.0", "names no draft or record"),
        ("zenodo.123", "names no draft or record"),
        ("http://zenodo.org:99/records/5", "on zenodo.org:99, but"),
        ("10.1234/other.5", "not a Zenodo DOI"),
        ("10.5072/zenodo.5", "sandbox: true"),
        ("https://handle.stage.datacite.org/10.5072/zenodo.5", "sandbox: true"),
        ("https://sandbox.zenodo.org/records/5", "sandbox: true"),
        ("https://zenodo.org.evil.example/records/5", "this run goes to zenodo.org"),
        ("https://zenodo.org@evil.example/records/5", "this run goes to zenodo.org"),
        ("https://zenodo.org:8443/records/5", "this run goes to zenodo.org"),
        ("https://zenodo.org/communities/x", "names no draft or record"),
        ("http://[", "names no draft or record"),
        ("9" * 30, "names no draft or record"),
        ("ftp://zenodo.org/records/5", "names no draft or record"),
    ],
)
def test_ids_that_are_none(value: str, said: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        identifier.parse(value, settings.ZENODO_URL)
    assert said in str(caught.value)
    assert "zenodo-url: https" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "https://zenodo.org/communities/5?token=s3cret",
        "https://zenodo.org/records/five#s3cret",
        "https://me:s3cret@sandbox.zenodo.org/records/5",
        "https://other.example/records/5?preview=1&token=s3cret",
    ],
)
def test_what_a_link_holds_besides_is_not_shown(value: str) -> None:
    """Links by which a draft is shared hold a token."""
    with pytest.raises(errors.BadInput) as caught:
        identifier.parse(value, settings.ZENODO_URL)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("value", ["https://evil.example/records/5", "https://zenodo.org/records/5"])
def test_no_other_host_is_proposed(value: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        identifier.parse(value, ELSEWHERE)
    assert "zenodo-url: " not in str(caught.value)


def test_ids_of_production_on_the_sandbox() -> None:
    assert identifier.parse("10.5072/zenodo.5", settings.SANDBOX_URL) == "5"
    for value in ("10.5281/zenodo.5", "https://zenodo.org/records/5"):
        with pytest.raises(errors.BadInput, match="this run goes to"):
            identifier.parse(value, settings.SANDBOX_URL)


def test_marks() -> None:
    run = settings.Run(on_github=True, repository="o/r", id="7")
    one = mark.of(run, "one")
    assert one == "Uploaded by catalog-upload: https://github.com/o/r/actions/runs/7 (data set one)"
    assert mark.of(settings.Run(repository="o/r", id="7"), "one") == ""
    marks = {mark.of(run, name) for name in ("a b", "a<b", "a(b)", "a\nb", "é" * 300)}
    assert len(marks) == 5
    assert all("\n" not in each and "<" not in each for each in marks)
