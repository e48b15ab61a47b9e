"""The plain words that every bundle starts with."""

from ledger.domain.identifiers import to_hex
from ledger.services.export import Export

_TEXT = """\
Audit bundle of {institution}

This file holds the audit log of one institution: who asked to use patients' data, what for, what the answer was, and
what was computed. It also holds the proofs that nothing in the log was changed afterwards.

To check it you need this file, the program "consentry", and one number from somebody you trust: the hash of block
{number} of the chain with id {chain}. Ask a member of the consortium, or a node that you run. Then type

    consentry verify BUNDLE --block HASH

No network and no database is used, and you do not have to trust whoever gave you this file. For each claim the answer
is pass, fail or could not check, with what it proves and what it does not. This file says that the hash is
{hash}
but do not take it from here: a forged bundle would bring its own.

What is in it
  entries.ndjson      {size} entries, one a line, with the fingerprint of each
  checkpoints.ndjson  signed statements of how long the log was, and its fingerprint
  anchors.ndjson      the fingerprints that were written to the chain
  consistency.ndjson  proofs that each of them continues the one before
  decisions.ndjson    every decision on a request to use data, as it was signed
  {members}
  consents.ndjson     the consents, withdrawals and registrations that the decisions rest on
  headers.ndjson      the headers of the chain's blocks, up to the one you trust
  receipts.ndjson     what the contracts recorded in them, with proofs
  keys.json           public keys, as the institution states them; compare them with a copy from elsewhere
  manifest.json       the list of all files with their fingerprints
  manifest.jws        its signature

No names, birth dates or health records are in it. Patients appear, if at all, under random numbers; a consent that is
limited to some diseases names them.
"""
_WITH = "members.ndjson      the patients considered, under random numbers, and what was decided on each"
_WITHOUT = "(members.ndjson was left out: this copy does not show which patients were considered)"


def readme(export: Export) -> bytes:
    """The text for one bundle, UTF-8."""
    return _TEXT.format(
        institution="".join(char if char.isprintable() else "?" for char in export.institution),
        number=export.block.number,
        hash=to_hex(export.block.hash),
        chain=export.ports.reader.chain_id,
        size=export.size,
        members=_WITH if export.with_members else _WITHOUT,
    ).encode()
