"""From a recorded dose to a signed certificate, and its end when the dose is corrected."""

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import InternalError, connection, transaction
from django.utils import timezone

from certificates import authority, hcert, keys, services
from certificates.assemble import NotCertifiable, facts_of, read
from certificates.models import Certificate, Revocation, SignatureLog, SigningKey
from certificates.queries import certificate_state
from certificates.verifying import verify_text
from core import audit, outbox
from messaging.models import Message
from tests.certificates.doses import make_dose, make_vaccine
from tests.registration.people import make_citizen
from tests.staff import make_staff
from vaccination.corrections import withdraw_dose
from vaccination.models import Immunization

pytestmark = pytest.mark.django_db


def position(dose):
    [facts] = facts_of(read(Immunization.objects.filter(pk=dose.pk)))
    return facts.dose_number, facts.series_doses


def violations(identifier):
    return sum(count for check, count in audit.run() if check.id == identifier)


def test_recorded_dose_gets_both_codes_and_both_verify():
    certificate = services.issue(make_dose().pk)
    for text in (certificate.hc1, certificate.shc):
        result = verify_text(text)
        assert (result.verdict, result.issuer, result.own_key) == ("valid", "Dinas Kesehatan Kota Semarang", True)
        assert result.facts["name"] == "Suparti Uji"


def test_issuing_twice_gives_the_same_certificate():
    dose = make_dose()
    assert services.issue(dose.pk).pk == services.issue(dose.pk).pk
    assert Certificate.objects.count() == 1
    assert SignatureLog.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_worker_and_citizen_at_once_make_one_certificate():
    dose = make_dose()
    authority.ensure()
    start, found, failed = threading.Barrier(8), [], []

    def go():
        try:
            start.wait()
            found.append(services.issue(dose.pk).uvci)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(found) == 8
    assert len(set(found)) == 1
    assert SignatureLog.objects.count() == 2
    assert Message.objects.count() == 1


def test_news_of_a_dose_makes_the_certificate_and_tells_the_citizen(django_capture_on_commit_callbacks):
    dose = make_dose()
    with django_capture_on_commit_callbacks(execute=False):
        outbox.add("immunization.recorded", immunization_id=dose.pk)
    outbox.drain("certificates")
    assert Certificate.objects.get().immunization == dose
    message = Message.objects.get(kind="certificate_ready")
    assert message.recipient == dose.citizen.account.phone
    assert "/sertifikat/" in message.body
    assert dose.citizen.full_name not in message.body


def test_person_without_a_phone_gets_a_certificate_and_no_message():
    services.issue(make_dose(make_citizen()).pk)
    assert Certificate.objects.count() == 1
    assert not Message.objects.exists()


def correct(dose, **changes):
    """What the desk's correction leaves behind: the old row marked, a new one in its place."""
    replacement = make_dose(dose.citizen, dose_code="spare", **changes)
    Immunization.objects.filter(pk=dose.pk).update(status="entered-in-error")
    Immunization.objects.filter(pk=replacement.pk).update(dose_code=dose.dose_code, replaces=dose)
    return replacement


def test_correction_revokes_the_old_codes_and_signs_the_new_dose():
    dose = make_dose()
    old = services.issue(dose.pk)
    replacement = correct(dose, vaccine="COV_MODERNA")
    services.on_corrected({"immunization_id": dose.pk, "replacement_id": replacement.pk})
    for text in (old.hc1, old.shc):
        result = verify_text(text)
        assert (result.verdict, result.facts) == ("revoked", {})
        assert result.issuer == "Dinas Kesehatan Kota Semarang"
    new = Certificate.objects.get(immunization=replacement)
    assert verify_text(new.hc1).facts["vaccine"] == "Spikevax"
    assert violations("I8") == 0


def test_correction_handled_twice_revokes_once():
    dose = make_dose()
    services.issue(dose.pk)
    Immunization.objects.filter(pk=dose.pk).update(status="entered-in-error")
    for _ in range(2):
        services.on_corrected({"immunization_id": dose.pk, "replacement_id": None})
    assert Revocation.objects.count() == 1


def test_correction_before_the_worker_came_leaves_nothing_to_sign():
    dose = make_dose()
    Immunization.objects.filter(pk=dose.pk).update(status="entered-in-error")
    services.on_recorded({"immunization_id": dose.pk})
    assert not Certificate.objects.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "not-done"}, "not-completed"),
        ({"status": "entered-in-error"}, "not-completed"),
        ({"is_primary_source": False}, "not-recorded-here"),
        ({"invalid_reasons": ["too_early"]}, "not-counted"),
    ],
)
def test_only_a_dose_given_and_counted_here_is_signed(changes, reason):
    with pytest.raises(NotCertifiable) as refused:
        services.issue(make_dose(**changes).pk)
    assert refused.value.reason == reason
    assert not SignatureLog.objects.exists()


@pytest.mark.parametrize("vaccine", ["COV_INDOVAC", "COV_INAVAC", "COV_ZIFIVAX", "COV_AWCORNA", "BCG"])
def test_vaccine_without_eu_code_still_has_a_signed_proof(vaccine):
    certificate = services.issue(make_dose(vaccine=vaccine).pk)
    assert certificate.hc1 == ""
    assert certificate.eu_reason == ("not-covid" if vaccine == "BCG" else "no-eu-code")
    assert verify_text(certificate.shc).verdict == "valid"


def test_boosters_are_counted_as_the_eu_does():
    citizen = make_citizen()
    make_dose(citizen, dose_code="primary1", days_ago=300)
    make_dose(citizen, dose_code="primary2", days_ago=200, dose_number=2)
    booster = make_dose(citizen, dose_code="booster1", days_ago=10)
    assert position(booster) == (3, 3)
    second = make_dose(citizen, dose_code="booster2", days_ago=1)
    assert position(second) == (4, 4)


def test_booster_after_a_one_dose_series_is_two_of_one():
    citizen = make_citizen()
    make_vaccine("COV_JANSSEN", primary_doses=1)
    make_dose(citizen, vaccine="COV_JANSSEN", days_ago=200)
    assert position(make_dose(citizen, dose_code="booster1")) == (2, 1)


def test_booster_of_somebody_vaccinated_elsewhere_counts_the_series_too():
    assert position(make_dose(dose_code="booster1")) == (3, 3)


def test_expired_certificate_is_renewed_on_the_next_look():
    dose = make_dose()
    old = services.issue(dose.pk)
    Certificate.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    new = services.issue(dose.pk)
    assert new.pk != old.pk
    assert Certificate.objects.get(pk=old.pk).status == Certificate.Status.RENEWED
    services.revoke(dose.pk)
    assert verify_text(old.hc1).verdict == verify_text(new.hc1).verdict == "revoked"


def test_codes_end_within_a_year_and_with_their_key():
    certificate = services.issue(make_dose().pk)
    assert certificate.expires_at <= timezone.now() + timedelta(days=365)
    assert certificate.expires_at <= certificate.hc1_key.not_after


def test_state_of_a_dose_for_its_journey():
    dose = make_dose()
    assert (certificate_state(dose).kind, certificate_state(dose).issued_at) == ("ok", None)
    assert certificate_state(dose).url.endswith(f"/sertifikat/dosis/{dose.uuid}/")
    services.issue(dose.pk)
    assert certificate_state(dose).kind == "ok"
    services.revoke(dose.pk)
    ended = certificate_state(Immunization.objects.get(pk=dose.pk))
    assert ended.kind == "stop"
    assert ended.revoked_at is not None


def test_a_withdrawn_dose_shows_no_living_certificate_even_before_the_worker_has_been_there():
    dose = make_dose()
    services.issue(dose.pk)
    withdraw_dose(immunization_id=dose.pk, actor=make_staff("vaksinator", facility=dose.facility), reason="salah")
    state = certificate_state(Immunization.objects.get(pk=dose.pk))
    assert (state.kind, state.text, state.url) == ("stop", "Sertifikat dicabut", "")


def test_state_of_many_doses_costs_no_query_each(django_assert_num_queries):
    for _ in range(4):
        services.issue(make_dose().pk)
    with django_assert_num_queries(3):
        rows = Immunization.objects.prefetch_related("certificates__revocation")
        assert {certificate_state(row).kind for row in rows} == {"ok"}


# --- audit I8 ------------------------------------------------------------------------------------------------------


def test_audit_sees_a_valid_certificate_of_a_withdrawn_dose():
    dose = make_dose()
    services.issue(dose.pk)
    assert violations("I8") == 0
    Immunization.objects.filter(pk=dose.pk).update(status="entered-in-error")
    assert violations("I8") == 1


def test_audit_sees_a_revoked_certificate_without_revocation():
    services.issue(make_dose().pk)
    Certificate.objects.update(status=Certificate.Status.REVOKED)
    assert violations("I8") == 1


def test_audit_sees_a_certificate_nobody_logged():
    services.issue(make_dose().pk)
    SignatureLog.objects.all().delete()
    assert violations("I8") == 1


def test_audit_sees_one_code_of_two_that_nobody_logged():
    certificate = services.issue(make_dose().pk)
    SignatureLog.objects.filter(kid=certificate.hc1_key_id).delete()
    assert violations("I8") == 1


@pytest.mark.parametrize("code", ["hc1_key_id", "shc_key_id"])
def test_audit_sees_a_certificate_of_a_key_nobody_knows(code):
    certificate = services.issue(make_dose().pk)
    stranger = "c3RyYW5nZXI="
    SignatureLog.objects.filter(kid=getattr(certificate, code)).update(kid=stranger)
    Certificate.objects.update(**{code: stranger})
    assert violations("I8") == 1


def test_a_key_stays_whatever_is_asked_of_the_database():
    authority.ensure()
    with pytest.raises(InternalError), transaction.atomic():
        SigningKey.objects.filter(purpose="shc").delete()
    with pytest.raises(InternalError), transaction.atomic():
        SigningKey.objects.filter(purpose="shc").update(kid="another")
    SigningKey.objects.filter(purpose="shc").update(retired_at=timezone.now())


# --- keys ----------------------------------------------------------------------------------------------------------


def run(*arguments):
    out = StringIO()
    call_command("signing_keys", *arguments, stdout=out)
    return out.getvalue()


def test_making_keys_twice_makes_them_once():
    run("init")
    before = set(SigningKey.objects.values_list("kid", flat=True))
    assert "sudah lengkap" in run("init")
    assert set(SigningKey.objects.values_list("kid", flat=True)) == before


def test_private_keys_are_encrypted_files_and_nothing_else():
    run("init")
    files = list(keys.folder().glob("*.key"))
    assert files
    for path in files:
        assert "BEGIN ENCRYPTED PRIVATE KEY" in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
    assert not any("PRIVATE" in key.certificate_pem for key in SigningKey.objects.all())


def test_signer_chains_to_the_authority_and_may_sign_vaccinations_only():
    from cryptography import x509

    run("init")
    authority = x509.load_pem_x509_certificate(SigningKey.objects.get(purpose="authority").certificate_pem.encode())
    for key in SigningKey.objects.filter(purpose__in=["dcc", "shc"]):
        signer = x509.load_pem_x509_certificate(key.certificate_pem.encode())
        signer.verify_directly_issued_by(authority)
    usages = {key.usages for key in keys.own_keys() if len(key.kid) == 8}
    assert usages == {frozenset("v")}


def test_rotation_signs_with_the_new_key_and_still_accepts_the_old():
    old = services.issue(make_dose().pk)
    run("rotate", "dcc")
    new = services.issue(make_dose().pk)
    assert new.hc1_key_id != old.hc1_key_id
    assert verify_text(old.hc1).verdict == verify_text(new.hc1).verdict == "valid"


def test_successor_made_for_a_later_date_does_not_sign_yet():
    before = services.issue(make_dose().pk)
    run("rotate", "dcc", "--use-from", (timezone.now() + timedelta(days=3)).isoformat())
    assert services.issue(make_dose().pk).hc1_key_id == before.hc1_key_id


def test_retired_key_signs_no_more_but_its_codes_stay_valid():
    old = services.issue(make_dose().pk)
    run("retire", old.hc1_key_id)
    new = services.issue(make_dose().pk)
    assert new.hc1_key_id != old.hc1_key_id
    assert verify_text(old.hc1).verdict == "valid"


def test_leaked_key_is_dropped_and_its_certificates_are_signed_anew():
    dose = make_dose()
    old = services.issue(dose.pk)
    run("compromise", old.hc1_key_id)
    assert verify_text(old.hc1).verdict == "unknown-key"
    assert verify_text(old.shc).verdict == "revoked"
    new = services.issue(dose.pk)
    assert verify_text(new.hc1).verdict == "valid"
    assert violations("I8") == 0


def test_moving_to_another_address_keeps_old_cards_valid_and_gets_a_key_of_its_own(settings):
    old = services.issue(make_dose().pk)
    settings.PUBLIC_BASE_URL = "https://vaksinasi.example"
    between = services.issue(make_dose().pk)
    run("init")
    new = services.issue(make_dose().pk)
    assert between.shc_key_id == old.shc_key_id
    assert new.shc_key_id != old.shc_key_id
    for certificate in (old, between, new):
        assert verify_text(certificate.shc).verdict == "valid"


def test_production_without_passphrase_says_what_to_do(settings, tmp_path, monkeypatch):
    settings.DEMO, settings.STATE_DIR = False, tmp_path
    monkeypatch.delenv("SIGNING_KEY_PASSPHRASE", raising=False)
    with pytest.raises(keys.NoSigningKey, match="SIGNING_KEY_PASSPHRASE"):
        keys.passphrase()


def test_revocation_names_no_person():
    certificate = services.issue(make_dose().pk)
    revocation = services.revoke(certificate.immunization_id)
    assert hcert.revocation_hash(certificate.uvci.encode()) == bytes(revocation.uci_hash)
