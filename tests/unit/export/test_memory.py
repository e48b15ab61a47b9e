"""Exports hold little of a log in memory, however long it is."""

import io
import tracemalloc

import pytest

from ledger.export import table
from ledger.export.formats import Format, write_export
from ledger.export.source import Source
from tests.support.synthetic import LOG, SyntheticLog

SIZE = 1_500


class Sink(io.RawIOBase):
    """Takes everything, and keeps how much it was; a Parquet file and a zip know their places by it."""

    def __init__(self):
        self.at = 0

    def writable(self):
        return True

    def seekable(self):
        return True

    def write(self, data):
        self.at += len(data)
        return len(data)

    def seek(self, offset, _whence=0):
        self.at = offset
        return offset

    def tell(self):
        return self.at

    def writelines(self, lines):
        for line in lines:
            self.write(line)


def peak(kind, size):
    tracemalloc.start()
    try:
        write_export(Source(SyntheticLog(size).ports, LOG), kind, Sink())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "kind", [Format.NDJSON, Format.CSV, Format.FHIR_AUDIT, Format.FHIR_PROVENANCE, Format.RO_CRATE]
)
def test_a_longer_log_needs_no_more_memory(kind):
    peak(kind, 30)  # what is loaded once
    assert peak(kind, SIZE) < peak(kind, SIZE // 10) + 600_000, "a few buffers; the entries alone are twice that"


def test_of_a_parquet_file_one_group_of_rows_is_held(monkeypatch):
    pool = pytest.importorskip("pyarrow").default_memory_pool()
    monkeypatch.setattr(table, "GROUP", 100)
    peak(Format.PARQUET, 30)  # what is loaded once
    short, before = peak(Format.PARQUET, SIZE // 5), pool.max_memory()  # Arrow's own memory, which Python does not see
    assert peak(Format.PARQUET, SIZE) < short + 200_000, "a description of each group"
    assert pool.max_memory() < before + 200_000


def test_of_decisions_a_bundle_keeps_an_index_and_an_id():
    peak(Format.BUNDLE, 30)
    grown = peak(Format.BUNDLE, 4 * SIZE) - peak(Format.BUNDLE, SIZE)
    assert grown / (3 * SIZE) < 60, "bytes an entry, of which each third is a decision: a record alone is 2,000"


@pytest.mark.parametrize("kind", list(Format))
def test_progress_rises_to_the_end(kind):
    told = []
    source = Source(SyntheticLog(2_400).ports, LOG, progress=lambda done, total: told.append((done, total)))
    write_export(source, kind, Sink())
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert (told[0], told[-1]) == ((0, 2_400), (2_400, 2_400))
    assert len({done for done, _ in told}) > 3
    assert {total for _, total in told} == {2_400}


@pytest.mark.parametrize("kind", [Format.PROV_JSON, Format.PROV_JSONLD])
def test_of_provenance_what_may_be_built_on_is_kept_and_little_else(kind):
    peak(kind, 30)
    grown = peak(kind, SIZE) - peak(kind, SIZE // 10)
    assert grown / (SIZE * 0.9) < 250, "bytes an entry: a million entries stay under 250 MB"
