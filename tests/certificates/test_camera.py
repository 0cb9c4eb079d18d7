"""The camera of /verifikasi/: Chromium's own fake device plays a film of a code, as wide as a phone's camera."""

import pytest
import segno

from certificates import services, verify_views, wellknown
from tests.certificates.doses import make_dose
from tests.journeys.visitor import PHONE, Visitor
from tests.patience import until

pytestmark = pytest.mark.django_db(transaction=True)
WIDTH, HEIGHT = 1280, 720


def film(path, text=""):
    """Three still pictures as Y4M: a code on grey, or grey alone."""
    rows = [bytearray(b"\xb0" * WIDTH) for _ in range(HEIGHT)]
    if text:
        modules = list(segno.make_qr(text, error="l").matrix_iter(scale=1, border=4))
        scale = HEIGHT // len(modules)
        for y in range(len(modules) * scale):
            line = b"".join((b"\x10" if dark else b"\xeb") * scale for dark in modules[y // scale])
            rows[y][100 : 100 + len(line)] = line
    picture = b"FRAME\n" + b"".join(rows) + b"\x80" * (WIDTH * HEIGHT // 2)
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F5:1 Ip A1:1 C420\n".encode() + picture * 3)
    return path


@pytest.fixture
def with_camera(browser_type, browser_type_launch_args, live_server, redis_client, tmp_path):
    """/verifikasi/ on a phone whose camera sees `text`; `may` is the answer when asked for the camera."""
    for page in (verify_views.page, verify_views.verifier_data, *wellknown.PAGES.values()):
        page.clear()
    browsers = []

    def make(text="", *, may=True):
        flags = [*browser_type_launch_args["args"], "--use-fake-device-for-media-stream"]
        flags += [f"--use-file-for-fake-video-capture={film(tmp_path / 'film.y4m', text)}"]
        flags += ["--use-fake-ui-for-media-stream"] if may else []
        browsers.append(browser_type.launch(**browser_type_launch_args | {"args": flags}))
        person = Visitor(browsers[-1].new_context(viewport=PHONE, locale="id-ID"), live_server.url, scripts=True)
        person.visit("/verifikasi/")
        person.page.locator("#verify-form[data-ready][data-scanner]").wait_for()
        return person

    yield make
    for browser in browsers:
        browser.close()


def camera_is_on(person):
    return person.page.evaluate("document.querySelector('video').srcObject?.active ?? false")


def test_the_camera_reads_a_certificate_and_is_closed(with_camera):
    dose = make_dose()
    person = with_camera(services.issue(dose.pk).hc1)
    person.page.get_by_role("button", name="Pindai dengan kamera").click()
    person.page.locator("#verdict[data-verdict=valid]").wait_for()
    assert dose.citizen.full_name in person.text
    assert not camera_is_on(person)


def test_the_picture_of_the_camera_fits_the_screen_and_a_second_press_closes_it(with_camera):
    person = with_camera()
    person.page.get_by_role("button", name="Pindai dengan kamera").click()
    close = person.page.get_by_role("button", name="Tutup kamera")
    close.wait_for()
    until(lambda: person.page.evaluate("document.querySelector('video').videoWidth") == WIDTH, "the camera's picture")
    assert person.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    close.click()
    person.page.get_by_role("button", name="Pindai dengan kamera").wait_for()
    assert not camera_is_on(person)
    assert person.page.locator("[data-scan-status]").inner_text() == ""


def test_a_refused_camera_is_told_with_what_to_do(with_camera):
    person = with_camera(may=False)
    person.page.get_by_role("button", name="Pindai dengan kamera").click()
    person.page.get_by_text("Kamera tidak dapat dipakai. Pilih gambar, atau tempel teks kodenya.").wait_for()
    assert not camera_is_on(person)
    assert person.page.get_by_text("Pilih gambar atau berkas").is_visible()


def test_a_page_with_an_error_still_scans(with_camera):
    person = with_camera()
    person.press("Periksa", exact=True)
    assert "Isi kotak ini" in person.text
    person.page.get_by_role("button", name="Pindai dengan kamera").wait_for()
