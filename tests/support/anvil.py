"""An anvil of one's own: found in the checkout's node packages or on PATH, on a free port of this machine."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx

_PACKAGES = Path(__file__).parents[2] / "contracts" / "node_modules" / "@foundry-rs"
MISSING = "anvil is not there: run `npm install --no-save --prefix contracts`, or put it on PATH"


def find_anvil() -> str | None:
    """The native program; not its Node wrapper, which would leave it running when it is killed."""
    native = sorted(_PACKAGES.glob("anvil-*/bin/anvil"))
    return str(native[0]) if native else shutil.which("anvil")


class Anvil:
    """A running anvil; every block is asked for by a transaction (automine) unless arguments say otherwise."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        program = find_anvil()
        assert program is not None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / "anvil.log").open("wb")
        self._process = subprocess.Popen(
            [program, "--host", "127.0.0.1", "--port", str(port), "--silent", *_kept(arguments), *arguments],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        for _ in range(1_200):
            try:
                self.ask("eth_chainId")
            except httpx.TransportError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise RuntimeError(f"anvil did not start: {(folder / 'anvil.log').read_text()}")

    def ask(self, method: str, *params: object) -> object:
        """One JSON-RPC call past the code under test."""
        answer = httpx.post(self.url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def fund(self, account: bytes) -> None:
        """Give an account a thousand ether."""
        self.ask("anvil_setBalance", f"0x{account.hex()}", hex(1000 * 10**18))

    def stop(self) -> None:
        """Kill it and wait."""
        self._process.kill()
        self._process.wait()
        self._log.close()


def _kept(arguments: tuple[str, ...]) -> list[str]:
    """How many states it keeps, where the arguments do not say: all of them would fill the memory."""
    return [] if any(argument.startswith("--prune-history") for argument in arguments) else ["--prune-history=500"]
