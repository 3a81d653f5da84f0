"""How figures, times, modes and states are written, everywhere alike."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django import template
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.common.clocks import wall_now
from apps.common.decimals import PLAIN, text_of
from apps.console import wording
from apps.markets.models import Instrument

register = template.Library()
MINUS, DASH = "−", "—"


def grouped(value: Decimal) -> str:
    """Plain digits with thousands separators and a real minus sign."""
    return f"{value:,f}".replace("-", MINUS)


def rounded(value: Decimal, places: int = 2) -> Decimal:
    """For display only: the exact figure stays in the title."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


@register.filter
def qty(value: Decimal | None) -> str:
    """A quantity or price, exact."""
    return DASH if value is None else grouped(Decimal(text_of(value)))


@register.filter
def figure(value: Any) -> str:
    """A measured figure to four places; anything else as it is."""
    text = str(value)
    if isinstance(value, bool) or not PLAIN.fullmatch(text):
        return compact(value)
    return qty(rounded(Decimal(text), 4)) if "." in text else grouped(Decimal(text))


@register.simple_tag
def money(value: Decimal | None, unit: str = "", signed: bool = False) -> SafeString | str:
    """An amount to two places with its unit; the exact one in the title; `signed` shows + and −."""
    if value is None:
        return DASH
    shown = rounded(value)
    sign = "+" if signed and shown > 0 else ""
    tone = ("qd-plus" if shown > 0 else "qd-minus" if shown < 0 else "") if signed else ""
    exact = f"{qty(value)} {unit}".strip()
    tail = format_html(' <span class="qd-unit">{}</span>', unit) if unit else ""
    text = format_html('<span class="{}" title="{}">{}{}</span>{}', tone, exact, sign, grouped(shown), tail)
    return format_html('<span class="qd-nowrap">{}</span>', text)


@register.simple_tag
def price(value: Decimal | None, instrument: Instrument) -> SafeString | str:
    """A price to the instrument's tick, in its quote currency; the exact one in the title."""
    if value is None:
        return DASH
    places = max(2, len(text_of(instrument.tick_size).partition(".")[2]))
    shown = grouped(rounded(value, places))
    unit = instrument.quote_currency
    return format_html(
        '<span class="qd-nowrap" title="{}">{} <span class="qd-unit">{}</span></span>', qty(value), shown, unit
    )


@register.filter
def percent(value: Decimal | None) -> str:
    """A change in percent with its sign."""
    return DASH if value is None else f"{'+' if value > 0 else ''}{qty(value)} %"


@register.filter
def hundredfold(value: Decimal) -> str:
    """A fraction as percent, to two places."""
    return grouped(rounded(value * 100))


@register.filter
def when(value: datetime | None, kind: str = "") -> SafeString | str:
    """A moment in UTC, short; the full one in the title. `market` marks market time."""
    if value is None:
        return DASH
    note = " (market time)" if kind == "market" else ""
    full = f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d} UTC{note}"
    is_near = kind != "market" and abs((wall_now() - value).days) < 1
    short = f"{value:%H:%M:%S}" if is_near else f"{value:%Y-%m-%d %H:%M}"
    return format_html('<time class="qd-nowrap" datetime="{}" title="{}">{}</time>', value.isoformat(), full, short)


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """How long ago, or in how long; the moment in the title."""
    if value is None:
        return DASH
    seconds = int((wall_now() - value).total_seconds())
    text = f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"
    return format_html(
        '<time class="qd-nowrap" datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        f"{value:%Y-%m-%d %H:%M:%S} UTC",
        text,
    )


def span(seconds: int) -> str:
    """A duration in its largest unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@register.filter
def short(value: Any) -> SafeString:
    """A digest or id by its first eight characters; all of it in the title."""
    text = str(value or "")
    return format_html('<code title="{}">{}</code>', text, f"{text[:8]}…" if len(text) > 9 else text or DASH)


@register.simple_tag
def mode(value: str) -> SafeString:
    """The mode badge: LIVE is striped, PAPER is plain blue."""
    return format_html('<span class="qd-mode qd-mode-{}">{}</span>', value or "none", (value or "none").upper())


@register.filter
def state(value: Any) -> SafeString:
    """Any state as a badge: a glyph, the word, and a colour that only helps."""
    look = wording.look_of(str(value))
    return format_html('<span class="qd-state {}">{} {}</span>', look.tone, look.glyph, wording.words(value))


@register.filter
def words(value: Any) -> str:
    """A stored name in words: `simulated_execution` reads simulated execution."""
    return wording.words(value)


@register.filter
def explained(code: str) -> str:
    """What a code means for the person who reads it."""
    return wording.explain(code)


@register.filter
def named(actor: str, names: dict[str, str]) -> str:
    """Who an actor is, as far as it can be told."""
    return names.get(actor, actor)


@register.filter
def item(mapping: dict[Any, Any], key: Any) -> Any:
    """The value under a key that is not an attribute."""
    return mapping.get(key)


@register.filter
def compact(value: Any) -> str:
    """A JSON value on one line."""
    if isinstance(value, str):
        return value
    return DASH if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


@register.simple_tag(takes_context=True)
def one_of(context: template.Context, people: Sequence[Any]) -> str:
    """Names as alternatives: `Alice, Bob or you`; the reader comes last."""
    reader = context["request"].user
    others = [str(person) for person in people if person != reader]
    names = others + ["you"] * (len(others) < len(people))
    return " or ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


@register.filter
def listed(signals: list[dict[str, Any]]) -> str:
    """A cycle's signals as `name value` pairs."""
    return ", ".join(f"{signal.get('name')} {figure(signal.get('value'))}" for signal in signals)


@register.inclusion_tag("components/_sparkline.html")
def sparkline(values: list[Decimal], label: str) -> dict[str, Any]:
    """A small line of values, oldest first; rising and falling differ by text, too."""
    if len(values) < 2:
        return {"points": ""}
    low, high = min(values), max(values)
    height = (high - low) or Decimal(1)
    step = Decimal(96) / (len(values) - 1)
    points = [f"{float(step * n):.1f},{float(22 - 20 * (value - low) / height):.1f}" for n, value in enumerate(values)]
    change = values[-1] - values[0]
    return {
        "points": " ".join(points),
        "tone": "minus" if change < 0 else "plus",
        "label": f"{label}: {_moved(change)} over {len(values)} bars",
    }


def _moved(change: Decimal) -> str:
    return f"{'down' if change < 0 else 'up'} {grouped(rounded(abs(change)))}"


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The page's own address with other filters; an empty one is dropped."""
    values: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if value not in ("", None):
            values[name] = str(value)
    return f"?{values.urlencode()}"


@register.filter
def pretty(value: Any) -> str:
    """A JSON value, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
