"""What every refusal must look like."""


def problem(answer, status, slug, says="", index=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"/problems/{slug}", document
    assert document["status"] == status
    assert document["title"]
    assert says in document["detail"], document
    assert document.get("index") == index
    return document
