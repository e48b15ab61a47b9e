"""The peer of the mirror's backfill: consents by web3.py's ``get_logs``, a thousand a commit through the ORM."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlmodel import Field, Session, SQLModel
from web3 import HTTPProvider, Web3

from ledger.chain import artifacts
from ledger.chain.opening import Chain

ORM_ROWS = 1_000


class ConsentRecord(SQLModel, table=True):
    """What the peer keeps of a consent."""

    number: int | None = Field(default=None, primary_key=True)
    block: int
    log_index: int
    subject: bytes = Field(index=True)
    consent: bytes
    version: int
    purposes: int
    operations: int
    categories: int
    valid_until: int


class Web3Orm:
    """Reads consents into a SQLite database of its own.

    Args:
        url: The node.
        chain: Says where the contract is.
        folder: For the database.
    """

    def __init__(self, url: str, chain: Chain, folder: Path) -> None:
        self._contract = Web3(HTTPProvider(url)).eth.contract(
            address=Web3.to_checksum_address(chain.deployment.contracts["ConsentRegistry"]),
            abi=artifacts.load("ConsentRegistry").abi,
        )
        self._engine = create_engine(f"sqlite:///{folder / 'orm.sqlite'}")
        SQLModel.metadata.create_all(self._engine, tables=[SQLModel.metadata.tables["consentrecord"]])

    def take(self, first: int, last: int) -> int:
        """Take in the consents of an inclusive range of blocks; returns how many they are."""
        found = 0
        with Session(self._engine) as session:
            for event in self._contract.events.ConsentRecorded().get_logs(from_block=first, to_block=last):
                session.add(_record(event))
                found += 1
                if found % ORM_ROWS == 0:
                    session.commit()
            session.commit()
        return found

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()


@contextmanager
def web3_orm(url: str, chain: Chain, folder: Path) -> Iterator[Web3Orm]:
    """The peer, closed at the end."""
    peer = Web3Orm(url, chain, folder)
    try:
        yield peer
    finally:
        peer.close()


def _record(event: Any) -> ConsentRecord:
    given = event["args"]
    rights = given["rights"]  # types/ConsentWords.sol
    return ConsentRecord(
        block=event["blockNumber"],
        log_index=event["logIndex"],
        subject=given["subject"],
        consent=given["id"],
        version=rights >> 176 & 0xFF_FFFF,
        purposes=rights >> 16 & 0xFFFF,
        operations=rights >> 48 & 0xFFFF,
        categories=rights >> 64 & 0xFFFF_FFFF,
        valid_until=rights >> 200 & 0xFF_FFFF_FFFF,
    )
