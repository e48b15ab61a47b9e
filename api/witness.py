"""The application of a witness: ``POST /add-checkpoint`` and nothing else (C2SP tlog-witness).

Invariant: what is not a whole request is refused before anything is looked at.
"""

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from ledger.errors import NotReady
from ledger.transparency.witness import MOST_CHARACTERS
from ledger.witness.answer import TEXT, Witness


def create_app(witness: Witness) -> FastAPI:
    """The application on an open witness."""
    app = FastAPI(title="Consentry witness", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/add-checkpoint")
    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_CHARACTERS:
                return Response(f"a request has at most {MOST_CHARACTERS} bytes\n", 413, media_type=TEXT)
        try:
            answer = await run_in_threadpool(witness.add_checkpoint, bytes(body))
        except NotReady as problem:
            return Response(f"{problem}\n", 503, media_type=TEXT)
        return Response(answer.body, answer.status, headers={"Content-Type": answer.content_type})

    return app
