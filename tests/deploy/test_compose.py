"""docker-compose.yml and Dockerfile, as far as they can be proven without an engine."""

import contextlib
import re
from pathlib import Path

import psycopg2
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from victori import embedded

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
SECRETS = re.compile(r"SECRET|KEY|PASSWORD|TOKEN")


def test_file_obeys_the_compose_schema():
    schema = get_builtin_schema("vendor.compose-spec")
    validator = validator_for(schema, default=Draft202012Validator)(schema)
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []


def test_schema_check_notices_a_mistake():
    schema = get_builtin_schema("vendor.compose-spec")
    validator = validator_for(schema, default=Draft202012Validator)(schema)
    broken = COMPOSE | {"services": SERVICES | {"web": SERVICES["web"] | {"comand": ["x"]}}}
    assert list(validator.iter_errors(broken))


def test_the_processes_of_make_run_are_all_there():
    assert set(SERVICES) == {"postgres", "redis", "migrate", "web", "worker", "beat", "pcare-simulator", "nginx"}
    assert SERVICES["pcare-simulator"]["profiles"] == ["simulator"]
    assert [SERVICES[name]["image"].split(":")[0] for name in ("postgres", "redis", "nginx")] == [
        "postgres",
        "redis",
        "nginx",
    ]
    assert SERVICES["postgres"]["image"] == "postgres:18"


def test_postgres_starts_with_settings_for_a_server(tmp_path):
    mounted = next(one for one in SERVICES["postgres"]["volumes"] if one.endswith(":ro"))
    config, inside, _ = mounted.split(":")
    assert f"config_file={inside}" in SERVICES["postgres"]["command"]
    server = embedded.Postgres(
        tmp_path / "data", embedded.socket_folder(tmp_path), tmp_path / "log", durable=False, config=ROOT / config
    )
    server.start()
    try:
        connection = psycopg2.connect(host=str(server.sockets), user=embedded.ROLE, dbname=embedded.DATABASE)
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT name, setting, applied, error FROM pg_file_settings")
            written = {name: (setting, applied, error) for name, setting, applied, error in cursor}
            cursor.execute("SHOW shared_buffers")
            assert cursor.fetchone() == (written["shared_buffers"][0],) == ("1GB",)
        assert all(applied and not error for _, applied, error in written.values())
    finally:
        server.stop()


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_each_lasting_service_has_a_health_check(name):
    assert SERVICES[name]["healthcheck"]["test"]


def test_no_secret_has_a_default():
    for variable, rest in re.findall(r"\$\{([A-Z0-9_]+)([^}]*)\}", TEXT):
        if SECRETS.search(variable):
            assert rest.startswith(":?") or rest == ":-", f"{variable}{rest}"
    for name, service in SERVICES.items():
        for variable, value in (service.get("environment") or {}).items():
            if SECRETS.search(variable):
                assert str(value).startswith("${"), f"{name}: {variable}"


def test_only_nginx_is_reachable_from_outside():
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["nginx"]


def test_image_runs_without_root_on_hashed_dependencies():
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.+)$", text, re.M) == ["10001:10001"]
    assert "--require-hashes -r" in text
    for name in ("web", "worker", "beat", "migrate", "pcare-simulator"):
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"] is True


def test_every_variable_of_the_nginx_template_is_given():
    template = (ROOT / "deploy/nginx/portal.conf.template").read_text()
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", template))
    assert wanted == set(SERVICES["nginx"]["environment"])


def test_nginx_reads_the_copy_that_the_worker_writes():
    folder = SERVICES["worker"]["environment"]["PUBLIC_COPY_DIR"]
    assert f"copy:{folder}" in SERVICES["worker"]["volumes"]
    assert SERVICES["nginx"]["environment"]["COPY_FOLDER"] == folder
    assert f"copy:{folder}:ro" in SERVICES["nginx"]["volumes"]
    # A new volume takes its owner from the image: without the folder there the worker could not write.
    assert folder in next(line for line in (ROOT / "Dockerfile").read_text().splitlines() if "install -d" in line)


def lane(name):
    """Room of one lane of the gate, as shipped."""
    return int(re.fullmatch(r"\$\{\w+:-(\d+)\}", SERVICES["nginx"]["environment"][name])[1])


def test_the_gate_and_the_process_agree_on_who_turns_people_away():
    room = sum(lane(name) for name in ("GATE_IN_FLIGHT", "GATE_STAFF", "GATE_POLLS", "GATE_PAGES"))
    assert int(SERVICES["web"]["environment"]["QUEUE_LIMIT"]) >= room
    assert any(line.startswith("./deploy/nginx/nginx.conf:") for line in SERVICES["nginx"]["volumes"])


def test_a_gate_that_stays_full_opens_the_waiting_room(settings):
    # The application sees no more requests at once than the gate lets in: a higher mark would never be reached.
    assert lane("GATE_IN_FLIGHT") > settings.ADMISSION_ON_IN_FLIGHT


def test_nginx_goes_before_a_busy_application_on_the_same_machine():
    shares = {name: service.get("cpu_shares", 1024) for name, service in SERVICES.items()}
    assert shares.pop("nginx") >= 4 * max(shares.values())
