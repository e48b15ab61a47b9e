"""The steps of the auditor: export, offline verification, and what a changed copy gives."""

import json
import re
import zipfile
from pathlib import Path

from ledger.errors import NotReady
from ledger.gate.client import fresh_key
from lung.world import World, expect

TRIES = 5


def export(world: World) -> str:
    """The auditor exports the log as one bundle, up to a block whose hash was learnt from elsewhere than the bundle."""
    path = bundle_of(world)
    for _ in range(TRIES):
        before = _head(world)
        talk = world.auditor.conversation.post("/v1/exports", {"log": world.hospital, "format": "bundle"}, fresh_key())
        path.write_bytes(world.auditor.perform(talk))
        if _block_of(path) in {before, _head(world)}:  # else the chain grew twice meanwhile: again
            world.memory.keep("block", _block_of(path))
            return f"{path.stat().st_size / 1024:.0f} KiB in {path}"
    raise NotReady("the chain grows too fast to know the block of the bundle; start again")


def verify(world: World) -> str:
    """The checker of the command line, in a process of its own, with the bundle and a block hash alone."""
    path = bundle_of(world)
    block = world.memory.kept("block")
    world.show.say(f"consentry verify {path} --block {block}")
    result = world.service.run("verify", str(path), "--block", block)
    for line in result.stdout.splitlines():
        world.show.say(line)
    expect(result.returncode == 0, f"verify exits {result.returncode}: {result.stdout[-2000:]}{result.stderr[-2000:]}")
    world.show.say("the block hash came from this machine; an auditor takes it from a node that they trust")
    return "it holds (exit 0)"


def tamper(world: World) -> str:
    """One bit of a copy is turned, and the checker must say no."""
    path = bundle_of(world)
    copy = path.with_name("tampered.zip")
    data = bytearray(path.read_bytes())
    data[_inside(path, "entries.ndjson")] ^= 1
    copy.write_bytes(data)
    result = world.service.run("verify", str(copy), "--block", world.memory.kept("block"))
    expect(result.returncode == 1, f"verify exits {result.returncode} on a changed copy, not 1: {result.stderr[-500:]}")
    words = [line for line in (result.stdout + result.stderr).splitlines() if "fail" in line.lower()]
    world.show.say(" ".join(re.sub(r"[│┃]", " ", words[0]).split()) if words else "consentry verify says no")
    return "a copy with one bit turned is refused (exit 1)"


def verify_again(world: World) -> str:
    """What was proved before the erasure is proved after it."""
    result = world.service.run("verify", str(bundle_of(world)), "--block", world.memory.kept("block"))
    expect(result.returncode == 0, f"verify exits {result.returncode} after the erasure: {result.stdout[-2000:]}")
    result = world.service.run("audit", "fsck")
    expect(result.returncode == 0, f"audit fsck exits {result.returncode} after the erasure: {result.stdout[-2000:]}")
    return "the bundle from before still holds (exit 0), and the log is sound (exit 0)"


def bundle_of(world: World) -> Path:
    """Where the bundle is kept."""
    return world.service.home / "demo" / "audit-bundle.zip"


def _block_of(path: Path) -> str:
    with zipfile.ZipFile(path) as bundle:
        return str(json.loads(bundle.read("manifest.json"))["trusted"]["hash"])


def _head(world: World) -> str:
    return str(world.auditor.get("/v1/domain")["head"]["hash"])


def _inside(path: Path, name: str) -> int:
    """The offset of a byte in the middle of a file of the bundle."""
    with zipfile.ZipFile(path) as bundle:
        info = bundle.getinfo(name)
        following = sorted(one.header_offset for one in bundle.infolist() if one.header_offset > info.header_offset)
    end = following[0] if following else bundle.start_dir
    return (info.header_offset + end) // 2
