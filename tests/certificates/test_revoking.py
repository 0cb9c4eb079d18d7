"""Staff end the proof of one dose: with right, reason and a yes; the person is told, the log knows, the dose stays."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import translation

from certificates import revoking, services
from certificates.assemble import NotCertifiable
from certificates.models import Certificate, Revocation
from certificates.queries import REVOKED_BECAUSE
from certificates.verifying import verify_text
from core.models import ReadLog
from messaging.models import Message
from tests.certificates.doses import make_dose, make_facility
from tests.registration.people import sign_in_citizen
from tests.staff import make_staff, sign_in_staff
from vaccination.models import Immunization

pytestmark = pytest.mark.django_db

FILLED = {"reason": "fraud", "note": "Vaksinator tidak bertugas hari itu", "sure": "on"}


@pytest.fixture
def nurse():
    return make_staff("vaksinator", facility=make_facility())


@pytest.fixture
def certificate():
    return services.issue(make_dose().pk)


def page_of(certificate):
    return reverse("desk-certificate-revoke", args=[certificate.immunization.uuid])


def told():
    return list(Message.objects.filter(kind="certificate_revoked"))


def test_revoked_at_the_desk_with_reason_message_and_log(client, nurse, certificate):
    sign_in_staff(client, nurse)
    citizen = reverse("desk:citizen", args=[certificate.immunization.citizen.public_id])
    assert page_of(certificate) in client.get(citizen).content.decode()
    page = client.get(page_of(certificate)).content.decode()
    assert "tidak dapat dihidupkan kembali" in page
    assert not Revocation.objects.exists()
    response = client.post(page_of(certificate), FILLED)
    assert response.headers["Location"] == reverse("desk:citizen", args=[certificate.immunization.citizen.public_id])
    revocation = Revocation.objects.get()
    assert (revocation.reason, revocation.actor) == ("fraud", nurse)
    for text in (certificate.hc1, certificate.shc):
        assert verify_text(text).verdict == "revoked"
    (message,) = told()
    assert message.recipient == certificate.immunization.citizen.account.phone
    assert certificate.immunization.citizen.full_name not in message.body
    assert "Ada keraguan apakah dosis ini benar diberikan." in message.body
    assert "Vaksinator tidak bertugas" not in message.body  # what the staff notes is for the staff
    noted = ReadLog.objects.filter(user=nurse, citizen_id=certificate.immunization.citizen_id).latest("at")
    assert noted.note == "Cabut sertifikat: Dosisnya diragukan. Vaksinator tidak bertugas hari itu"
    record = client.get(response.headers["Location"]).content.decode()
    assert noted.note in record and page_of(certificate) not in record  # nothing is left to revoke
    assert Immunization.objects.get().is_given
    with pytest.raises(NotCertifiable, match="revoked"):
        services.issue(certificate.immunization_id)


@pytest.mark.parametrize("missing", ["reason", "note", "sure"])
def test_nothing_happens_without_reason_note_and_a_yes(client, nurse, certificate, missing):
    sign_in_staff(client, nurse)
    page = client.post(page_of(certificate), {key: value for key, value in FILLED.items() if key != missing})
    assert page.content.decode().count("Ada yang perlu diperbaiki") == 1
    assert not Revocation.objects.exists()
    assert not told()


@pytest.mark.parametrize("reason", ["corrected", "key", "apa saja"])
def test_only_reasons_that_people_may_give(client, nurse, certificate, reason):
    sign_in_staff(client, nurse)
    client.post(page_of(certificate), FILLED | {"reason": reason})
    with pytest.raises(ValueError, match=reason):
        revoking.revoke(certificate.immunization_id, reason=reason, note="-", actor=nurse)
    assert not Revocation.objects.exists()


def test_the_desk_without_the_right_and_another_place_are_kept_out(client, certificate):
    sign_in_staff(client, make_staff("petugas", facility=make_facility()))
    assert client.post(page_of(certificate), FILLED).status_code == 403
    client.logout()
    sign_in_staff(client, make_staff("admin_dinkes", city=True))
    assert client.post(page_of(certificate), FILLED).status_code == 403
    assert not Revocation.objects.exists()


def test_a_spread_code_is_replaced_and_said_so_once(client, nurse, certificate):
    sign_in_staff(client, nurse)
    for _ in range(2):
        client.post(page_of(certificate), FILLED | {"reason": "holder"})
    (message,) = told()
    assert "Kode baru" in message.body and "pemiliknya meminta agar dicabut" in message.body
    new = services.issue(certificate.immunization_id)
    assert verify_text(new.hc1).verdict == "valid"
    assert verify_text(certificate.hc1).verdict == "revoked"


def test_a_dose_without_certificate_has_nothing_to_revoke(client, nurse):
    dose = make_dose()
    sign_in_staff(client, nurse)
    address = reverse("desk-certificate-revoke", args=[dose.uuid])
    assert "Tidak ada sertifikat yang dapat dicabut" in client.get(address).content.decode()
    client.post(address, FILLED)
    with pytest.raises(revoking.NothingToRevoke):
        revoking.revoke(dose.pk, reason="fraud", note="-", actor=nurse)
    assert not ReadLog.objects.filter(note__startswith="Cabut").exists()


@pytest.mark.parametrize(
    ("language", "because"),
    [("id", "Sertifikat itu terbit karena kekeliruan."), ("en", "It was issued by mistake.")],
)
def test_the_person_reads_the_reason_in_message_record_list_and_link(client, nurse, certificate, language, because):
    dose, account = certificate.immunization, certificate.immunization.citizen.account
    type(account).objects.filter(pk=account.pk).update(language=language)
    revoking.revoke(dose.pk, reason="mistake", note="Salah terbit", actor=nurse)
    (message,) = told()
    assert because in message.body and because in json.loads(message.parameters)
    sign_in_citizen(client, account)
    with translation.override(language):  # it stands in the address
        record, sheet, listed, own = (
            reverse("portal:record", args=[dose.citizen.public_id]),
            reverse("certificates:record", args=[dose.citizen.public_id]),
            reverse("certificates:list"),
            reverse("certificates:of_dose", args=[dose.uuid]),
        )
    record = client.get(record).content.decode()
    assert because in record and sheet in record
    assert because in client.get(listed).content.decode()
    gone = client.get(own)
    assert gone.status_code == 410 and because in gone.content.decode()
    assert "Salah terbit" not in record


def test_every_reason_has_a_sentence_for_the_person():
    assert set(REVOKED_BECAUSE) == set(Revocation.Reason)


def test_the_desk_page_leads_to_revocation_and_record_sheet(client, nurse, certificate):
    sign_in_staff(client, nurse)
    citizen = certificate.immunization.citizen
    page = client.get(reverse("desk:citizen", args=[citizen.public_id])).content.decode()
    assert page_of(certificate) in page
    assert reverse("desk-record", args=[citizen.public_id]) in page


def run(*arguments):
    out = StringIO()
    call_command("revoke_certificate", *arguments, stdout=out)
    return out.getvalue()


def test_command_says_first_and_revokes_when_told_so(nurse, certificate):
    arguments = [certificate.uvci, "--reason", "fraud", "--note", "Audit", "--by", nurse.username]
    assert "akan dicabut" in run(*arguments)
    assert Certificate.objects.get().status == Certificate.Status.VALID
    assert "dicabut: URN:UVCI" in run(*arguments, "--yes")
    assert Revocation.objects.get().actor == nurse
    assert len(told()) == 1
    for wrong in ({0: "URN:UVCI:01:ID:TIDAKADA#0"}, {6: "tidak-ada"}):
        with pytest.raises(CommandError):
            run(*[wrong.get(place, value) for place, value in enumerate(arguments)])
