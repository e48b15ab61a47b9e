"""The strongest attacker on a bundle, short of breaking the chain.

``forge`` changes files, rewrites the manifest, and signs it with a key of its own that it puts into the bundle. Only
the chain is out of its reach.
"""

import io
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain.identifiers import to_hex
from ledger.export.archive import ArchiveWriter
from ledger.provenance import bundle as form
from ledger.transparency import canonical
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.jws import sign_jws
from ledger.transparency.keys import KeySet, SigningKey
from ledger.verify.archive import Archive


def unpack(data):
    archive = Archive(io.BytesIO(data))
    return {name: archive.content(name) for name in archive.members}


def pack(files):
    out = io.BytesIO()
    archive = ArchiveWriter(out)
    for name, content in files.items():
        archive.add(name, [content])
    archive.finish()
    return out.getvalue()


def forge(data, *, manifest=None, **changes):
    """The bundle with files changed by functions on their lines, its manifest rewritten and signed by the forger."""
    files = unpack(data)
    key = SigningKey(Ed25519PrivateKey.generate())
    keys = canonical.decode_object(files[form.KEYS][:-1])
    keys["jwks"]["keys"] += KeySet([key.public]).jwks["keys"]
    files[form.KEYS] = canonical.encode(keys) + b"\n"
    for name, change in changes.items():
        path = f"{name}.ndjson"
        files[path] = b"".join(line + b"\n" for line in change(files[path].split(b"\n")[:-1]))
    stated = canonical.decode_object(files[form.MANIFEST][:-1])
    stated["files"] = [
        {"name": name, "sha256": to_hex(sha256(files[name]).digest()), "size": len(files[name])}
        for name in files
        if name not in (form.MANIFEST, form.SIGNATURE)
    ]
    stated |= manifest or {}
    files[form.MANIFEST] = canonical.encode(stated) + b"\n"
    payload = {"manifest": to_hex(sha256(files[form.MANIFEST]).digest())}
    files[form.SIGNATURE] = sign_jws(payload, key, form.MANIFEST_TYPE).encode() + b"\n"
    return pack(files)


def rewritten(number, change):
    """A change of one line's document."""

    def apply(lines):
        place = number % len(lines)
        document = canonical.decode_object(lines[place])
        change(document)
        return [*lines[:place], canonical.encode(document), *lines[place + 1 :]]

    return apply


def without(number):
    return lambda lines: [line for place, line in enumerate(lines) if place != number % len(lines)]


def entry_changed(number, *, with_leaf):
    def change(line):
        line["document"]["time"] += 1
        if with_leaf:
            line["leaf"] = to_hex(leaf_hash(canonical.encode(line["document"])))

    return rewritten(number, change)


def over_register(change=None):
    """The first decision of an exhibit, four rows of five patients, says that it was committed over a register."""

    def say(line):
        document = line["document"]
        said = {"block": dict(document["block"]), "rows": 5, "considered": 4, "leaves": 1, "root": "0x" + "11" * 32}
        if change is not None:
            change(said)
        document["facts"]["register"] = said

    return {"entries": rewritten(0, say)}


FORGERIES = {
    "an entry changed": ({"entries": entry_changed(4, with_leaf=False)}, "tree", "entry 4"),
    "an entry changed with its leaf": ({"entries": entry_changed(4, with_leaf=True)}, "tree", "entries 3 to 6"),
    "an access changed with its leaf": ({"entries": entry_changed(6, with_leaf=True)}, "accesses", "entry 6"),
    "an entry changed under a checkpoint": ({"entries": entry_changed(0, with_leaf=True)}, "checkpoints", "line 1"),
    "a decision's entry changed": (
        {"entries": rewritten(0, lambda line: line["document"]["facts"].update(outcome="deny"))},
        "decisions",
        "does not say the same",
    ),
    "an entry removed": ({"entries": without(2)}, "tree", "entry 2"),
    "the last entry removed": ({"entries": without(-1), "manifest": {"entries": 6}}, "tree", "7 entries were anchored"),
    "two entries swapped": ({"entries": lambda lines: [lines[1], lines[0], *lines[2:]]}, "tree", "entry 0"),
    "an anchor removed": ({"anchors": without(0)}, "anchors", "line 1"),
    "an anchor added": ({"anchors": lambda lines: [*lines, lines[-1]]}, "anchors", "line 3"),
    "an anchored root changed": (
        {"anchors": rewritten(1, lambda line: line.update(root="0x" + "00" * 32))},
        "anchors",
        "line 2",
    ),
    "a header removed": ({"headers": without(5)}, "headers", "is not the child"),
    "the first header removed": ({"headers": without(0)}, "receipts", "not among the headers"),
    "the last header removed": ({"headers": without(-1)}, "headers", "the last header"),
    "receipts of the wrong block": (
        {"receipts": rewritten(0, lambda line: line.update(block=line["block"] + 1))},
        "receipts",
        "block",
    ),
    "a consistency proof changed": (
        {"consistency": rewritten(0, lambda line: line["proof"].reverse())},
        "consistency",
        "line 1",
    ),
    "a consistency proof removed": ({"consistency": without(0)}, "consistency", "not one proof"),
    "a checkpoint removed": ({"checkpoints": without(-1)}, "checkpoints", "none covers"),
    "a checkpoint twice": ({"checkpoints": lambda lines: [*lines, lines[-1]]}, "checkpoints", "not in the order"),
    "two checkpoints swapped": (
        {"checkpoints": lambda lines: [lines[1], lines[0], *lines[2:]]},
        "checkpoints",
        "not in the order",
    ),
    "a consent kept out of the listing": ({"consents": without(-1)}, "history", "missing"),
    "a consent listed twice": ({"consents": lambda lines: [*lines, lines[-1]]}, "history", "no receipt proves it"),
    "a consent worded differently": (
        {"consents": rewritten(-1, lambda line: line["fields"].update(version=2))},
        "history",
        "not what the receipts prove",
    ),
    "a decision removed": ({"decisions": without(0), "manifest": {"decisions": 2}}, "decisions", "entry 0"),
    "two decisions swapped": (
        {"decisions": lambda lines: [lines[1], lines[0], *lines[2:]]},
        "decisions",
        "out of the order",
    ),
    "two groups of rows swapped": (
        {"members": lambda lines: [*lines[4:], *lines[:4]]},
        "cohorts",
        "not in the order of the decisions",
    ),
    "fewer decisions than the manifest says": ({"decisions": without(0)}, "decisions", "the manifest says 3"),
    "another request shown": (
        {"decisions": rewritten(0, lambda line: line["request"].update(categories=["genomics"]))},
        "decisions",
        "another request",
    ),
    "a decision moved to another entry": (
        {"decisions": rewritten(0, lambda line: line.update(index=1))},
        "decisions",
        "entry",
    ),
    "a receipt of another decision": (
        {"decisions": rewritten(0, lambda line: line.update(decision="0x" + "77" * 32))},
        "decisions",
        "another decision",
    ),
    "a row with another outcome": (
        {
            "members": rewritten(
                0, lambda line: line.update(outcome="deny" if line["outcome"] == "permit" else "permit")
            )
        },
        "cohorts",
        "committed to",
    ),
    "a row with another reason": (
        {"members": rewritten(0, lambda line: line.update(reason="not_covered"))},
        "replay",
        "the chain says",
    ),
    "a row removed": ({"members": without(0)}, "cohorts", "committed to"),
    "a register of another number of rows": (
        over_register(lambda said: said.update(considered=9)),
        "cohorts",
        "another number of rows",
    ),
    "a register of no size": (over_register(lambda said: said.update(rows="5")), "cohorts", "no block, rows or leaves"),
    "a register of a later block": (
        over_register(lambda said: said["block"].update(number=said["block"]["number"] + 1)),
        "cohorts",
        "a block after the decision's",
    ),
    "a register of another chain": (
        over_register(lambda said: said["block"].update(hash="0x" + "01" * 32)),
        "cohorts",
        "another chain",
    ),
    "a register that is too small": (over_register(lambda said: said.update(rows=3)), "cohorts", "no place"),
    "a register without its pages": (over_register(lambda said: said.update(leaves=0)), "cohorts", "no place"),
    "a register beside which nobody came later": (
        over_register(lambda said: said.update(leaves=2)),
        "cohorts",
        "0 of its rows came after the register, which has leaves for 1",
    ),
    "a register of a block before its rows": (
        over_register(lambda said: said["block"].update(number=1)),
        "cohorts",
        "4 of its rows came after the register, which has leaves for 0",
    ),
    "an unknown reason": ({"members": rewritten(0, lambda line: line.update(reason="because"))}, "cohorts", "unknown"),
    "another institution's name": ({"manifest": {"institution": "Elsewhere"}}, "history", "name"),
    "another trusted block": (
        {"manifest": {"trusted": {"number": 3, "hash": "0x" + "01" * 32}}},
        "headers",
        "manifest",
    ),
    "another format": ({"manifest": {"format": "consentry.bundle/9"}}, "archive", "format"),
}
"""Of an exhibit's bundle: what is changed, the claim that fails, and a word of what it says."""
