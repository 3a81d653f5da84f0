"""YAML whose every value knows its line: for documents that people write and tools check.

Scalars are read as the core schema of YAML 1.2 reads them (yaml.org, chapter 10.3), not as YAML 1.1 did: `22:00` and
`on` are text. Whatever is not one plain document of bounded size is refused with its place and what to do about it.
"""

import codecs
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml

from apps.common.errors import Invalid

BYTES_MAX = 131_072
DEPTH_MAX = 20
NODES_MAX = 5_000
KEY_CHARACTERS_MAX = 200
FINDINGS_MAX = 50
INTEGER_MAX = 2**53 - 1  # what every reader of JSON keeps exactly (RFC 8785, 3.2.2.3)

ERROR, WARNING = "error", "warning"
Path = tuple[str | int, ...]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?((\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_PLAIN = re.compile(r"[A-Za-z]([A-Za-z0-9_./-]| (?=[A-Za-z0-9]))*", re.ASCII)
_DOUBTFUL = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TEXT_TAG, _MAP_TAG, _LIST_TAG = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, from 1, and how a scalar was written."""

    line: int
    column: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong or doubtful: where, what, and what to do about it; line 0 where there is no document."""

    code: str
    problem: str
    fix: str
    line: int = 0
    column: int = 0
    path: str = ""
    severity: str = ERROR

    def as_json(self) -> dict[str, Any]:
        """As problem details carry it."""
        return asdict(self)


class Unreadable(Invalid):
    """The document cannot be read: DOCUMENT_UNREADABLE with the findings."""

    def __init__(self, findings: list[Finding]) -> None:
        first = findings[0]
        where = f"line {first.line}: " if first.line else ""
        super().__init__(
            "DOCUMENT_UNREADABLE",
            f"{where}{first.problem}: {first.fix}",
            failures=[finding.as_json() for finding in findings],
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping as it was read, and the place of every value by its path."""

    value: dict[str, Any]
    places: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Where the value stands; where there is none, where the nearest value around it stands."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def finding(self, code: str, path: Path, problem: str, fix: str, severity: str = ERROR) -> Finding:
        """A finding at the value of that path."""
        place = self.place(path)
        return Finding(code, problem, fix, place.line, place.column, dotted(path), severity)


def dotted(path: Path) -> str:
    """The path as people write it: `config.session_windows[0].from`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def is_plain(text: str) -> bool:
    """Whether the text may stand without quotes, for this reader and for those of YAML 1.1."""
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _DOUBTFUL


def read(raw: bytes) -> Document:
    """The one mapping that `raw` (UTF-8) holds, with places. Raises Unreadable, and nothing else, for what is none."""
    text = decoded(raw)
    try:
        node = _only_node(_Loader(text))
    except yaml.MarkedYAMLError as error:
        raise Unreadable([_syntax(error)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refusal("DOCUMENT_CHARACTER", "a control character", "remove it", line) from None
    except (ValueError, OverflowError):  # an escape beyond Unicode, a version of thousands of digits
        raise _refusal("DOCUMENT_SYNTAX", "an escape or a directive that means nothing", "write it plainly") from None
    return _Walk().document(node)


def decoded(raw: bytes) -> str:
    """The text. Raises Unreadable for what is too large or not plain UTF-8."""
    if len(raw) > BYTES_MAX:
        raise _refusal("DOCUMENT_TOO_LARGE", f"it has {len(raw)} bytes", f"keep it below {BYTES_MAX}")
    if raw.startswith(_UTF16):
        raise _refusal("DOCUMENT_UTF16", "it is UTF-16", "save it as UTF-8")
    if raw.startswith(codecs.BOM_UTF8):
        raise _refusal("DOCUMENT_BOM", "it starts with a byte order mark", "save it as UTF-8 without one")
    if 0 in raw:
        line = raw.count(b"\n", 0, raw.index(0)) + 1
        raise _refusal("DOCUMENT_NUL", "a NUL byte: it is UTF-16, or no text", "save it as UTF-8", line)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refusal("DOCUMENT_ENCODING", "a byte that is not UTF-8", "save it as UTF-8", line) from None


def _refusal(code: str, problem: str, fix: str, line: int = 1) -> Unreadable:
    return Unreadable([Finding(code, problem, fix, line, 1)])


class _Loader(yaml.BaseLoader):
    """Composes nodes, and stops where they are too many or too deep to be meant."""

    depth = nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node."""
        self.depth, self.nodes = self.depth + 1, self.nodes + 1
        if self.depth > DEPTH_MAX + 1 or self.nodes > 2 * NODES_MAX:
            raise _bound(self.peek_event().start_mark, is_depth=self.depth > DEPTH_MAX + 1)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _bound(mark: Any, *, is_depth: bool) -> Unreadable:
    if is_depth:
        problem, fix = f"nested deeper than {DEPTH_MAX} levels", "write it flatter"
    else:
        problem, fix = f"more than {NODES_MAX} values", "write less, and repeat less by aliases"
    return _refusal("DOCUMENT_TOO_DEEP" if is_depth else "DOCUMENT_TOO_MANY_VALUES", problem, fix, mark.line + 1)


def _only_node(loader: _Loader) -> Any:
    if not loader.check_node():
        raise _refusal("DOCUMENT_EMPTY", "there is nothing in it", "begin with apiVersion")
    node = loader.get_node()
    if not isinstance(node, yaml.MappingNode):
        raise _refusal("DOCUMENT_NOT_A_MAPPING", "it is no mapping of names", "begin with apiVersion:", _line(node))
    if loader.check_node():
        line = _line(loader.get_node())
        raise _refusal("DOCUMENT_NOT_ONE", "a second document begins", "keep one document in a file", line)
    return node


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _syntax(error: yaml.MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = " ".join(part for part in (error.context, error.problem) if part) or "it is no YAML"
    if "\\t" in problem:
        return Finding("DOCUMENT_TAB", "a tab where spaces belong", "indent with spaces", line, column)
    return Finding("DOCUMENT_SYNTAX", problem, "compare it with the lines around it", line, column)


class _Walk:
    """Reads composed nodes into values; an alias counts once for every value that it stands for."""

    def __init__(self) -> None:
        self.places: dict[Path, Place] = {}
        self.findings: list[Finding] = []
        self.left = NODES_MAX

    def document(self, node: Any) -> Document:
        """The document of its root node; raises Unreadable with what was found on the way."""
        value = self._value(node, ())
        if self.findings:
            raise Unreadable(sorted(self.findings, key=lambda found: (found.line, found.column))[:FINDINGS_MAX])
        return Document(value, self.places)

    def _value(self, node: Any, path: Path) -> Any:
        self.left -= 1
        if self.left < 0 or len(path) > DEPTH_MAX:
            raise _bound(node.start_mark, is_depth=self.left >= 0)
        self.places.setdefault(path, _place(node))
        if node.tag not in (_TEXT_TAG, _MAP_TAG, _LIST_TAG):
            return self._note("TAG_REFUSED", node, path, f"the tag {node.tag[:60]}", "write the plain value")
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _pairs(self, node: Any, path: Path) -> Iterator[tuple[str, Any]]:
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in first:
                problem = f"{key} stands twice, in line {first[key]} and in line {_line(key_node)}"
                self._note("KEY_TWICE", key_node, (*path, key), problem, "keep one of them")
                continue
            first[key] = _line(key_node)
            self.places[(*path, key)] = _place(key_node, value_node)
            yield key, self._value(value_node, (*path, key))

    def _key(self, node: Any, path: Path) -> str | None:
        key = self._scalar(node, path) if isinstance(node, yaml.ScalarNode) and node.tag == _TEXT_TAG else None
        if not isinstance(key, str) or len(key) > KEY_CHARACTERS_MAX:
            self._note("KEY_NOT_TEXT", node, path, "a name that is no short text", "put quotes around it")
            return None
        if key == "<<" and node.style is None:
            self._note("MERGE_REFUSED", node, path, "merge keys are not read", "write the values out")
            return None
        return key

    def _scalar(self, node: Any, path: Path) -> Any:
        text: str = node.value
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            return self._note("DOCUMENT_CHARACTER", node, path, "a character that cannot be stored", "remove it")
        if node.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return self._integer(text, node, path)
        return self._float(text, node, path)

    def _integer(self, text: str, node: Any, path: Path) -> Any:
        if len(text) > 17 or abs(int(text)) > INTEGER_MAX:
            return self._note("NUMBER_TOO_LARGE", node, path, "a number beyond 2^53", f'write it as a string: "{text}"')
        return int(text)

    def _float(self, text: str, node: Any, path: Path) -> Any:
        if _NOT_FINITE.fullmatch(text):
            return self._note("NUMBER_NOT_FINITE", node, path, f"{text} is no number", "write a number")
        if not _FLOAT.fullmatch(text):
            return text
        value = float(text)
        if not math.isfinite(value):
            return self._note("NUMBER_TOO_LARGE", node, path, f"{text[:40]} is too large", "write a smaller number")
        return value

    def _note(self, code: str, node: Any, path: Path, problem: str, fix: str) -> None:
        mark = node.start_mark
        self.findings.append(Finding(code, problem, fix, mark.line + 1, mark.column + 1, dotted(path)))


def _place(node: Any, value: Any = None) -> Place:
    """Where the node stands; of a pair, where its name stands, with the text of its value."""
    shown = node if value is None else value
    text = shown.value if isinstance(shown, yaml.ScalarNode) else ""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1, text)
