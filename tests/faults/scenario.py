"""One seeded run: what is published, against which server, what goes wrong, and whether the promises held."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import signal
import ssl
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import botocore.exceptions

from tests.faults import kinds, oracle, remotes, world
from tests.faults.addresses import closed_port
from tests.faults.kinds import Fault, Faults, Kind
from tests.faults.product import Order, Ran, Zygote
from tests.faults.proxy import Proxy
from tests.s3_emulator.forward import forward
from tests.zenodo import ZenodoServer
from tests.zenodo.state import Id

EXTRA: Final = "zz-extra.bin"
PASSWORD: Final = "planted %/:@ password"
SIDES: Final = ("localstack", "localstack", "rclone", "zenodo")


@dataclass
class Result:
    """How a seed ended.

    Attributes:
        faults: as the seed chose them.
        struck: how many requests each struck; a signal, or a host that is not there, counts once.
        stuck: the server itself answered no more, even without the proxy, so that nothing can be judged.
        broken: promises that were; empty when all is well.
    """

    seed: int
    side: str
    faults: str
    kinds: tuple[Kind, ...]
    code: int = 0
    again: int | None = None
    struck: Counter[Kind] = field(default_factory=Counter)
    seconds: float = 0.0
    after_signal: float = 0.0
    stuck: bool = False
    broken: list[str] = field(default_factory=list)
    log: str = ""


@dataclass(frozen=True)
class Bench:
    """What runs need and share: one process that forks for each, the stores, a certificate."""

    zygote: Zygote
    stores: dict[str, remotes.S3Store]
    tls: ssl.SSLContext
    certificate: str


@dataclass
class _Trial:
    rng: random.Random
    side: str
    bench: Bench
    faults: list[Fault]
    signals: list[Kind]
    root: Path
    result: Result

    broke_off: bool = False
    """An earlier run left an upload open."""
    secrets: tuple[str, ...] = ()
    """Secrets besides those of the remote service."""
    units: list[world.Unit] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def run(seed: int, bench: Bench, *, only: Kind | None = None, side: str = "") -> Result:
    """Make the run of a seed.

    Args:
        only: this kind of fault instead of the seed's.
        side: this server instead of the seed's.
    """
    rng = random.Random(f"run {seed}")
    chosen = rng.choice(SIDES)
    side = side or chosen
    candidates = [k for k in Kind if side != "zenodo" or k not in kinds.S3_ONLY]
    candidates = [kind for kind in candidates if kind not in kinds.PROXIES]
    wanted = [rng.choice(candidates)]
    if rng.random() < 0.35:
        wanted.append(rng.choice(candidates))
    # Numbers of their own, so that seeds without a proxy stay what they were.
    apart = random.Random(f"proxy {seed}")
    if apart.random() < 0.1:
        wanted = [apart.choice(kinds.PROXIES)]
    if only:
        wanted = [only]
    signals = [kind for kind in wanted if kind in kinds.SIGNALS][:1]
    faults = [
        kinds.choose(rng, kind, zenodo=side == "zenodo")
        for kind in wanted
        if kind not in kinds.SIGNALS and kind is not Kind.NONE
    ]
    named = ", ".join([*map(str, faults), *map(str, signals)]) or "none"
    result = Result(seed, side, named, tuple(wanted))
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        trial = _Trial(rng, side, bench, faults, signals, Path(name), result)
        (trial.root / "out").mkdir()
        began = time.monotonic()
        try:
            (_zenodo if side == "zenodo" else _s3)(trial)
        except botocore.exceptions.HTTPClientError:
            # LocalStack can lock itself out of an object whose upload was cut off.
            result.stuck = True
        result.seconds = time.monotonic() - began
    return result


def _s3(trial: _Trial) -> None:
    rng, store = trial.rng, trial.bench.stores[trial.side]
    prefix = remotes.S3Prefix(store, f"run-{trial.result.seed}-{os.getpid()}-{rng.randrange(10**6)}")
    collection = rng.random() < 0.15
    large = any(fault.operation in kinds.IN_PARTS for fault in trial.faults) or rng.random() < 0.2
    folders = ["s-one", "s-two"] if collection else [""]
    trial.units = [
        world.unit(rng, folder, flat=False, large=large and n == 0) for n, folder in enumerate(folders)
    ]
    delete = not collection and rng.random() < 0.15
    trial.inputs = {
        "in-dir": "out",
        "s3-dir": prefix.url,
        "n-jobs": str(rng.choice((1, 2, 8))),
        "checksum": rng.choice(("auto", "auto", "auto", "crc32c", "sha256", "none")),
        "delete-extra": str(delete).lower(),
    }
    if collection:
        (trial.root / "list.tsv").write_text("".join(f"{folder}\n" for folder in folders))
        trial.inputs["in-list"] = "list.tsv"
    trial.environment = dict(store.environment)
    for unit in trial.units:
        unit.write(trial.root / "out")
        lead = f"{unit.folder}/" if unit.folder else ""
        prefix.put({f"{lead}{name}": data for name, data in unit.before.items()})
    if large:
        _before_large(trial, prefix)
    if not collection:
        prefix.put({EXTRA: b"somebody else's"})
    try:
        _judge_s3(trial, prefix, delete=delete, has_extra=not collection)
    finally:
        prefix.clear()


def _before_large(trial: _Trial, prefix: remotes.S3Prefix) -> None:
    """What earlier runs left of the large file: nothing, the object, or an upload that was broken off."""
    unit = trial.units[0]
    name, data = max(unit.files.items(), key=lambda item: len(item[1]))
    lead = f"{unit.folder}/" if unit.folder else ""
    asked = {fault.operation for fault in trial.faults}
    chance = trial.rng.random()
    if "head" in asked or chance < 0.15:
        prefix.put({f"{lead}{name}": data})
        trial.units[0] = dataclasses.replace(unit, before={**unit.before, name: data})
    elif asked & {"parts", "abort"} or chance < 0.4:
        prefix.break_off(f"{lead}{name}", data if trial.rng.random() < 0.7 else bytes(len(data)))
        trial.broke_off = True


def _judge_s3(trial: _Trial, prefix: remotes.S3Prefix, *, delete: bool, has_extra: bool) -> None:
    def there(unit: world.Unit) -> dict[str, str]:
        lead = f"{unit.folder}/" if unit.folder else ""
        return {name.removeprefix(lead): found for name, found in contents.items() if name.startswith(lead)}

    result = trial.result
    with _proxy(trial, prefix.store.url, prefix.secrets[0]) as (proxy, url, more):
        first = _go(trial, proxy, {"AWS_ENDPOINT_URL_S3": url, **more})
    contents = prefix.contents()
    spoiled = any(fault.kind is Kind.CORRUPT for fault in trial.faults) and trial.side == "rclone"
    unheard = proxy.unheard({"catalog"}) or bool(trial.signals)
    result.broken += _basics(trial, first, prefix)
    for unit in trial.units:
        result.broken += oracle.stands(unit, there(unit), first, unheard=unheard, spoiled=spoiled)
    blind = "s3:ListBucket" in first.log  # then nothing extra is found, and a warning says so
    if has_extra and not blind and (EXTRA in contents) == (delete and not first.code):
        result.broken.append(
            f"the extra file is {'there' if EXTRA in contents else 'gone'}, exit code {first.code}"
        )
    deaf = {e.operation for e in proxy.exchanges if not e.heard}
    hampered = {"abort", "uploads", "parts"} & deaf or (first.code and ("create" in deaf or trial.broke_off))
    if not hampered and Kind.SIGKILL not in trial.signals and first.code >= 0 and not proxy.is_down:
        result.broken += oracle.tidy(prefix.left_open())
    if not first.code:
        return
    again = trial.bench.zygote.run(_order(trial, {"AWS_ENDPOINT_URL_S3": prefix.store.url}, attempt=2))
    result.again = again.code
    contents = prefix.contents()
    problems = list(_basics(trial, again, prefix))
    for unit in trial.units:
        problems += oracle.stands(unit, there(unit), again)
    problems += oracle.tidy(prefix.left_to_continue())
    if again.code:
        problems.append(f"exit code {again.code}")
    up = {name for name, status in first.statuses.items() if status in ("uploaded", "skipped")}
    twice = [name for name in up if again.statuses.get(name) != "skipped"]
    if twice:
        problems.append(f"sent twice: {twice}")
    result.broken += [f"second run: {problem}" for problem in problems]
    if problems:
        result.log += f"\n--- second run\n{again.log}"


def _zenodo(trial: _Trial) -> None:
    rng = trial.rng
    unit = world.unit(rng, "", flat=True, large=rng.random() < 0.1)
    unit.write(trial.root / "out")
    trial.units = [unit]
    asked = {fault.operation for fault in trial.faults}
    publish = "publish" in asked or rng.random() < 0.5
    start = "record" if "newversion" in asked else rng.choice(("new", "new", "draft", "record"))
    stale = rng.choice((0, 0, 0, 3))
    with ZenodoServer(stale_requests=stale) as server:
        given = "new"
        record: Id = 0
        if start == "draft":
            given = str(server.add_draft(dict(unit.before)).id)
        elif start == "record":
            record = server.add_record(dict(unit.before) or None).id
            given = str(record)
        drafts = remotes.ZenodoDrafts(server)
        trial.inputs = {
            "in-dir": "out",
            "zenodo-id": given,
            "zenodo-token": server.token,
            "n-jobs": str(rng.choice((1, 2, 8))),
            "publish": str(publish).lower(),
            "title": "Faults",
            "creators": "Doe, Jane",
            "upload-type": "dataset",
            "license": "cc-by-4.0",
            "description": "A data set.",
        }
        filled = int(given) if start == "draft" else 0
        old = drafts.of(record) if record else {}
        _judge_zenodo(trial, _Deposition(drafts, unit, filled, record, publish, old))


@dataclass(frozen=True)
class _Deposition:
    """What a run on Zenodo may and must do."""

    drafts: remotes.ZenodoDrafts
    unit: world.Unit
    given: int
    """The draft that is to be filled; 0 where one has to be made."""
    record: Id
    """The published version before; 0 without one."""
    publish: bool
    old: dict[str, str]

    def judge(self, ran: Ran, *, unheard: bool = False, spoiled: bool = False) -> Iterator[str]:
        """The promises that were broken."""
        number = self.given or (self.drafts.new or [0])[-1]
        there = self.drafts.of(number) if number else {}
        out = bool(number) and self.drafts.published(number)
        yield from self._published(ran, there, out=out, unheard=unheard)
        if self.record and self.drafts.of(self.record) != self.old:
            yield "the old version changed"
        before = self.unit.before if self.given or self.record else {}
        unit = world.Unit("", self.unit.files, self.unit.catalog, before)
        if there or not ran.code:
            yield from oracle.stands(unit, there, ran, unheard=unheard, spoiled=spoiled)

    def _published(self, ran: Ran, there: dict[str, str], *, out: bool, unheard: bool) -> Iterator[str]:
        wanted = {name: remotes.digest(data) for name, data in self.unit.all.items()}
        if out and {name: there.get(name) for name in wanted} != wanted:
            yield "something else was published"
        if out and not self.publish:
            yield "published unasked"
        if out and ran.code and not unheard:
            yield f"exit code {ran.code} though it is published"
        if not ran.code and self.publish and not out:
            yield "exit code 0 and not published"
        if not ran.code and (ran.outputs.get("published") == "true") != out:
            yield f"the output published is {ran.outputs.get('published')!r}"


def _judge_zenodo(trial: _Trial, told: _Deposition) -> None:
    result, server, drafts = trial.result, told.drafts.server, told.drafts
    with _proxy(trial, server.url, server.token) as (proxy, url, more):
        server.state.base = url
        first = _go(trial, proxy, more, {"zenodo-url": url})
    spoiled = any(fault.kind is Kind.CORRUPT for fault in trial.faults)
    unheard = proxy.unheard({"catalog", "publish"}) or bool(trial.signals)
    result.broken += _basics(trial, first, drafts)
    result.broken += told.judge(first, unheard=unheard, spoiled=spoiled)
    if not proxy.unheard({"create", "newversion"}) and Kind.SIGKILL not in trial.signals:
        result.broken += oracle.tidy(drafts.left_open())
    if not first.code:
        return
    server.state.base = server.url
    for version in server.state.versions.values():
        version.born_request = -100  # who runs a job again does so after the index has caught up
    again = trial.bench.zygote.run(_order(trial, {}, {"zenodo-url": server.url}, attempt=2))
    result.again = again.code
    problems = [*_basics(trial, again, drafts), *told.judge(again), *oracle.tidy(drafts.left_open())]
    if again.code:
        problems.append(f"exit code {again.code}")
    result.broken += [f"second run: {problem}" for problem in problems]
    if problems:
        result.log += f"\n--- second run\n{again.log}"


def _basics(trial: _Trial, ran: Ran, there: remotes.Remote) -> Iterator[str]:
    yield from oracle.leaks(ran, (*there.secrets, *trial.secrets))
    if _is_stopped(ran, Kind.SIGKILL) and Kind.SIGKILL in trial.signals:
        return
    yield from oracle.said(ran)
    if ran.after_signal > oracle.CANCEL_LIMIT:
        yield f"ended {ran.after_signal:.1f} s after the signal"


def _is_stopped(ran: Ran, kind: Kind) -> bool:
    return ran.code == -signal.Signals[kind.name]


@contextlib.contextmanager
def _proxy(trial: _Trial, upstream: str, secret: str) -> Iterator[tuple[Proxy, str, dict[str, str]]]:
    """The proxy with the seed's faults, the URL under which the product finds it, and more environment."""
    found = {fault.kind for fault in trial.faults}
    tls = bool(found & {Kind.TLS_HANDSHAKE, Kind.TLS_BODY, Kind.TLS_PLAIN, Kind.TLS_UNTRUSTED})
    tls = trial.rng.random() < 0.1 or tls
    more: dict[str, str] = {}
    if tls and Kind.TLS_UNTRUSTED not in found:
        more = {"AWS_CA_BUNDLE": trial.bench.certificate, "REQUESTS_CA_BUNDLE": trial.bench.certificate}
    with contextlib.ExitStack() as stack:
        context = trial.bench.tls if tls else None
        faults = Faults(trial.faults)
        proxy = stack.enter_context(
            Proxy(upstream, faults, secret=secret, tls=context, seed=trial.rng.randrange(1 << 30))
        )
        url = proxy.url
        scheme = "https" if trial.side == "zenodo" or tls else "http"
        if Kind.CLOSED in found:
            port = stack.enter_context(closed_port())
            url = f"http://127.0.0.1:{port}"
        if Kind.DNS in found:
            url = f"{scheme}://no-such-host.invalid:{proxy.port}"
        if company := found & set(kinds.PROXIES):
            more |= stack.enter_context(_company(trial, company.pop(), proxy.port))
        yield proxy, url, more


@contextlib.contextmanager
def _company(trial: _Trial, kind: Kind, port: int) -> Iterator[dict[str, str]]:
    """Environment with a proxy in between, with a percent-encoded password that must stay secret."""
    trial.secrets = (PASSWORD, quote(PASSWORD, safe=""))
    with closed_port() as closed, forward({"127.0.0.1": port}, password=f"me:{PASSWORD}") as proxy:
        given, where = quote(PASSWORD, safe=""), proxy.port
        match kind:
            case Kind.PROXY_CLOSED:
                where = closed
            case Kind.PROXY_PASSWORD:
                proxy.password = "me:another"
            case Kind.PROXY_FORBIDS:
                proxy.status = 403
            case Kind.PROXY_SILENT:
                proxy.silent = True
            case Kind.PROXY_LOST:
                proxy.status = 502
        url = f"http://me:{given}@127.0.0.1:{where}"
        yield dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), url)


def _order(
    trial: _Trial, environment: dict[str, str], inputs: dict[str, str] | None = None, attempt: int = 1
) -> Order:
    return Order(
        {**trial.inputs, **(inputs or {})},
        trial.root,
        {**trial.environment, **environment},
        attempt=attempt,
    )


def _go(
    trial: _Trial, proxy: Proxy, environment: dict[str, str], inputs: dict[str, str] | None = None
) -> Ran:
    """The first run, with what goes wrong."""
    order = _order(trial, environment, inputs)
    if trial.signals:
        order.act = _signal(trial, proxy)
    ran = trial.bench.zygote.run(order)
    result = trial.result
    result.code, result.after_signal = ran.code, ran.after_signal
    for fault in trial.faults:
        result.struck[fault.kind] += 1 if fault.kind in kinds.WHOLE_WORLD else fault.hits
    if trial.signals and ran.after_signal:
        result.struck[trial.signals[0]] += 1
    words = [f"{e.method} {e.target} {e.fault} {'acted' if e.acted else ''} {'heard' if e.heard else ''} {e.status}"
             for e in proxy.exchanges]  # fmt: skip
    result.log = "\n".join([ran.log, "--- exchanges", *words[-60:]])
    return ran


def _signal(trial: _Trial, proxy: Proxy) -> Callable[[int], float]:
    """Send the seed's signal at the seed's moment: after so many requests and a little more, or by the clock."""
    count, delay = trial.rng.choice((0, 1, 1, 2, 3, 5, 8, 13, 20)), trial.rng.random() ** 2 * 0.3
    number = getattr(signal, trial.signals[0].name)

    def act(pid: int) -> float:
        while not proxy.wait_for(count, 0.1):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return 0.0  # it ended before
        # Signals before the first line of the program cannot be caught; that is not tested here.
        time.sleep(delay if count else max(delay, 0.05))
        os.kill(pid, number)
        return time.monotonic()

    return act
