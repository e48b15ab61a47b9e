"""The strict zip: one content has one file, and no byte of it can change unseen."""

import io
import zipfile
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NotFound, ProofInvalid, TooLarge
from ledger.export.archive import ArchiveWriter
from ledger.verify.archive import CHUNK, Archive, Member, directory, local_header

CONTENT = {"README.txt": b"words\n", "entries.ndjson": b'{"a":1}\n{"b":2}\n', "empty.txt": b""}


def write(content):
    out = io.BytesIO()
    archive = ArchiveWriter(out)
    for name, data in content.items():
        archive.add(name, [data[:3], data[3:]])
    archive.finish()
    return out.getvalue()


def test_it_reads_back_what_was_written():
    archive = Archive(io.BytesIO(write(CONTENT)))
    assert {name: archive.content(name) for name in archive.members} == CONTENT
    assert [line for _, line in archive.lines("entries.ndjson")] == [b'{"a":1}', b'{"b":2}']
    assert archive.members["entries.ndjson"].sha256 == sha256(CONTENT["entries.ndjson"]).digest()


def test_it_is_an_ordinary_zip_to_others():
    with zipfile.ZipFile(io.BytesIO(write(CONTENT))) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == CONTENT


def test_lines_can_be_read_from_an_offset_and_by_two_readers_in_turn():
    lines = [f'{{"n":{number}}}'.encode() * 500 for number in range(60)]
    archive = Archive(io.BytesIO(write({"entries.ndjson": b"".join(line + b"\n" for line in lines)})))
    offsets = [at for at, _ in archive.lines("entries.ndjson")]
    assert [line for _, line in archive.lines("entries.ndjson", offsets[30])] == lines[30:]
    both = zip(archive.lines("entries.ndjson"), archive.lines("entries.ndjson", offsets[1]), strict=False)
    assert all(later == lines[number + 1] for number, (_, (_, later)) in enumerate(both))


def test_a_line_longer_than_what_is_read_at_once_comes_whole():
    lines = [b"a" * 10, b"b" * (3 * CHUNK), b"", b"c" * CHUNK]
    archive = Archive(io.BytesIO(write({"entries.ndjson": b"".join(line + b"\n" for line in lines)})))
    assert [line for _, line in archive.lines("entries.ndjson")] == lines


def test_a_line_that_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr("ledger.verify.archive.MOST_LINE", 2 * CHUNK)
    archive = Archive(io.BytesIO(write({"entries.ndjson": b"a" * (3 * CHUNK) + b"\n"})))
    with pytest.raises(ProofInvalid, match="too long"):
        list(archive.lines("entries.ndjson"))


def test_a_bundle_that_a_zip_cannot_hold_is_not_written(monkeypatch):
    for most in (20, 200):
        monkeypatch.setattr("ledger.export.archive.MOST_BYTES", most)
        monkeypatch.setattr("ledger.verify.archive.MOST_BYTES", most)
        with pytest.raises(TooLarge):
            write({"entries.ndjson": b"x" * 100})


def test_a_missing_member_is_not_found():
    with pytest.raises(NotFound):
        Archive(io.BytesIO(write(CONTENT))).content("other.txt")


def test_a_last_line_without_its_newline_is_refused():
    archive = Archive(io.BytesIO(write({"entries.ndjson": b"a\nb"})))
    with pytest.raises(ProofInvalid, match=r"entries\.ndjson"):
        list(archive.lines("entries.ndjson"))


def test_every_single_flipped_bit_is_seen():
    data = write(CONTENT)
    for place in range(len(data)):
        for bit in range(8):
            bad = bytearray(data)
            bad[place] ^= 1 << bit
            with pytest.raises(ProofInvalid):
                Archive(io.BytesIO(bytes(bad)))


def test_every_cut_is_seen():
    data = write(CONTENT)
    for length in range(len(data)):
        with pytest.raises(ProofInvalid):
            Archive(io.BytesIO(data[:length]))


@given(st.binary(min_size=1, max_size=40), st.integers(0))
def test_bytes_added_anywhere_are_seen(extra, place):
    data = write(CONTENT)
    place %= len(data) + 1
    bad = data[:place] + extra + data[place:]
    try:
        archive = Archive(io.BytesIO(bad))
    except ProofInvalid:
        return
    raise AssertionError(f"{extra!r} at {place} was not seen: {list(archive.members)}")


@pytest.mark.parametrize(
    ("compression", "comment", "extra"),
    [
        (zipfile.ZIP_DEFLATED, b"", b""),
        (zipfile.ZIP_STORED, b"hidden", b""),
        (zipfile.ZIP_STORED, b"", b"\x99\x99\x02\x00hi"),
    ],
)
def test_zips_of_other_forms_are_refused(compression, comment, extra):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as other:
        info = zipfile.ZipInfo("README.txt", (1980, 1, 1, 0, 0, 0))
        info.extra = extra
        other.writestr(info, b"words\n", compress_type=compression)
        other.comment = comment
    with pytest.raises(ProofInvalid):
        Archive(io.BytesIO(out.getvalue()))


@pytest.mark.parametrize("name", ["../entries.ndjson", "a/b", "", "x" * 65, "nul\0"])
def test_names_that_could_leave_the_folder_are_refused(name):
    with pytest.raises(ProofInvalid):
        Archive(io.BytesIO(write({name: b"x\n"})))


def test_a_member_that_stands_twice_is_refused():
    body = local_header("a", 1, zlib.crc32(b"x")) + b"x"
    members = [
        Member("a", len(body) - 1, 1, zlib.crc32(b"x"), b""),
        Member("a", 2 * len(body) - 1, 1, zlib.crc32(b"x"), b""),
    ]
    with pytest.raises(ProofInvalid, match="twice"):
        Archive(io.BytesIO(body * 2 + directory(members)))
