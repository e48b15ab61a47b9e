"""The main job: one whole path, on real patients, from a patient's signature to an auditor's offline proof.

    scripts/run          sets everything up, runs the job and keeps the service running
    scripts/run --once   the same, and stops at the end with exit code 0

Data lie under ``CONSENTRY_HOME`` (default ``.consentry``). A second start finds them: steps that are done are not done
again, and a job that was stopped goes on where it was.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from lung import audit, registry, study
from lung.devices import Devices
from lung.memory import Memory
from lung.people import load_patients
from lung.service import Service
from lung.show import Show, stopwatch
from lung.world import World

from ledger.errors import ConsentryError
from ledger.gate.opendp import epsilon_of
from ledger.identity.principal import Role

STEPS: tuple[tuple[str, str, Callable[[World], str]], ...] = (
    ("admit", "Institutions admitted", registry.admit_institutions),
    ("enrol", "Patients enrolled", registry.enrol_patients),
    ("numbers", "Local numbers sealed in the vault", registry.keep_numbers),
    ("text", "Consent text published", registry.publish_text),
    ("consent", "Consents signed and recorded", registry.sign_consents),
    ("study", "Study registered, reviewed, activated", registry.approve_study),
    ("engines", "Engines registered", registry.register_engines),
    ("dataset", "Dataset registered with its terms", study.register_dataset),
    ("first", "First computation", study.first_computation),
    ("anchor-first", "Log anchored", study.anchor),
    ("withdraw", "Patients withdraw", study.withdraw),
    ("second", "Second computation", study.second_computation),
    ("stranger", "Engine of another operation", study.refuse_stranger),
    ("anchor-second", "Log anchored again", study.anchor),
    ("export", "Auditor exports the bundle", audit.export),
    ("verify", "Auditor verifies it offline", audit.verify),
    ("tamper", "Auditor is shown a changed copy", audit.tamper),
    ("forget", "A patient is erased", study.forget),
    ("verify-again", "Auditor verifies again", audit.verify_again),
)


def main(arguments: Sequence[str]) -> int:
    """Run the job; returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/run", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--once", action="store_true", help="stop the service at the end")
    once = parser.parse_args(arguments).once
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a job that is told to end stops its service first
    show = Show()
    show.title("Consentry: one whole path, on the NCCTG lung cancer patients")
    try:
        with Service(Path.cwd()) as service:
            world = prepare(service, show)
            run_steps(world)
            summary(world, running=not once)
            if not once:
                service.wait()
    except ConsentryError as problem:
        show.failed(str(problem))
        return 1
    except KeyboardInterrupt:
        show.say("stopped; the next start goes on from here")
        return 130
    return 0


def prepare(service: Service, show: Show) -> World:
    """Load the data, start the service, find what earlier starts left."""
    patients = load_patients()
    show.say(
        f"{len(patients.frame)} patients of {len(patients.sites)} institutions; "
        f"{patients.left_out} patient without a recorded institution is left out"
    )
    folder = service.home / "demo"
    memory = Memory(folder / "state.json", patients.sites, int(time.time()))
    devices = Devices(folder / "devices.json", len(patients.frame))
    seconds = service.start()
    show.say(f"the service is ready after {seconds:.1f} s; data in {service.home}")
    return World(service, memory, devices, patients, show)


def run_steps(world: World) -> None:
    """Every step that is not done yet."""
    for name, words, step in STEPS:
        figure = world.memory.done(name)
        if figure is not None:
            world.show.done(words, figure, None)
            continue
        with stopwatch() as seconds:
            figure = step(world)
        world.memory.finish(name, figure)
        world.show.done(words, figure, seconds[0])


def summary(world: World, *, running: bool) -> None:
    """The table at the end, and where to look further."""
    show, memory = world.show, world.memory
    first, second = memory.kept("first"), memory.kept("second")
    show.table(
        "Results",
        ("", "first computation", "after ten withdrew"),
        (
            ("permitted patients (banded)", first["size"], second["size"]),
            ("mean age, with noise", first["age"], second["age"]),
            ("one-year survival, with noise", first["alive"], second["alive"]),
            ("epsilon (delta 0.000001)", first["epsilon"], second["epsilon"]),
            ("decision", first["decision"][:18] + "…", second["decision"][:18] + "…"),
            ("entry in the log", str(first["index"]), str(second["index"])),
        ),
    )
    both = Decimal(first["rho"]) + Decimal(second["rho"])
    epsilon = epsilon_of(both, Decimal(study.DELTA))
    show.say(f"losses add up: a patient who is in both has lost rho {both}, epsilon {epsilon}, at delta {study.DELTA}")
    took = (("" if seconds is None else f"{seconds:.1f} s") for _, _, seconds in show.steps)
    rows = [(words, figure, time_) for (words, figure, _), time_ in zip(show.steps, took, strict=True)]
    show.table("Steps", ("step", "figure", "time"), rows)
    if not running:
        show.say("run scripts/run without --once to keep the service and its pages")
        return
    address = world.service.settings.url
    patient = world.devices[next(place for place, kind in enumerate(world.kinds) if kind == "full")].hex
    show.link("API and its documentation", f"{address}/docs")
    show.link("Signed in as a patient (who withdrew)", _signin(world, Role.SUBJECT, patient))
    show.link("Signed in as the auditor", _signin(world, Role.AUDITOR, memory.id("auditor")))
    show.say("Ctrl-C stops the service; the next start finds all its data")


def _signin(world: World, role: Role, sub: str) -> str:
    return f"{world.service.settings.url}/signin?token={world.service.token(role, sub)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
