"""``python -m api``: write the OpenAPI document that is committed."""

from pathlib import Path

from api.app import assemble
from api.openapi import text_of

Path(__file__).with_name("openapi.json").write_text(text_of(assemble()), "utf-8")
