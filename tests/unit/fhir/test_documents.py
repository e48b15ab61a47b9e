"""Files of resources: all of them come out, or the file is refused; XML brings nothing from elsewhere."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput, TooLarge
from ledger.fhir import documents, xml
from ledger.fhir.documents import json_of, resources_in
from ledger.fhir.read import read
from ledger.fhir.write import Release, write
from tests.unit.domain.cases import consent, deny
from tests.unit.fhir.cases import actor, concept, purpose, r4, r5

RESOURCE = r4({"type": "permit", "purpose": purpose("HRESCH")})
OTHER = r5("deny")


def data(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("file", "found"),
    [
        (data(RESOURCE), [("", RESOURCE)]),
        (b"\xef\xbb\xbf \n" + data(RESOURCE) + b"\n", [("", RESOURCE)]),
        (json.dumps(RESOURCE, indent=2).encode(), [("", RESOURCE)]),
        (data([RESOURCE, OTHER]), [("[0]", RESOURCE), ("[1]", OTHER)]),
        (data(RESOURCE) + b"\r\n\n" + data(OTHER), [("line 1", RESOURCE), ("line 3", OTHER)]),
        (data({"resourceType": "Bundle"}), []),
        (data({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}, {"resource": OTHER}]}),
         [("Bundle.entry[1].resource", OTHER)]),
        (data({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle", "entry": [
            {"resource": OTHER}]}}]}), [("Bundle.entry[0].resource Bundle.entry[0].resource", OTHER)]),
        (data({"resourceType": "Bundle", "entry": [{}, 7]}),
         [("Bundle.entry[0].resource", None), ("Bundle.entry[1].resource", None)]),
        (data({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Contract"}}]}),
         [("Bundle.entry[0].resource", {"resourceType": "Contract"})]),
        (data(7), [("", 7)]),
    ],
)  # fmt: skip
def test_what_stands_in_a_file(file, found):
    assert resources_in(file) == found


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"{",
        b"\xff",
        b"{}{}",
        b'{"a":1}\n{"a":}',
        b'{"type": "deny", "type": "permit"}',
        b'{"a": [{"b": 1, "b": 1}]}',
        b'{"a": NaN}',
        b'{"a": 1' + b"0" * 5000 + b"}",
        b"[" * 5000 + b"]" * 5000,
        b'{"resourceType": "Bundle", "entry": {}}',
        b"<",
        b"<a/>",
        b"<Consent/>",
        b"<?xml version='1.0' encoding='nonsense'?><Consent xmlns='http://hl7.org/fhir'/>",
    ],
    ids=lambda file: str(file[:30]),
)
def test_a_file_that_is_refused(file):
    with pytest.raises(InvalidInput):
        resources_in(file)


def test_a_file_that_is_too_large(monkeypatch):
    monkeypatch.setattr(documents, "MOST_RESOURCES", 1)
    with pytest.raises(TooLarge):
        resources_in(data([RESOURCE, RESOURCE]))
    monkeypatch.setattr(documents, "MOST_BYTES", 10)
    with pytest.raises(TooLarge):
        resources_in(data(RESOURCE))


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(file):
    with suppress(InvalidInput):
        resources_in(file)


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=10))  # fmt: skip
def test_json_is_read_as_it_is(value):
    assert json_of(json.dumps(value)) == value


# --- XML --------------------------------------------------------------------------------------------------------------


def written(value, name):
    """FHIR's XML of a JSON value, written by the shortest rule: a primitive is an attribute."""
    if isinstance(value, list):
        return "".join(written(one, name) for one in value)
    if isinstance(value, dict):
        inner = "".join(written(one, key) for key, one in value.items() if key != "url" and one != "Consent")
        link = f' url="{value["url"]}"' if "url" in value else ""
        return f"<{name}{link}>{inner}</{name}>"
    text = {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
    escaped = str(text).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<{name} value="{escaped}"/>'


def as_xml(resource):
    return written(resource, "Consent").replace("<Consent>", '<Consent xmlns="http://hl7.org/fhir">', 1).encode()


@pytest.mark.parametrize(
    "resource",
    [
        RESOURCE,
        OTHER,
        r4(
            {
                "type": "permit",
                "period": {"start": "2022"},
                "purpose": purpose("HRESCH", "TREAT"),
                "actor": [actor("Organization/1")],
                "action": [concept("urn:x", "use")],
                "class": [{"system": "urn:x", "code": "y"}],
                "securityLabel": [{"system": "urn:x", "code": "y"}],
                "data": [{"meaning": "instance", "reference": {"reference": "Observation/1"}}],
                "provision": [{"type": "deny", "code": [concept("urn:x", "y")], "provision": [{"type": "permit"}]}],
            },
            meta={"profile": ["urn:p"], "security": [{"system": "urn:x", "code": "y"}]},
            identifier=[{"system": "urn:x", "value": '<&"'}],
            organization=[{"reference": "Organization/1"}],
            policy=[{"uri": "urn:x"}],
            policyRule=concept("urn:x", "y"),
            verification=[{"verified": True}],
            extension=[{"url": "urn:x", "extension": [{"url": "a", "valueBoolean": False}]}],
        ),
        r5("deny", {"purpose": purpose("HRESCH"), "resourceType": [{"system": "urn:x", "code": "y"}]},
           sourceAttachment=[{"data": "YQ=="}], controller=[{"reference": "Organization/1"}]),
        *(write(one, release) for one in (consent(3, purposes=4, data_until=9), deny(4)) for release in Release),
    ],
    ids=str,
)  # fmt: skip
def test_xml_reads_as_the_json_that_it_stands_for(resource):
    ((_, value),) = resources_in(as_xml(resource))
    assert value == resource
    assert read(value) == read(resource)


def test_a_bundle_in_xml():
    inner = as_xml(RESOURCE).decode()
    bundle = f'<Bundle xmlns="http://hl7.org/fhir"><entry><resource>{inner}</resource></entry></Bundle>'
    assert resources_in(bundle.encode()) == [("Bundle.entry[0].resource", RESOURCE)]


FHIR = "xmlns='http://hl7.org/fhir'"


@pytest.mark.parametrize(
    "text",
    [
        f"<!DOCTYPE Consent><Consent {FHIR}/>",
        f"<!DOCTYPE Consent [<!ENTITY a 'b'>]><Consent {FHIR}><status value='&a;'/></Consent>",
        f"<!DOCTYPE Consent [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><Consent {FHIR}>&a;</Consent>",
        f"<Consent {FHIR}><status xmlns='urn:other' value='active'/></Consent>",
        f"<Consent {FHIR}>" + "<provision>" * 200 + "</provision>" * 200 + "</Consent>",
    ],
)
def test_xml_that_is_refused(text):
    with pytest.raises(InvalidInput):
        xml.from_xml(text.encode())


def test_what_xml_says_twice_is_not_one_value():
    ((_, value),) = resources_in(
        f"<Consent {FHIR}><status value='inactive'/><status value='active'/></Consent>".encode()
    )
    assert "Consent.status" in {issue.expression for issue in read(value).issues}


def test_extensions_of_primitives_and_narratives_are_kept():
    text = (
        f"<Consent {FHIR}><!-- no data --><text><status value='empty'/>"
        "<div xmlns='http://www.w3.org/1999/xhtml'>a <b>c</b></div></text>"
        "<status id='s' value='active'><extension url='urn:x'><valueBoolean value='true'/></extension></status>"
        "</Consent>"
    )
    ((_, value),) = resources_in(text.encode())
    assert value["_status"] == {"id": "s", "extension": [{"url": "urn:x", "valueBoolean": True}]}
    assert value["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">a <b>c</b></div>'
