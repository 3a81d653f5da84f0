"""README and docs say only what is there: links, make targets, addresses, tests and requirement rows."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.urls import Resolver404, resolve

from controlplane import api_urls
from controlplane.supervisor.installation import ROOT

STANDARD = ROOT / "docs" / "operating-standard.md"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Every row of the requirements, by section: the standard leaves none out and makes none up.
ROWS_BY_SECTION = {1: 6, 2: 10, 3: 8, 4: 4, 5: 5, 6: 2, 7: 4, 8: 6, 9: 5, 10: 13}
STATUSES = {"whole", "thin path", "later"}
HERE = "http://127.0.0.1:8000"
STANDS_FOR = {
    "name": "btc-trend",
    "id": "01980000-0000-7000-8000-000000000001",
    "number": "1",
    "label": "risk.hold",
    "queue": "orders",
    "source": "tradingview",
}
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LATER = re.compile(r"\b(?:later floor|(?:is|are) later)\b")
NOT_OURS = re.compile(r"https?://(?!127\.0\.0\.1)|(?<![\w.])/(?:home|root|work|tmp|usr|Users)/")


def _rows_of(document: Path) -> list[dict[str, str]]:
    """The rows of the requirements table: id, what, status, screen, endpoint, test."""
    lines = re.findall(r"^\| (\d+\.\d+) \| (.*) \|$", document.read_text(), re.MULTILINE)
    names = ("id", "what", "status", "screen", "endpoint", "test")
    return [dict(zip(names, [key, *rest.split(" | ")], strict=True)) for key, rest in lines]


def _exists(document: Path, link: str) -> bool:
    name, _, anchor = unquote(link).partition("#")
    path = (document.parent / name).resolve() if name else document
    if not anchor or not path.is_file():
        return path.exists()
    slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(path.read_text())}
    return anchor in slugs


def _plain(cell: str) -> str:
    return cell.strip("`")


def _filled(address: str) -> str:
    """The address with something that fits in each place that it leaves open."""
    path = urlsplit(address).path
    return re.sub(r"<(\w+)>", lambda place: STANDS_FOR[place[1]], path)


def _resolved(path: str) -> Any:
    try:
        found = resolve(path)
    except Resolver404:
        return None
    return None if found.url_name == "unknown-route" else found


def _is_served(path: str) -> bool:
    return _resolved(path) is not None


def _methods(path: str) -> set[str]:
    """What may be asked of an address; of a page that is no endpoint, GET."""
    found = _resolved(path)
    actions = getattr(found.func, "actions", None) if found else {}
    return {"GET"} if actions is None else {method.upper() for method in actions}


def _later_claims(text: str) -> list[str]:
    """The clauses that say of something that it is not there yet; the glossary's word for it is none."""
    flat = re.sub(r"\s+", " ", text)
    return [clause for clause in re.split(r"[.;:|] ", flat) if LATER.search(clause) and "*later floor*" not in clause]


def _features() -> set[str]:
    """What can be asked for: collections of the API and commands, by the words that they are called by."""
    routes = {str(route.pattern).lstrip("^").split("/")[0] for route in _routes(api_urls.urlpatterns)}
    commands = {path.stem for path in (ROOT / "apps").glob("*/**/management/commands/[a-z]*.py")}
    tools = set(re.findall(r'(?:commands|group)\.(?:add|group)\(\s*"([a-z-]+)"', _sdk_text()))
    return {re.sub(r"[-_]", " ", name) for name in routes | commands | tools if re.fullmatch(r"[a-z][a-z_-]+", name)}


def _routes(patterns: list[Any]) -> list[Any]:
    found = []
    for route in patterns:
        found += [route, *_routes(getattr(route, "url_patterns", []))]
    return found


def _sdk_text() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "sdk" / "src").rglob("*.py"))


def _there_already(clause: str) -> set[str]:
    """What the clause puts off although it is there."""
    return {name for name in _features() if re.search(rf"(?<![\w-]){name}(?![\w-])", clause.lower())}


def test_documents_link_to_what_exists() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in DOCUMENTS
        for link in LINK.findall(document.read_text())
        if not link.startswith("http") and not _exists(document, link)
    ]

    assert broken == []


def test_documents_link_to_pages_that_are_served() -> None:
    links = {link for document in DOCUMENTS for link in LINK.findall(document.read_text())}
    pages = {link.removeprefix(HERE) for link in links if link.startswith(HERE)}

    assert pages
    assert sorted(page for page in pages if not _is_served(urlsplit(page).path)) == []


def test_a_broken_link_is_noticed() -> None:
    assert _exists(STANDARD, "threat-model.md#assets")
    assert not _exists(STANDARD, "threat-model.md#no-such-heading")
    assert not _exists(STANDARD, "no-such-page.md")


def test_every_make_target_named_exists() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"(?:`|^ {4})make ([a-z]+)", document.read_text(), re.MULTILINE)
    }

    assert {"run", "test"} <= named <= set(phony[1].split())


def test_the_two_commands_come_first() -> None:
    commands = re.findall(r"^ {4}(make \w+)", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert commands[:2] == ["make run", "make test"]


def test_every_address_named_is_served() -> None:
    lost = [
        f"{document.relative_to(ROOT)}: {address}"
        for document in DOCUMENTS
        for address in re.findall(r"`(?:[A-Z]+ )?(/[a-z][^`\s]*)`", document.read_text())
        if address != "/api/v1/" and not _is_served(_filled(address))
    ]

    assert lost == []


def test_an_address_that_is_not_served_is_noticed() -> None:
    assert not _is_served("/no-such-page/")
    assert not _is_served("/api/v1/no-such-endpoint/")
    assert "POST" not in _methods("/api/v1/positions/")


def test_every_file_named_exists() -> None:
    lost = [
        f"{document.relative_to(ROOT)}: {path}"
        for document in DOCUMENTS
        for path in re.findall(r"`((?:tests|apps|sdk|deploy|docs|examples)/[^`\s<]+)`", document.read_text())
        if not (ROOT / path).exists()
    ]

    assert lost == []


def test_documents_name_no_machine_and_no_other_host() -> None:
    found = {
        str(document.relative_to(ROOT)): match[0]
        for document in DOCUMENTS
        if (match := NOT_OURS.search(document.read_text()))
    }

    assert found == {}


def test_every_requirement_has_exactly_one_row() -> None:
    wanted = [f"{section}.{row}" for section, count in ROWS_BY_SECTION.items() for row in range(1, count + 1)]

    assert [row["id"] for row in _rows_of(STANDARD)] == wanted


def test_every_row_has_a_status() -> None:
    assert {row["status"] for row in _rows_of(STANDARD)} <= STATUSES


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in _rows_of(STANDARD)])
def test_a_row_shows_what_it_claims(row: dict[str, str]) -> None:
    shown = {name: row[name] for name in ("screen", "endpoint", "test")}
    if row["status"] == "later":
        assert set(shown.values()) == {"—"}
        return
    method, _, path = _plain(row["endpoint"]).partition(" ")

    assert _is_served(_filled(_plain(row["screen"])))
    assert method in _methods(_filled(path))
    assert re.findall(r"`tests/\S+\.py`", row["test"])


def test_every_decision_is_recorded_in_short() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(path.name[:4]) for path in decisions]

    assert numbers == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]} ")
        assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequence"]


def test_the_glossary_defines_every_word_once() -> None:
    words = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)

    assert len(words) == len(set(words))


@pytest.mark.parametrize("document", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in DOCUMENTS])
def test_nothing_that_is_there_is_called_later(document: Path) -> None:
    claims = _later_claims(document.read_text())

    assert {clause: there for clause in claims if (there := _there_already(clause))} == {}


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("`ETag`, outbound webhooks and\ninbound signals come on a later floor.", "signals"),
        ("Use the venue's own desk. The offline cancel tool comes\non a later floor.", "offline"),
        ("| 10.9 | flat or carry; exit plans are later | thin path |", "exit plans"),
    ],
)
def test_what_is_called_later_and_is_there_is_noticed(text: str, there: str) -> None:
    (clause,) = _later_claims(text)

    assert there in _there_already(clause)
    assert _there_already("Sealing comes on a later floor") == set()
