"""PROV-JSON, read back by the ``prov`` library."""

import json
from datetime import UTC, datetime

from prov.model import ProvDocument

from ledger.export.parts import date_time
from ledger.export.prov_json import to_prov_json
from ledger.provenance.document import Document, Link, Node, Thing

LOG = "0x" + "0a" * 32


def document():
    made = Document()
    made.add(Node("consents/0x01", Thing.ENTITY, "ConsentState", "consents as of block 7", {"block": 7}))
    made.add(Node("decision/0x02", Thing.ACTIVITY, "Decision", "", {"outcome": "permit", "entry": 0}, 100, 100))
    made.add(
        Node("cohort/0x02", Thing.ENTITY, "Cohort", 'with "quotes", \N{GREEK SMALL LETTER ALPHA}', {"sealed": True})
    )
    made.add(Node("service", Thing.AGENT, "prov:SoftwareAgent", "Consentry"))
    made.add(Node("institution/0x03", Thing.AGENT, "prov:Organization"))
    made.add(Node("computation/aa", Thing.ACTIVITY, "Computation", start=110))
    made.relate(Link.USED, "decision/0x02", "consents/0x01", time=100)
    made.relate(Link.GENERATED, "cohort/0x02", "decision/0x02", time=100)
    made.relate(Link.ASSOCIATED, "decision/0x02", "service", role="decider")
    made.relate(Link.DELEGATED, "service", "institution/0x03")
    made.relate(Link.INFORMED, "computation/aa", "decision/0x02")
    made.relate(Link.ATTRIBUTED, "cohort/0x02", "service")
    made.relate(Link.DERIVED, "cohort/0x02", "consents/0x01")
    return made


def prov_json():
    return json.loads(b"".join(to_prov_json([document()], LOG)))


def test_the_library_reads_it_and_writes_the_same_again():
    text = json.dumps(prov_json())
    read = ProvDocument.deserialize(content=text, format="json")
    again = ProvDocument.deserialize(content=read.serialize(format="json"), format="json")
    assert read == again
    assert len(read.get_records()) == len(document().nodes) + len(document().relations)


def test_nothing_is_lost_on_the_way():
    read = ProvDocument.deserialize(content=json.dumps(prov_json()), format="json")
    records = {str(record.identifier): record for record in read.get_records() if record.is_element()}
    assert set(records) == {f"log:{name}" for name in document().nodes}
    decision = records["log:decision/0x02"]
    assert decision.get_startTime() == datetime(1970, 1, 1, 0, 1, 40, tzinfo=UTC)
    assert str(next(iter(decision.get_asserted_types()))) == "consentry:Decision"
    facts = {str(name): value for name, value in decision.extra_attributes}
    assert facts["consentry:outcome"] == "permit"
    assert int(str(getattr(facts["consentry:entry"], "value", facts["consentry:entry"]))) == 0


def test_identifiers_are_unique_to_the_log():
    written = prov_json()
    assert written["prefix"]["log"] == f"urn:consentry:log:{LOG}:"
    read = ProvDocument.deserialize(content=json.dumps(written), format="json")
    assert {
        record.identifier.uri.startswith(f"urn:consentry:log:{LOG}:")
        for record in read.get_records()
        if record.is_element()
    } == {True}


def test_every_relation_has_both_ends():
    written = prov_json()
    for link in Link:
        for relation in written[link.value].values():
            assert len([name for name in relation if name not in ("prov:time", "prov:role")]) == 2


def test_times_are_xsd_date_times_in_utc():
    assert date_time(0) == "1970-01-01T00:00:00+00:00"
    assert date_time(1_700_000_000) == "2023-11-14T22:13:20+00:00"
