"""A replay gives the same result; a changed file, seed or row is found."""

from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from scheduling.draws import files as draw_files
from scheduling.draws import run as draw_run
from scheduling.draws import weights as draw_weights
from scheduling.models import DrawEntry, DrawMember
from tests.registration.people import make_citizen
from tests.scheduling.lots import complaints, enter, hold_draw, make_draw
from tests.scheduling.world import make_slot

pytestmark = pytest.mark.django_db


# --- replay ---------------------------------------------------------------------------------------------------------


def replay(*arguments):
    """(exit code, text) of `manage.py draw replay`."""
    out = StringIO()
    try:
        call_command("draw", "replay", *arguments, stdout=out)
    except SystemExit as ended:
        return ended.code, out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def drawn():
    draw = make_draw(places=3, weights=[draw_weights.age_rule(60, 1)])
    for year in range(8):
        enter(draw, make_citizen(birth_date=date(1950 + year * 6, 3, 4)))
    return hold_draw(draw)


def test_a_replay_gives_the_same_result_and_the_same_words(drawn):
    code, text = replay(str(drawn.pk))
    assert code == 0
    assert text.endswith("\nSAMA\n")
    assert drawn.list_hash in text and drawn.seed_hash in text
    assert replay(str(drawn.pk)) == (code, text)


def test_a_replay_from_the_published_file_needs_nothing_else(drawn, tmp_path, django_db_blocker):
    file = tmp_path / "hasil.csv"
    file.write_bytes(draw_files.result_file(draw_run.results_of(drawn)))
    hashes = [f"--seed-hash={drawn.seed_hash}", f"--list-hash={drawn.list_hash}"]
    seed = drawn.revealed_seed
    with django_db_blocker.block():
        code, text = replay(f"--csv={file}", f"--seed={seed}", *hashes)
    assert (code, text.splitlines()[-1]) == (0, "SAMA")


@pytest.mark.parametrize("change", ["weight", "swap", "remove", "add", "seed", "winner"])
def test_a_changed_file_is_found(drawn, tmp_path, change):
    lines = draw_files.result_file(draw_run.results_of(drawn)).decode().splitlines()
    seed = drawn.revealed_seed
    match change:
        case "weight":
            lines[3] = lines[3].replace(",1,1,", ",3,1,").replace(",2,1,", ",5,1,")
        case "swap":
            one, two = lines[1].split(","), lines[2].split(",")
            one[0], two[0] = two[0], one[0]
            lines[1:3] = [",".join(two), ",".join(one)]
        case "remove":
            del lines[5]
        case "add":
            lines.append(lines[1].replace(lines[1].split(",")[1], "AAAAAAAA").replace("1,", "9,", 1))
        case "seed":
            seed = "0" * 64
        case "winner":
            # The third gives its place to the last: the order is right, somebody was passed over.
            won, lost = lines[3].split(","), lines[-1].split(",")
            won[5:7], lost[5:7] = lost[5:7], won[5:7]
            lines[3], lines[-1] = ",".join(won), ",".join(lost)
    file = tmp_path / "hasil.csv"
    file.write_text("\n".join(lines) + "\n")
    code, text = replay(
        f"--csv={file}", f"--seed={seed}", f"--seed-hash={drawn.seed_hash}", f"--list-hash={drawn.list_hash}"
    )
    assert (code, text.splitlines()[-1]) == (1, "BERBEDA")


def test_rows_changed_behind_the_back_are_found_by_replay_and_audit(drawn):
    lucky = drawn.entries.get(rank=1)
    DrawEntry.objects.filter(pk=lucky.pk).update(weight=lucky.weight + 1)
    assert replay(str(drawn.pk))[0] == 1
    assert complaints() == {"daftar, benih, dan urutan undian sama dengan yang diumumkan": 1}


def test_a_number_added_after_the_draw_is_found(drawn):
    DrawEntry.objects.create(draw=drawn, ticket="ABCDEFGH", wishes=[drawn.schedules.get().pk], weight=1)
    assert replay(str(drawn.pk))[0] == 1
    assert complaints()


def test_a_winner_who_lost_the_appointment_row_is_found(drawn):
    DrawMember.objects.filter(entry__rank=1).update(appointment=None)
    assert complaints() == {"setiap pemenang undian punya satu janji, yang lain tidak": 1}


def test_the_command_says_what_is_missing(drawn, tmp_path):
    waiting = make_draw(make_slot(days=5, release_at=timezone.now() + timedelta(hours=3)).schedule)
    for arguments in ([str(waiting.pk)], ["0"], [], [f"--csv={tmp_path / 'x.csv'}"], [f"--csv={tmp_path}", "--seed=1"]):
        with pytest.raises(CommandError):
            replay(*arguments)
    bad = tmp_path / "bad.csv"
    bad.write_text("apa saja\n")
    with pytest.raises(CommandError, match="baris 1"):
        replay(f"--csv={bad}", "--seed=1")
    out = StringIO()
    call_command("draw", "list", stdout=out)
    assert f"{drawn.pk}\tdrawn\t" in out.getvalue() and f"{waiting.pk}\topen\t" in out.getvalue()
    out = StringIO()
    call_command("draw", "run", str(drawn.pk), stdout=out)
    assert out.getvalue() == "keadaan: drawn\nnomor: 8\ndapat tempat: 3\n"
