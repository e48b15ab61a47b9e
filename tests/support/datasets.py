"""Datasets and their terms on a house's chain, studies that say what they do, and bundles of what was decided."""

import io
from copy import copy

import msgspec
import pytest

from ledger.domain.acts import StudyApproval, StudyProposal, StudyTransition
from ledger.domain.release import write_document
from ledger.export.bundle import export_bundle
from ledger.services import custody
from ledger.services.anchor import anchor
from tests.support.house import House, build, copied
from tests.support.scene import Patient, fresh


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A founded ledger with three patients, closed."""
    home, patients = tmp_path_factory.mktemp("built") / "home", [Patient() for _ in range(3)]
    return home, build(home, patients), patients


@pytest.fixture
def house(tmp_path, built):
    """An open copy of it, in which the first two consented."""
    home, scene, patients = built
    opened = House(copied(home, tmp_path / "home"), copy(scene), patients)
    opened.on_chain(*[opened.scene.consent(patient) for patient in patients[:2]])
    yield opened
    opened.close()


def register(house: House, custodian: bytes | None = None, **terms: object) -> bytes:
    """Put a dataset with these terms on the chain; its id."""
    act = custody.registration(
        house.context, fresh(), custodian or house.scene.institution, write_document(terms), house.scene.deadline
    )
    house.on_chain(act)
    return act.id


def start_study(house: House, *, diseases: tuple[tuple[int, ...], ...] = (), uses: int = 1, **purpose: object) -> None:
    """Another active study, whose request the scene then makes."""
    scene = house.scene
    study = fresh()
    document = write_document(purpose) if purpose else b""
    for act in scene.founding():
        if not isinstance(act, StudyProposal | StudyApproval | StudyTransition):
            continue
        changes = {"id": study}
        if isinstance(act, StudyProposal):
            changes |= {"uses": uses, "diseases": diseases, "purpose": document}
        key = scene.reviewer_key if isinstance(act, StudyApproval) else scene.institution_key
        house.on_chain(house.context.keys.sign(msgspec.structs.replace(act, **changes), key))
    scene.study = study


def exported(house: House) -> tuple[bytes, bytes]:
    """A bundle of all decisions so far, anchored, and the hash of its block."""
    anchor(house.context, house.scene.institution)
    house.seal()
    out = io.BytesIO()
    manifest = export_bundle(house.context, house.scene.institution, out, with_members=True)
    return out.getvalue(), bytes.fromhex(manifest.trusted.hash[2:])
