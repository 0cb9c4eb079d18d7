"""Citizens: one NIK one record, families, temporary identities, merging."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from registration import merging, nik, queries, services
from registration.models import Citizen, CitizenMerge
from tests.registration.people import make_account, make_citizen, nik_for
from tests.staff import make_staff

pytestmark = pytest.mark.django_db
BORN = date(1931, 5, 17)


def years_ago(years):
    return timezone.localdate() - timedelta(days=round(years * 365.25))


def test_the_nik_is_encrypted_in_the_table_and_found_by_its_index():
    citizen = make_citizen(nik=nik_for(BORN, "P", 9123), birth_date=BORN)
    assert services.find_by_nik("9974 0157 0531 9123") == citizen
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM registration_citizen c WHERE id = %s", [citizen.pk])
        assert citizen.nik not in cursor.fetchone()[0]


def test_a_difference_between_nik_and_birth_date_is_stored_as_a_warning_and_accepted():
    citizen = make_citizen(nik=nik_for(date(1950, 1, 1), "L"), birth_date=BORN, sex="P")
    assert citizen.nik_warnings == [nik.REGION, nik.SEX, nik.BIRTH_DATE]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"nik": "123"}, "nik"),
        ({"full_name": "4dmin"}, "full_name"),
        ({"birth_date": date(2999, 1, 1)}, "birth_date"),
        ({"birth_date": date(1899, 12, 31)}, "birth_date"),
        ({"sex": "X"}, "sex"),
        ({"nik": None, "no_nik_reason": ""}, "no_nik_reason"),
        ({"family_card_number": "12"}, "family_card_number"),
        ({"contact_phone": "abc"}, "contact_phone"),
    ],
)
def test_a_bad_entry_names_its_field_and_writes_nothing(wrong, field):
    entry = {"nik": nik_for(BORN, "P"), "full_name": "Suparti", "birth_date": BORN, "sex": "P"} | wrong
    with pytest.raises(ValidationError) as refused:
        services.register_citizen(**entry)
    assert field in refused.value.message_dict
    assert not Citizen.objects.exists()


def test_the_same_nik_twice_is_one_record():
    first = make_citizen()
    with pytest.raises(services.NikTaken) as taken:
        make_citizen(nik=first.nik)
    assert taken.value.citizen_id == first.pk
    assert first.full_name not in str(taken.value)


@pytest.mark.django_db(transaction=True)
def test_two_registrations_of_one_nik_at_the_same_moment_make_one():
    number = nik_for(BORN, "P")

    def register(_turn):
        try:
            make_citizen(nik=number, birth_date=BORN)
        except services.NikTaken:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(register, range(8))) == 1
    assert Citizen.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_desks_that_type_one_nik_at_the_same_moment_get_the_same_person():
    number = nik_for(BORN, "P")

    def arrive(_turn):
        try:
            citizen, created = services.known_or_new(nik=number, full_name="Suparti", birth_date=BORN, sex="P")
        finally:
            connection.close()
        return citizen.pk, created

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(arrive, range(8)))
    assert len({pk for pk, _created in answers}) == 1
    assert sum(created for _pk, created in answers) == 1


@pytest.mark.django_db(transaction=True)
def test_a_family_never_grows_past_its_limit_however_fast_one_posts(settings):
    settings.FAMILY_LIMIT = 3
    account = make_account()

    def add(_turn):
        try:
            make_citizen(account)
        except ValidationError:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(8))) == 3
    assert len(queries.family(account)) == 3


def test_a_temporary_number_never_looks_like_a_nik():
    citizen = make_citizen(no_nik_reason="adat")
    assert citizen.temporary_code.startswith("TS-")
    assert not nik.looks_like(citizen.temporary_code)
    assert services.find_by_temporary_code(citizen.temporary_code.lower()) == citizen


def test_a_child_is_registered_under_an_adult_of_the_same_family():
    account = make_account()
    with pytest.raises(ValidationError) as refused:
        make_citizen(account, birth_date=years_ago(3), no_nik_reason="bayi", relation="anak")
    assert "guardian" in refused.value.message_dict
    parent = make_citizen(account)
    stranger = make_citizen(make_account())
    with pytest.raises(ValidationError):
        make_citizen(account, birth_date=years_ago(3), no_nik_reason="bayi", guardian=stranger)
    child = make_citizen(account, birth_date=years_ago(3), no_nik_reason="bayi", relation="anak", guardian=parent)
    with pytest.raises(ValidationError):
        make_citizen(account, birth_date=years_ago(2), no_nik_reason="bayi", guardian=child)
    assert queries.family(account) == [parent, child]


def test_a_baby_keeps_its_record_when_the_nik_is_issued():
    account = make_account()
    parent = make_citizen(account)
    born = years_ago(0.1)
    baby = make_citizen(account, birth_date=born, sex="L", no_nik_reason="bayi", guardian=parent, relation="anak")
    changed = services.update_citizen(baby.pk, nik=nik_for(born, "L", 9321))
    assert (changed.pk, changed.no_nik_reason) == (baby.pk, "")
    assert services.find_by_nik(nik_for(born, "L", 9321)) == baby


def test_after_the_desk_has_seen_the_card_only_the_desk_changes_the_identity():
    citizen = make_citizen(make_account(), identity_verified=True)
    services.update_citizen(citizen.pk, address="Jl. Pemuda 1")
    with pytest.raises(ValidationError) as refused:
        services.update_citizen(citizen.pk, birth_date=date(1930, 1, 1))
    assert refused.value.code == "locked"
    assert services.update_citizen(citizen.pk, by_staff=True, full_name="Suparti Baru").full_name == "Suparti Baru"


def test_changing_to_a_nik_of_somebody_else_is_refused():
    one, other = make_citizen(), make_citizen()
    with pytest.raises(services.NikTaken):
        services.update_citizen(one.pk, nik=other.nik)


def test_merging_moves_the_rows_of_other_apps_and_leaves_a_trail(monkeypatch):
    calls = []
    monkeypatch.setattr(merging, "_movers", [lambda kept, merged: calls.append((kept.pk, merged.pk))])
    account = make_account()
    temporary = make_citizen(account, no_nik_reason="lain")
    child = make_citizen(account, birth_date=years_ago(4), no_nik_reason="bayi", guardian=temporary, relation="anak")
    known = make_citizen()
    staff = make_staff(city=True, role="admin_dinkes")
    kept = services.merge_citizens(kept_id=known.pk, merged_id=temporary.pk, by=staff, reason="KTP dilihat di meja")
    child.refresh_from_db()
    assert calls == [(known.pk, temporary.pk)]
    assert (kept.account, child.guardian_id) == (account, known.pk)
    assert services.find_by_temporary_code(temporary.temporary_code) == known
    assert CitizenMerge.objects.get().by == staff
    assert queries.family(account) == [known, child]


def test_a_refusal_of_one_app_undoes_the_whole_merge(monkeypatch):
    def refuse(kept, merged):
        raise ValidationError("Keduanya punya janji aktif.")

    monkeypatch.setattr(merging, "_movers", [refuse])
    temporary, known = make_citizen(no_nik_reason="lain"), make_citizen()
    with pytest.raises(ValidationError):
        services.merge_citizens(
            kept_id=known.pk, merged_id=temporary.pk, by=make_staff(city=True), reason="KTP dilihat"
        )
    temporary.refresh_from_db()
    assert temporary.merged_into is None
    assert not CitizenMerge.objects.exists()


def test_two_records_with_a_nik_each_are_two_people():
    one, other = make_citizen(), make_citizen()
    with pytest.raises(ValidationError):
        services.merge_citizens(kept_id=one.pk, merged_id=other.pk, by=make_staff(city=True), reason="kembar")


def test_age_is_counted_in_completed_years_and_months():
    citizen = Citizen(birth_date=date(2020, 2, 29))
    assert (citizen.age_on(date(2021, 2, 28)), citizen.age_on(date(2021, 3, 1))) == (0, 1)
    assert (citizen.age_months_on(date(2020, 3, 28)), citizen.age_months_on(date(2020, 3, 29))) == (0, 1)
