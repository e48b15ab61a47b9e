"""Runs others' validator on a crate and prints what it found; for the interpreter of ``.venv-crate``.

It wants an older rich than the service, so it has an environment of its own (``requirements/crate.txt``). Tests have no
network: the context that a crate names is answered from a file, the one that the library rocrate carries.

Usage: python crate_validator.py CRATE CONTEXT
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from rdflib.plugins.shared.jsonld.context import Context
from rocrate_validator import services
from rocrate_validator.models import Severity
from rocrate_validator.utils.http import HttpRequester

crate, context = map(Path, sys.argv[1:])
document = json.loads(context.read_text(encoding="utf-8"))
headers = {"Content-Type": "application/ld+json"}
answer = SimpleNamespace(status_code=200, ok=True, headers=headers, json=lambda: document)
Context._fetch_context = lambda *_: document["@context"]
HttpRequester.get = lambda *_, **__: answer
settings = services.ValidationSettings(
    rocrate_uri=crate,
    profile_identifier="process-run-crate-0.5",
    requirement_severity=Severity.RECOMMENDED,
)
issues = services.validate(settings).get_issues()
found = [{"check": issue.check.identifier, "message": issue.message} for issue in issues]
sys.stdout.write(json.dumps(found) + "\n")
