"""Bytes to a small tree of values, by PyYAML's safe loader and within bounds.

The pure Python loader is used, not libyaml's: cartloader writes and reads its catalogs with it, the two
differ at the edges (tabs, escapes, surrogates), and libyaml's composer cannot be bounded from here.
Values are built here and not by PyYAML, so that duplicate keys, keys of any type, and the size of what
aliases expand to are seen; nothing in a document makes an object of any other kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

from entrypoint.catalog.model import Note, shown

MAX_BYTES: Final = 4 * 2**20
"""The largest catalog that is read, in bytes; a hundred thousand files need less."""
MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 64
# Aliases may repeat what is written, but not without end ("billion laughs").
_EXPANSION_FREE: Final = 10_000
_EXPANSION_FACTOR: Final = 10
_EXPANSION_MAX: Final = 200_000
# Below the least limit that Python can have for the digits of an integer (sys.set_int_max_str_digits).
_MAX_PLAIN_LENGTH: Final = 200

_TAG: Final = "tag:yaml.org,2002:"
_STR, _MAP, _SEQ, _MERGE, _VALUE = (_TAG + kind for kind in ("str", "map", "seq", "merge", "value"))
_PLAIN_KINDS: Final = ("null", "bool", "int", "float", "timestamp", "binary")
_PLAIN_TAGS: Final = frozenset(_TAG + kind for kind in _PLAIN_KINDS)
# What PyYAML lets through beside its own errors, for a scalar that its resolver takes for more than it is.
_FOREIGN: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class Plain:
    """A scalar that is neither a string nor null; of a key, null too.

    Attributes:
        literal: as Python writes the value, which distinguishes types but not spellings.
        name: as it is shown in a key path.
        kind: the name of its Python type.
        text: as it stands in the document.
    """

    literal: str
    name: str = field(compare=False)
    kind: str = field(compare=False)
    text: str = field(compare=False)


@dataclass(frozen=True)
class Map:
    """A mapping; keys of different types are different, so that no pair is lost."""

    items: tuple[tuple[Key, Value], ...]

    def get(self, name: str) -> Value:
        """The value of a string key, or nothing."""
        return next((value for key, value in self.items if key == name), None)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.items)


Key: TypeAlias = str | Plain
Value: TypeAlias = "Map | tuple[Value, ...] | Plain | str | None"


class UnreadableError(Exception):
    """The document as a whole cannot be used; holds at least one note."""

    def __init__(self, *notes: Note) -> None:
        super().__init__(*notes)
        self.notes = notes


def key_text(key: Key) -> str:
    """A key as it is shown in key paths."""
    return shown(key if isinstance(key, str) else key.name)


def load(data: bytes) -> Value:
    """The document in the bytes; raises `UnreadableError`, and nothing else."""
    if len(data) > MAX_BYTES:
        raise _error("E_BUDGET", f"larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _error("E_ENCODING", f"not UTF-8 (byte {error.start}, line {line}); save it as UTF-8") from None
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        return None if root is None else _Builder(loader).document(root)
    except yaml.MarkedYAMLError as error:
        parts = [part for part in (error.context, error.problem) if part]
        mark = error.problem_mark or error.context_mark
        raise _error("E_YAML", ", ".join(parts) + _place(mark) + _advice(error.problem or "")) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        words = f"character #x{ord(text[error.position]):04x} is not allowed"
        place = f", line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
        raise _error("E_YAML", words + place) from None
    except (yaml.YAMLError, *_FOREIGN) as error:
        mark = None if loader is None else loader.get_mark()
        raise _yaml_error(f"a number or an escape is out of range ({type(error).__name__})", mark) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which stops at the bounds while it composes."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = 0
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES:
            raise _error("E_BUDGET", f"more than {MAX_NODES} values")
        if self.depth > MAX_DEPTH:
            raise _too_deep()
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


@dataclass(frozen=True)
class _Built:
    """A value, how many values it holds when its aliases are written out, and how deep it is then."""

    value: Value
    size: int
    depth: int


class _Builder:
    """Nodes to values, each node once; the tree stays shared where aliases share it."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self._limit = min(_EXPANSION_MAX, max(_EXPANSION_FREE, _EXPANSION_FACTOR * loader.nodes))
        self._built: dict[int, _Built | None] = {}
        self._pairs: dict[int, dict[Key, _Built]] = {}
        self._merged = 0
        self._path: list[str] = []
        self._duplicates: list[Note] = []

    def document(self, root: yaml.Node) -> Value:
        built = self._build(root)
        if self._duplicates:
            raise UnreadableError(*self._duplicates)
        return built.value

    def _build(self, node: yaml.Node) -> _Built:
        # Anchors stand before their aliases, so a node that is begun and not done contains itself.
        if id(node) in self._built:
            done = self._built[id(node)]
            if done is None:
                raise _error("E_BUDGET", f"contains itself, by an alias{_place(node.start_mark)}")
            return done
        self._built[id(node)] = None
        if isinstance(node, yaml.ScalarNode):
            built = _Built(self._scalar(node), 1, 1)
        elif isinstance(node, yaml.SequenceNode) and node.tag == _SEQ:
            built = self._sequence(node)
        elif isinstance(node, yaml.MappingNode) and node.tag == _MAP:
            built = self._mapping(node)
        else:
            raise _unknown_tag(node)
        if built.size > self._limit:
            raise _error("E_BUDGET", f"its aliases expand to more than {self._limit} values")
        if built.depth > MAX_DEPTH:
            raise _too_deep()
        self._built[id(node)] = built
        return built

    def _scalar(self, node: yaml.ScalarNode) -> Value:
        if node.tag == _STR:
            return _whole(node.value)
        if node.tag not in _PLAIN_TAGS:
            raise _unknown_tag(node)
        kind = node.tag.removeprefix(_TAG)
        if len(node.value) > _MAX_PLAIN_LENGTH:
            raise _yaml_error(f"a value of type {kind} with {len(node.value)} characters", node.start_mark)
        try:
            value = self._loader.construct_object(node)
            return None if value is None else Plain(repr(value), str(value), type(value).__name__, node.value)
        except _FOREIGN:
            raise _yaml_error(f"{shown(node.value)!r} is not a valid {kind}", node.start_mark) from None

    def _sequence(self, node: yaml.SequenceNode) -> _Built:
        items = []
        for index, item in enumerate(node.value):
            with self._at(f"[{index}]"):
                items.append(self._build(item))
        return self._sum(tuple(item.value for item in items), items)

    def _mapping(self, node: yaml.MappingNode) -> _Built:
        own: dict[Key, tuple[int, _Built]] = {}
        merged: dict[Key, _Built] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = self._merge(value_node) | merged
                continue
            key = self._key(key_node)
            line = key_node.start_mark.line + 1
            with self._at("." + key_text(key)):
                if key in own:
                    self._duplicate(own[key][0], line)
                own[key] = line, self._build(value_node)
        pairs = merged | {key: built for key, (_, built) in own.items()}
        self._pairs[id(node)] = pairs
        return self._sum(Map(tuple((key, built.value) for key, built in pairs.items())), [*pairs.values()])

    def _merge(self, node: yaml.Node) -> dict[Key, _Built]:
        """The pairs of a merge key's mapping or mappings; the first one that has a key gives its value."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        pairs: dict[Key, _Built] = {}
        for each in reversed(nodes):
            self._build(each)
            if not isinstance(each, yaml.MappingNode):
                raise _yaml_error("expected a mapping after the merge key '<<'", each.start_mark)
            self._merged += len(self._pairs[id(each)])
            if self._merged > self._limit:
                raise _error("E_BUDGET", f"its merge keys expand to more than {self._limit} values")
            pairs |= self._pairs[id(each)]
        return pairs

    def _key(self, node: yaml.Node) -> Key:
        if not isinstance(node, yaml.ScalarNode):
            raise _yaml_error("found a list or a mapping as a key", node.start_mark)
        if node.tag == _VALUE:
            return _whole(node.value)
        value = self._build(node).value
        if isinstance(value, str):
            return value
        return value if isinstance(value, Plain) else Plain("None", "None", "NoneType", node.value)

    def _duplicate(self, first: int, second: int) -> None:
        where = "".join(self._path).removeprefix(".")
        lines = f"lines {first} and {second}" if first != second else f"line {first}"
        text = f"The catalog has the key {where} twice ({lines}); readers would see one of the two."
        self._duplicates.append(Note("E_DUPLICATE_KEY", where, text, lines))

    @contextmanager
    def _at(self, step: str) -> Iterator[None]:
        self._path.append(step)
        yield
        self._path.pop()

    def _sum(self, value: Value, parts: list[_Built]) -> _Built:
        size = 1 + sum(part.size for part in parts)
        return _Built(value, size, 1 + max((part.depth for part in parts), default=0))


def _whole(text: str) -> str:
    """JSON writes characters above U+FFFF as two escapes; PyYAML leaves the halves apart, this joins them."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _advice(problem: str) -> str:
    """What to do about the two mistakes that people make most often; else nothing."""
    if "mapping values are not allowed" in problem:
        return "; put a text with a colon in quotes, and indent keys alike"
    return "; indent with spaces, not with tabs" if r"'\t'" in problem else ""


def _place(mark: yaml.Mark | None) -> str:
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"


def _error(code: str, words: str) -> UnreadableError:
    words = shown(" ".join(words.split()))
    return UnreadableError(Note(code, "", f"The catalog cannot be read: {words}.", words))


def _yaml_error(words: str, mark: yaml.Mark | None) -> UnreadableError:
    return _error("E_YAML", words + _place(mark))


def _unknown_tag(node: yaml.Node) -> UnreadableError:
    return _yaml_error(f"could not determine a constructor for the tag {shown(node.tag)!r}", node.start_mark)


def _too_deep() -> UnreadableError:
    return _error("E_BUDGET", f"nested deeper than {MAX_DEPTH} levels")
