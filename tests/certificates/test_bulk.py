"""Certificates in bulk follow the rules of single ones, whoever was there first."""

import itertools
import json
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from certificates import authority, bulk, checks, keys, qr, services
from certificates.assemble import NotCertifiable
from certificates.models import Certificate, Revocation, SignatureLog
from certificates.trust.stored import StoredKeys
from certificates.verifying import hcert, shc
from messaging.models import Message
from registration.models import Citizen
from tests.certificates.doses import make_dose, make_vaccine
from tests.locks import somebody_waits_for_us
from tests.registration.people import make_account, make_citizen
from vaccination.models import Immunization

pytestmark = pytest.mark.django_db
EVERYBODY = bulk.Order()


def issue_all_at_once(order=EVERYBODY):
    return bulk.issue_batch(1, 2**62, order)


def expire(certificate):
    certificate.expires_at = timezone.now() - timedelta(days=1)
    certificate.save(update_fields=["expires_at"])


def doses_of_every_kind():
    """Name of each kind, its dose, and whether a certificate is to be signed now."""
    Status, Reason = Immunization.Status, Revocation.Reason
    kinds = {
        "plain": (make_dose(), True),
        "no EU code": (make_dose(vaccine="COV_INDOVAC"), True),
        "withdrawn": (make_dose(status=Status.ENTERED_IN_ERROR), False),
        "told": (make_dose(is_primary_source=False), False),
        "too early": (make_dose(invalid_reasons=["interval"]), False),
        "has one": (make_dose(), False),
        "expired": (make_dose(), True),
        "doubted": (make_dose(), False),
        "passed around": (make_dose(), True),
    }
    for name in ("has one", "expired", "doubted", "passed around"):
        services.issue(kinds[name][0].pk)
    expire(kinds["expired"][0].certificates.get())
    services.revoke(kinds["doubted"][0].pk, reason=Reason.FRAUD)
    services.revoke(kinds["passed around"][0].pk, reason=Reason.HOLDER)
    return kinds


def test_what_is_missing_is_what_single_issuing_would_sign():
    kinds = doses_of_every_kind()
    missing = set(services.missing().values_list("pk", flat=True))
    assert {name for name, (dose, _) in kinds.items() if dose.pk in missing} == {
        name for name, (_, wanted) in kinds.items() if wanted
    }
    for name, (dose, wanted) in kinds.items():
        before = dose.certificates.count()
        try:
            services.issue(dose.pk)
        except NotCertifiable:
            assert not wanted, name
        assert (dose.certificates.count() > before) == wanted, name


def test_a_batch_signs_each_missing_dose_once_and_logs_every_signature():
    kinds = doses_of_every_kind()
    before = SignatureLog.objects.count()
    assert issue_all_at_once() == 4
    assert issue_all_at_once() == 0
    for name in ("plain", "no EU code", "expired", "passed around", "has one"):
        assert kinds[name][0].certificates.filter(status="valid").count() == 1, name
    assert kinds["expired"][0].certificates.filter(status="renewed").count() == 1
    lines = SignatureLog.objects.order_by("pk")[before:]
    # IndoVac has no EU code, so one code only.
    assert len(lines) == 7 and {line.actor for line in lines} == {"command"}
    logged = {(line.immunization_id, line.kid) for line in lines}
    for certificate in Certificate.objects.filter(immunization=kinds["plain"][0]):
        assert {
            (certificate.immunization_id, kid) for kid in (certificate.hc1_key_id, certificate.shc_key_id)
        } <= logged
    assert checks.unexplained_signatures() == 0 and not Message.objects.exclude(kind="certificate_ready").exists()


def test_both_codes_verify_and_pictures_come_with_the_first_look():
    dose = make_dose()
    issue_all_at_once()
    certificate = dose.certificates.get()
    found = StoredKeys()
    assert hcert.verify(certificate.hc1, found, now=timezone.now()).verdict == "valid"
    assert shc.verify(certificate.shc, found, now=timezone.now()).verdict == "valid"
    assert certificate.hc1_svg == certificate.shc_svg == ""
    assert all("<svg" in picture for picture in qr.pictures(certificate))


def test_bulk_and_single_say_the_same_of_boosters_and_names_of_doses():
    make_vaccine("COV_JANSSEN", primary_doses=1)
    citizen = make_citizen(make_account())
    steps = [("COV_PFIZER", "primary1"), ("COV_PFIZER", "primary2"), ("COV_PFIZER", "booster1")]
    alone = make_citizen(make_account())
    doses = [make_dose(citizen, vaccine=v, dose_code=c, days_ago=90 - n) for n, (v, c) in enumerate(steps)]
    doses += [make_dose(alone, vaccine="COV_JANSSEN", days_ago=90)]
    doses += [make_dose(alone, vaccine="COV_PFIZER", dose_code="booster1", days_ago=9)]
    issue_all_at_once()
    for dose in doses:
        in_bulk = dose.certificates.get()
        expire(in_bulk)
        single = services.issue(dose.pk)
        assert in_bulk.pk != single.pk and in_bulk.facts == single.facts
    assert [dose.certificates.first().facts["dose_number"] for dose in doses] == [1, 2, 3, 1, 2]


def test_what_a_name_holds_is_stored_as_it_is():
    names = ["Siti\tNur\\haliza", "Abdul\nMa'ruf\r", '"Tono" \\N', "Nurul \u2013 Ḥasan \\."]
    for name in names:  # the form lets none of these through; what is in the table all the same must not break a batch
        Citizen.objects.filter(pk=make_dose().citizen_id).update(full_name=name)
    issue_all_at_once()
    rows = Certificate.objects.order_by("immunization").values_list("facts__name", "shc")
    assert [name for name, _ in rows] == names
    assert {shc.verify(code, StoredKeys(), now=timezone.now()).verdict for _, code in rows} == {"valid"}


@pytest.mark.django_db(transaction=True)
def test_bulk_waits_for_a_single_issue_and_then_leaves_its_dose_alone():
    first, second = make_dose(), make_dose()
    authority.ensure()
    counted = []

    def go():
        try:
            counted.append(issue_all_at_once())
        finally:
            connection.close()

    thread = threading.Thread(target=go)
    with transaction.atomic():
        services.issue(first.pk)
        thread.start()
        assert somebody_waits_for_us()
    thread.join()
    assert counted == [1]
    assert first.certificates.count() == second.certificates.count() == 1


def test_a_batch_asks_as_often_for_forty_doses_as_for_two():
    def asked(count):
        for _ in range(count):
            make_dose()
        with CaptureQueriesContext(connection) as queries:
            assert issue_all_at_once() == count
        return len(queries)

    asked(1)  # makes the keys
    assert asked(2) == asked(40)


def test_a_batch_asks_only_for_certificates_and_revocations_of_its_own_doses():
    """Whatever the planner knows of the tables: in a first load it knows nothing, and read all of them every time."""
    question = str(services.missing(5, 9).query)
    assert question.count(">= 5") == question.count("<= 9") == 3


def test_people_are_told_only_when_asked_for():
    silent, told = make_dose(), make_dose()
    bulk.issue_batch(silent.pk, silent.pk, EVERYBODY)
    assert not Message.objects.filter(kind="certificate_ready").exists()
    assert bulk.issue_batch(silent.pk, told.pk, bulk.Order(tell=True)) == 1
    assert Message.objects.filter(kind="certificate_ready").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_command_signs_everything_says_so_and_has_nothing_left_to_do():
    doses = [make_dose() for _ in range(5)]
    keys.signer("shc")
    out = StringIO()
    call_command("issue_certificates", "--all-missing", "--processes=2", stdout=out)
    assert "5 dosis belum punya sertifikat" in out.getvalue() and "5 sertifikat terbit" in out.getvalue()
    again = StringIO()
    call_command("issue_certificates", "--all-missing", stdout=again)
    assert "0 sertifikat terbit" in again.getvalue()
    assert all(dose.certificates.count() == 1 for dose in doses)
    assert json.dumps(list(Certificate.objects.values_list("facts", flat=True))).count("Puskesmas") == 5


def test_what_is_missing_is_planned_in_batches_by_id_and_little_of_it_is_put_together(monkeypatch):
    monkeypatch.setattr(bulk, "BATCH", 3)
    doses = sorted(make_dose().pk for _ in range(10))
    every = bulk.plan()
    assert sum(batch.doses for batch in every) == 10 and max(batch.doses for batch in every) <= 3
    assert (every[0].first, every[-1].last) == (doses[0], doses[-1])
    assert all(one.last < other.first for one, other in itertools.pairwise(every))
    for dose in doses[1:-1]:
        services.issue(dose)
    assert bulk.plan() == [bulk.Batch(doses[0], doses[-1], 2)]
    assert issue_all_at_once() == 2 and bulk.plan() == []
