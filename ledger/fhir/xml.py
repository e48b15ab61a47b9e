"""FHIR's XML form as its JSON form: bytes in, a value out.

Invariants: a document type, an entity or anything fetched from elsewhere is refused before it is looked at; which
elements are lists follows FHIR's cardinalities, not how often one happens to stand there. Comments are not data.

Source: https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/json.html#xml
"""

from typing import Any, Final
from xml.etree.ElementTree import Element as Xml
from xml.etree.ElementTree import ParseError, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ledger.errors import InvalidInput

_FHIR: Final = "{http://hl7.org/fhir}"
_XHTML: Final = "{http://www.w3.org/1999/xhtml}"
DEEPEST: Final = 100
_EVERYWHERE: Final = frozenset({"extension", "modifierExtension", "contained"})
_CONCEPT: Final = frozenset({"coding"})
_PROVISION: Final = frozenset(
    {
        "actor", "action", "securityLabel", "purpose", "class", "code", "data", "provision", "documentType",
        "resourceType",
    }
)  # fmt: skip
# For each element that has lists, which of its children are lists.
_LISTS: Final[dict[str, frozenset[str]]] = {
    "Consent": frozenset(
        {
            "identifier", "category", "performer", "organization", "policy", "verification", "grantor", "grantee",
            "manager", "controller", "regulatoryBasis",
        }
    ),
    "Bundle": frozenset({"link", "entry"}),
    "meta": frozenset({"profile", "security", "tag"}),
    "provision": _PROVISION,
    "verification": frozenset({"verificationDate"}),
    **dict.fromkeys(("scope", "category", "policyRule", "role", "action", "code", "type", "regulatoryBasis"), _CONCEPT),
}  # fmt: skip
_R5_LISTS: Final = frozenset({"provision", "sourceAttachment", "sourceReference"})
_R5_ONLY: Final = frozenset({"decision", "subject", "grantor", "controller"})
_BOOLEANS: Final = frozenset({"verified", "userSelected", "valueBoolean"})
_INTEGERS: Final = frozenset({"size", "valueInteger", "valuePositiveInt", "valueUnsignedInt", "total"})


def from_xml(data: bytes) -> dict[str, Any]:
    """The JSON value of a resource in XML.

    Raises:
        InvalidInput: It is not XML, not FHIR's, has a document type, or is nested too deep.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as problem:
        raise InvalidInput("an XML document with a DOCTYPE or entities is not read; send it without") from problem
    except (ParseError, ValueError, LookupError) as problem:
        raise InvalidInput(f"not XML: {problem}") from problem
    if not root.tag.startswith(_FHIR):
        raise InvalidInput("the XML document is not in FHIR's namespace, http://hl7.org/fhir")
    return _resource(root, 0)


def _resource(node: Xml, depth: int) -> dict[str, Any]:
    name = _name(node)
    r5 = bool(_R5_ONLY & {_name(child) for child in node})
    lists = _LISTS.get(name, frozenset()) | (_R5_LISTS if r5 else frozenset())
    return {"resourceType": name, **_object(node, lists, depth)}


def _object(node: Xml, lists: frozenset[str], depth: int) -> dict[str, Any]:
    """The JSON object of an element; a child with a value attribute is a primitive."""
    if depth > DEEPEST:
        raise InvalidInput(f"the XML document is nested deeper than {DEEPEST}")
    made: dict[str, Any] = {key: value for key, value in node.attrib.items() if key in {"id", "url"}}
    groups: dict[str, list[Xml]] = {}
    for child in node:
        if child.tag == f"{_XHTML}div":
            made["div"] = tostring(child, encoding="unicode", default_namespace=_XHTML.strip("{}")).strip()
            continue
        groups.setdefault(_name(child), []).append(child)
    for name, children in groups.items():
        many = name in lists or name in _EVERYWHERE or len(children) > 1
        values = [_value(child, name, depth) for child in children]
        extra = [_object(child, frozenset(), depth + 1) if "value" in child.attrib else {} for child in children]
        made[name] = values if many else values[0]
        if any(extra):
            made["_" + name] = [one or None for one in extra] if many else extra[0]
    return made


def _value(node: Xml, name: str, depth: int) -> Any:
    text = node.attrib.get("value")
    if text is None:
        if name in {"contained", "resource"} and len(node) == 1:
            return _resource(node[0], depth + 1)
        return _object(node, _LISTS.get(name, frozenset()), depth + 1)
    if name in _BOOLEANS and text in {"true", "false"}:
        return text == "true"
    if name in _INTEGERS and text.lstrip("-").isdecimal() and text.isascii():
        return int(text)
    return text


def _name(node: Xml) -> str:
    if not isinstance(node.tag, str) or not node.tag.startswith(_FHIR):
        raise InvalidInput(f"{node.tag!s} is not an element of FHIR")
    return node.tag.removeprefix(_FHIR)
