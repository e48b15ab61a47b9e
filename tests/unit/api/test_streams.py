"""Streams of ids: complete, of the declared length, in the order of the answer, and held back by a slow reader."""

import asyncio
import json
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.streams import NDJSON, PACKED, IdStream, form_of

MANY = 3 * 8_192 + 5


def sent(stream):
    """The messages that a stream sends."""
    messages = []

    async def send(message):
        messages.append(message)

    asyncio.run(stream({"type": "http"}, None, send))
    return messages


@pytest.mark.parametrize("count", [0, 1, 8_192, MANY])
@pytest.mark.parametrize("form", [NDJSON, PACKED])
def test_every_id_is_sent_once_and_the_length_is_the_declared_one(form, count):
    ids = secrets.token_bytes(32 * count)
    stream = IdStream({"a": 1}, ids, form)
    start, *parts = sent(stream)
    body = b"".join(part["body"] for part in parts)
    assert dict(start["headers"])[b"content-length"] == str(len(body)).encode()
    assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [False]
    if form == PACKED:
        assert body == len(b'{"a":1}').to_bytes(4) + b'{"a":1}' + ids + count.to_bytes(8)
    else:
        first, *lines, last = body.decode().splitlines()
        assert (json.loads(first), json.loads(last)) == ({"a": 1}, {"end": {"count": count}})
        assert b"".join(bytes.fromhex(json.loads(line)[2:]) for line in lines) == ids


def test_nothing_more_is_made_while_the_reader_waits():
    """Backpressure: the next part is cut only when the last one was taken."""
    stream = IdStream({}, bytes(32 * MANY), PACKED)

    class Full(Exception):  # noqa: N818 - no error, a full pipe
        pass

    taken = 0

    async def send(message):
        nonlocal taken
        taken += len(message.get("body", b""))
        if taken > 32 * 8_192:
            raise Full

    with pytest.raises(Full):
        asyncio.run(stream({"type": "http"}, None, send))
    assert taken < 32 * 8_192 * 2


@given(st.text(max_size=40))
def test_only_a_named_form_streams(accept):
    assert form_of(accept) is None or form_of(accept) in accept.lower()


def test_the_form_is_found_among_others():
    assert form_of("application/json;q=0.5, Application/X-NDJSON;q=1") == NDJSON
    assert form_of("*/*") is None
    assert form_of("application/json") is None
