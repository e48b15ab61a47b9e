"""The command's edge: exit codes, messages of one line, and help that reads."""

from functools import partial
from itertools import pairwise

import pytest
from typer.main import get_command

from ledger import errors
from ledger.cli.main import app, code_of
from tests.support.command import run as run_command

USAGE = {"InvalidInput", "UnknownCode", "BadSignature", "DeadlinePassed", "TooLarge", "ConfigurationError"}
UNREACHABLE = {"CannotCheck", "NotReady", "MirrorLagging", "ReorgTooDeep", "NodesDisagree", "LedgerUnreachable"}
TREE = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ConsentryError) and kind is not errors.ConsentryError
]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CONSENTRY_HOME", str(tmp_path / "home"))

    return partial(run_command, monkeypatch, capsys)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code(kind):
    expected = 2 if kind.__name__ in USAGE else 3 if kind.__name__ in UNREACHABLE else 1
    assert code_of(kind("x")) == expected


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["token", "--role", "engine", "--sub", "0x12"], 2, "64 lower-case hex digits"),
        (["token", "--role", "engine", "--sub", "0x" + "11" * 32, "--minutes", "10000000"], 2, "90 days"),
        (["verify", "nothing.zip"], 2, "nothing.zip"),
        (["verify", __file__, "--block", "x"], 2, "--block"),
        (["chain", "deploy"], 2, "CONSENTRY_RPC_URL"),
        (["mirror", "verify"], 1, ""),
        (["nothing"], 2, "No such command"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(run, arguments, code, says):
    got, out, err = run(*arguments)
    assert got == code, out + err
    assert says in err
    assert "Traceback" not in out + err


def test_settings_that_contradict_each_other_are_named(run, monkeypatch):
    monkeypatch.setenv("CONSENTRY_JWKS_URL", "https://issuer.example/jwks")
    code, _, err = run("token", "--role", "engine", "--sub", "0x" + "11" * 32)
    assert (code, "CONSENTRY_JWKS_URL" in err) == (2, True)
    monkeypatch.setenv("CONSENTRY_PORT", "many")
    code, _, err = run("chain", "status")
    assert (code, "CONSENTRY_PORT" in err) == (2, True)


def test_a_command_that_only_looks_leaves_nothing_behind_where_nothing_is(run, tmp_path):
    run("verify", "nothing.zip")
    assert list(tmp_path.iterdir()) == []


def paths(command, before=()):
    """Every command, as it is typed."""
    yield before
    for name, inner in getattr(command, "commands", {}).items():
        yield from paths(inner, (*before, name))


WIDE = 80


@pytest.mark.parametrize("path", list(paths(get_command(app))), ids=" ".join)
def test_no_line_of_help_ends_before_it_is_full(run, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", str(WIDE))
    code, out, _ = run(*path, "--help")
    assert code == 0
    text = out.partition("\u256d")[0].splitlines()
    for line, after in pairwise(text):
        if line.strip() and after.strip():
            assert len(line.rstrip()) + 1 + len(after.split()[0]) >= WIDE, f"{line!r} breaks before {after!r}"


def test_every_command_has_help_that_begins_with_a_whole_sentence():
    groups = [(group.name, group.typer_instance.registered_commands) for group in app.registered_groups]
    commands = [*app.registered_commands, *(one for _, members in groups for one in members)]
    assert {name for name, _ in groups} == {
        "audit",
        "chain",
        "decision",
        "duo",
        "fhir",
        "keys",
        "lineage",
        "mirror",
        "ontology",
        "subject",
        "vault",
        "witness",
    }
    assert len(commands) > len(groups)
    for command in commands:
        text = (command.callback.__doc__ or "").strip()
        assert text[0].isupper()
        assert text.split("\n\n")[0].endswith(".")
