"""The floor of the bench ``http``: a FastAPI application that does nothing."""

from fastapi import FastAPI

app = FastAPI(openapi_url=None)


@app.get("/")
def echo() -> dict[str, bool]:
    """Answer."""
    return {"ok": True}
