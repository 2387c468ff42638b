"""The one sentence that says how a run ended."""

from __future__ import annotations

from collections import Counter

from entrypoint import errors, settings, text
from entrypoint.destinations import State
from entrypoint.outcome import FileResult, Mode, Outcome, Status
from entrypoint.plan import model


def headline(outcome: Outcome) -> str:
    """How the run ended, in one line that is harmless in a log."""
    return text.printable(text.shorten(_headline(outcome), 500))


def mark(outcome: Outcome) -> str:
    """A symbol for the verdict."""
    if outcome.exit_code is errors.ExitCode.CANCELLED:
        return "🛑"
    if outcome.exit_code is not errors.ExitCode.DONE:
        return "❌"
    return "🔍" if outcome.mode is Mode.DRY_RUN else "✅"


def planned(outcome: Outcome) -> int:
    """Number of planned files."""
    return len(outcome.plan) if outcome.plan is not None else len(outcome.results)


def part(shard: settings.Shard, plan: model.Plan) -> str:
    """Which part of which plan a run was; all parts of one plan name the same one."""
    return f"part {shard.index:,} of {shard.count:,} of plan {plan.digest}"


def samples(plan: model.Plan) -> str:
    """How many samples a collection has; a root catalog is none."""
    named = sum(1 for unit in plan.units if unit.name)
    root = " and a root catalog" if named < len(plan.units) else ""
    return text.plural(named, "sample") + root


def before(outcome: Outcome) -> str:
    """State of the destination at the start: what earlier runs, or the shards before a last run, left to do.

    Empty if everything or nothing was there, which other lines say.
    """
    found = Counter(result.before for result in outcome.results)
    same, absent, other = found[State.SAME], found[State.ABSENT], found[State.DIFFERENT]
    if not same or not (absent or other):
        return ""
    rest = [f"{absent:,} {'was' if absent == 1 else 'were'} missing"] if absent else []
    rest += [f"{other:,} differed"] if other else []
    were = "was" if same == 1 else "were"
    return f"Of {text.plural(planned(outcome), 'file')}, {same:,} {were} up to date, {' and '.join(rest)}"


def catalogs_there(outcome: Outcome) -> list[str]:
    """URLs of the catalogs that are at the destination now, new or old: no link leads to nothing.

    A root catalog comes first.
    """
    there = {r.file.unit: is_there(r) for r in outcome.results if r.file.is_catalog}
    if outcome.catalog_urls and there:
        # A root catalog, which has no sample's name, is uploaded last, but leads to all others.
        pairs = sorted(outcome.catalog_urls, key=lambda pair: pair[0] != "")
        return [url for unit, url in pairs if there.get(unit)]
    urls = outcome.links.catalog if outcome.links else ""
    return [url for url in urls.split("\n") if url] if any(there.values()) else []


def is_there(result: FileResult) -> bool:
    """Whether a file is at the destination at the end, with the new content or the old."""
    if result.status in (Status.UPLOADED, Status.SKIPPED):
        return True
    return result.before in (State.SAME, State.DIFFERENT)


def kept(outcome: Outcome) -> list[str]:
    """Remarks on files of others at the destination, where ours would have gone."""
    return [f"{r.file.name}: {r.reason}." for r in outcome.results if r.before is State.FOREIGN]


def place(outcome: Outcome) -> str:
    """The destination in few words: an S3 URL, or which record or draft."""
    links = outcome.links
    if links is None or links.published is None:
        return (links.destination if links else "") or outcome.destination or "the destination"
    kind = "record" if links.published else "draft"
    return f"the {kind} {links.doi or links.record or links.destination}"


def _in(outcome: Outcome) -> str:
    """The preposition: at a URL, but in a record or a draft."""
    return "at" if outcome.links is None or outcome.links.published is None else "in"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _headline(outcome: Outcome) -> str:
    if outcome.error is not None:
        return _stopped(outcome, outcome.error)
    failed, total = outcome.counts[Status.FAILED], planned(outcome)
    if failed or outcome.counts[Status.WITHHELD]:
        return _failed(outcome, failed, total)
    undeleted = sum(1 for extra in outcome.extras if extra.error)
    if undeleted:
        return f"{_done(outcome, total)}; {text.plural(undeleted, 'extra file')} could not be deleted"
    if outcome.readers and outcome.readers.fails and (found := outcome.readers.findings):
        return f"{_done(outcome, total)}; but readers cannot use it: {text.plural(len(found), 'finding')}"
    return _done(outcome, total)


def _stopped(outcome: Outcome, error: errors.PublishError) -> str:
    match error:
        case errors.BadInput():
            problems = text.plural(len(error.problems), "problem")
            return f"Bad input: {problems} to fix; nothing was sent"
        case errors.Cancelled():
            return "Cancelled" + _standing(outcome)
        case errors.NotAuthorised():
            return f"Not authorised at {place(outcome)}" + _standing(outcome)
        case errors.Unreachable():
            return f"No answer from {place(outcome)}" + _standing(outcome)
        case errors.NotWritten():
            return "The result could not be written" + _standing(outcome)
        case errors.Refused():
            return f"Refused by {place(outcome)}" + _standing(outcome)
        case errors.FileFailed():
            return "Failed" + _standing(outcome)
    return "Stopped by a bug in catalog-upload" + _standing(outcome)


def _standing(outcome: Outcome) -> str:
    """What is uploaded, and what is not, when a run stopped early."""
    if outcome.mode is not Mode.PUBLISH:
        return "; no file was sent" if outcome.mode is Mode.DRAFT else "; nothing was sent"
    up, total = outcome.counts[Status.UPLOADED] + outcome.counts[Status.SKIPPED], planned(outcome)
    if not up:
        return "; " + "; ".join(["no file was uploaded", *_kept_back(outcome)])
    which = f"all {text.plural(total, 'file')}" if up == total else f"{up:,} of {total:,} files"
    files = f"{which} are uploaded"
    return "; " + "; ".join([files, *_kept_back(outcome)])


def _kept_back(outcome: Outcome) -> list[str]:
    words = []
    catalogs = [result for result in outcome.results if result.file.is_catalog]
    old = sum(result.status is Status.WITHHELD for result in catalogs)
    if old and len(catalogs) == 1:
        words.append("the catalog was not replaced")
    elif old:
        were = "was" if old == 1 else "were"
        words.append(f"{old:,} of {len(catalogs):,} catalogs {were} not replaced")
    if outcome.links is not None and outcome.links.published is False:
        words.append("nothing was published")
    return words + _gone(outcome)


def _gone(outcome: Outcome) -> list[str]:
    deleted = sum(extra.deleted for extra in outcome.extras)
    return [f"deleted {text.plural(deleted, 'extra file')}"] if deleted else []


def _failed(outcome: Outcome, failed: int, total: int) -> str:
    match outcome.mode:
        case Mode.VERIFY:
            where = f"{_in(outcome)} {place(outcome)}"
            return f"Verification failed: {failed:,} of {text.plural(total, 'file')} differ {where}"
        case Mode.DRY_RUN:
            return f"Dry run: {failed:,} of {text.plural(total, 'file')} would fail; nothing was sent"
        case Mode.DRAFT:
            return f"Nothing was done: {failed:,} of {text.plural(total, 'file')} would fail"
    if not failed:
        withheld = text.plural(outcome.counts[Status.WITHHELD], "file")
        return "; ".join([f"Not finished: {withheld} not sent", *_kept_back(outcome)])
    return "; ".join([f"Failed: {failed:,} of {text.plural(total, 'file')}", *_kept_back(outcome)])


def _done(outcome: Outcome, total: int) -> str:
    files, where = text.plural(total, "file"), place(outcome)
    match outcome.mode:
        case Mode.VERIFY:
            have = "has" if total == 1 else "have"
            return f"Verified: {files} {_in(outcome)} {where} {have} the same content as here"
        case Mode.DRY_RUN:
            return _would(outcome, files, where)
        case Mode.DRAFT:
            return _opened(outcome, files, where)
    return "; ".join([_published(outcome, total, files, where), *_gone(outcome)])


def _published(outcome: Outcome, total: int, files: str, where: str) -> str:
    """What a run that publishes did, apart from deleting."""
    links, uploaded = outcome.links, outcome.counts[Status.UPLOADED]
    if uploaded:
        verb = "Uploaded" if links is not None and links.published is False else "Published"
        new = files if uploaded == total else f"{uploaded:,} of {files}"
        ending = "; not published yet" if verb == "Uploaded" else ""
        way = "in" if links is not None and links.published else "to"
        return f"{verb} {new} ({text.size_text(outcome.bytes_sent)}) {way} {where}{ending}"
    there = f"{files} {'was' if total == 1 else 'were'} up to date"
    if links is not None and links.just_published:
        return f"Published {where}; {there}"
    if links is not None and links.described:
        return f"Updated the metadata of {where}; {there}"
    if not total:
        return "Nothing to do: no file is planned"
    if _gone(outcome):
        return f"Nothing to upload: {there} {_in(outcome)} {where}"
    return f"Nothing to do: {files} {_in(outcome)} {where} {_are(total)} up to date"


def _opened(outcome: Outcome, files: str, where: str) -> str:
    wait = [result.file.size for result in outcome.results if result.status is Status.WOULD_UPLOAD]
    gone = f"; {text.plural(outcome.deleted, 'file')} deleted" if outcome.deleted else ""
    if not wait:
        return f"Nothing to send: {files} {_in(outcome)} {where} {_are(planned(outcome))} up to date{gone}"
    which = files if len(wait) == planned(outcome) else f"{len(wait):,} of {files}"
    return f"{where[0].upper()}{where[1:]} waits for {which} ({text.size_text(sum(wait))}); no file was sent{gone}"


def _would(outcome: Outcome, files: str, where: str) -> str:
    sent = [result.file.size for result in outcome.results if result.status is Status.WOULD_UPLOAD]
    deleted = sum(extra.planned for extra in outcome.extras)
    if not sent and not deleted:
        return f"Dry run: nothing to do; {files} {_in(outcome)} {where} {_are(planned(outcome))} up to date"
    # A record stays as it is.
    new_version = outcome.links is not None and outcome.links.published
    does = []
    if deleted:
        does.append(f"delete {text.plural(deleted, 'extra file')}")
    if sent:
        new = files if len(sent) == planned(outcome) else f"{len(sent):,} of {files}"
        to = f"a new version of {where}" if new_version else where
        does.append(f"upload {new} ({text.size_text(sum(sent))}) to {to}")
    elif new_version:
        does[-1] += f" in a new version of {where}"
    return f"Dry run: would {' and '.join(does)}; nothing was sent"
