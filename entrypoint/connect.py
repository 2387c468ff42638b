"""Makes the destination that the settings name. Each side's libraries are imported only when they are needed."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING

from entrypoint import destinations, settings, workers

if TYPE_CHECKING:
    from entrypoint import runner


def zenodo(
    chosen: settings.Settings,
    wanted: settings.ZenodoSettings,
    cancel: workers.Cancel,
    out: runner.Runner | None,
) -> destinations.Destination:
    """Zenodo, which needs no network to be made.

    Args:
        out: where requests, waits and drafts that cannot be saved are reported; None reports nothing.

    Raises:
        errors.BadInput: the metadata are wrong.
    """
    from entrypoint import event, runner
    from entrypoint.destinations import zenodo

    drafts: destinations.Drafts | None = None
    notes = runner.drafts.folder(chosen.state_home, chosen.home)
    if out is not None and notes is not None and not chosen.run.on_github:
        drafts = runner.drafts.Drafts(out, notes, wanted.url, chosen.in_dir)

    return zenodo.Zenodo(
        wanted,
        run=chosen.run,
        release=event.read(chosen.run.event_path, chosen.run.event_name),
        n_jobs=chosen.n_jobs,
        restart=chosen.restart,
        delete_extra=chosen.delete_extra,
        part=chosen.shard is not None,
        draft_only=chosen.draft_only,
        check=cancel.check,
        reporter=runner.Reporter(out) if out is not None else None,
        drafts=drafts,
    )


def s3(
    chosen: settings.Settings, environ: Mapping[str, str], cancel: workers.Cancel, out: runner.Runner
) -> destinations.Destination:
    """S3, with credentials.

    Raises:
        errors.PublishError: there are no credentials, or the configuration cannot be used.
    """
    from entrypoint import runner
    from entrypoint.destinations import s3

    if isinstance(environ, MutableMapping):
        # botocore reads the environment itself, and does not treat an empty variable as unset.
        for name in [
            name for name, value in environ.items() if name.startswith("AWS_") and not value.strip()
        ]:
            del environ[name]
    assert chosen.s3 is not None  # settings.read() saw to it, and Zenodo is made before
    return s3.S3(
        chosen.s3,
        n_jobs=chosen.n_jobs,
        delete_extra=chosen.delete_extra,
        verify_only=chosen.verify_only,
        environ=environ,
        cancel=cancel,
        hide=out.mask,
        run=chosen.run,
        reporter=runner.Reporter(out),
    )
