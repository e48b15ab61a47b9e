"""Pages: colours that can be read, words without machinery, and nothing from outside."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.pages.rendering import day, iso, moment, short
from api.pages.words import WHY_BLOCKED, sentence
from ledger.domain.audit import Kind
from ledger.domain.decision import Reason
from ledger.domain.vocabulary import (
    CATEGORY_TERMS,
    CONDITION_TERMS,
    FOREVER,
    OPERATION_TERMS,
    PURPOSE_TERMS,
    USE_TERMS,
)

FRONTEND = Path(__file__).parents[3] / "frontend"
CSS = (FRONTEND / "dist" / "consentry.css").read_text()
TEMPLATES = sorted((FRONTEND / "templates").glob("*.html"))
MACHINERY = re.compile(r"\b(hash|gas|wallet|block|blockchain|chain|node|signature|leaf|root)\b", re.IGNORECASE)

TEXT_ON_GROUND = [
    ("ink", "paper"),
    ("ink", "card"),
    ("soft", "paper"),
    ("soft", "card"),
    ("link", "paper"),
    ("link", "card"),
    ("on-brand", "brand"),
    ("yes", "yes-back"),
    ("no", "no-back"),
    ("info", "info-back"),
    ("off", "off-back"),
]


MODULE = '<script type="module" src="/static/passkeys.js"></script>'
PARTS = {"proof.html", "ceremony.html"}


def schemes():
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)) for part in CSS.split("@media")[:2])
    return {"light": light, "dark": light | dark}


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    """WCAG 2.2's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
def test_text_stands_out_from_its_ground(scheme, text, ground):
    colours = schemes()[scheme]
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_ring_stands_out(scheme):
    colours = schemes()[scheme]
    for ground in ("paper", "card"):
        assert max(contrast(colours[ring], colours[ground]) for ring in ("focus", "ink")) >= 3


def test_the_measure_of_contrast_is_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("path", [*TEMPLATES, FRONTEND / "dist" / "consentry.css"], ids=lambda path: path.name)
def test_nothing_comes_from_outside_and_nothing_runs_but_the_passkeys_module(path):
    text = path.read_text().replace(MODULE, "")
    assert not re.search(r"https?://|//[a-z]|@import|url\(", text.replace("http://www.w3.org/2000/svg", ""))
    assert not re.search(r"<script|javascript:|\son\w+=|\sstyle=|\|\s*safe\b", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_pages_have_their_landmarks_from_the_base(path):
    text = path.read_text()
    if path.name == "base.html":
        for part in (
            '<html lang="en">',
            "<title>",
            'class="skip" href="#main"',
            "<header",
            '<main id="main"',
            "<footer",
        ):
            assert part in text
    elif path.name not in PARTS:
        assert '{% extends "base.html" %}' in text
        assert text.count("<h1>") == 1


def test_patients_read_nothing_of_the_machinery():
    shown = re.sub(r"{%.*?%}|{{.*?}}|<[^>]+>", " ", (FRONTEND / "templates" / "me.html").read_text())
    shown = shown.replace("was blocked", "")  # what happened to a try, not a part of a chain
    tables = (PURPOSE_TERMS, USE_TERMS, CONDITION_TERMS, CATEGORY_TERMS, OPERATION_TERMS)
    words = [shown, *WHY_BLOCKED.values(), *(term.words for table in tables for term in table)]
    assert [found.group() for text in words for found in MACHINERY.finditer(text)] == []


def test_every_reason_for_a_refusal_that_a_patient_can_meet_has_words():
    never = {Reason.PERMITTED, Reason.UNKNOWN_CODE, Reason.STUDY_UNKNOWN, Reason.ENGINE_UNKNOWN, Reason.SUBJECT_UNKNOWN}
    assert set(WHY_BLOCKED) == set(Reason) - never


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_entry_has_a_sentence(kind):
    document = {"kind": kind.value, "actor": "engine:0x07", "engine": "0x07", "study": "0x08", "facts": {}}
    words = sentence(document, {"0x07": "OpenDP", "0x08": "Lungs"})
    assert words.startswith("OpenDP ")
    assert "“Lungs”" in words
    assert words.endswith(".")
    assert "wrote an entry" not in words


def test_a_decision_is_told_with_its_counts():
    facts = {"permitted": 2, "considered": 3, "outcome": "permit"}
    document = {"kind": "decision", "actor": "engine:0x07", "engine": "0x07", "study": "", "facts": facts}
    assert sentence(document, {}) == "The service asked and may go on: 2 of 3 patients allow it."


def test_times_are_told_in_utc():
    seconds = int(datetime(2026, 11, 4, 4, 6, 7, tzinfo=UTC).timestamp())
    assert day(seconds) == "4 November 2026"
    assert moment(seconds) == "4 November 2026, 04:06 UTC"
    assert iso(seconds) == "2026-11-04T04:06:07Z"
    assert iso(FOREVER) == ""
    assert short("0x" + "ab" * 32) == "0xabababab…"
