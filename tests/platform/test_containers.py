"""Dockerfile and compose file carry what the settings and the code ask of them."""

import importlib.util
import re
from typing import Any

import pytest
import yaml
from django.conf import settings

from controlplane.supervisor import plan
from controlplane.supervisor.installation import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
PRODUCT = {name: service for name, service in SERVICES.items() if "build" in service}
SERVING = {name: service for name, service in PRODUCT.items() if name != "provision"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS_READ = re.compile(r"""(?:environ\.get\(|environ\[|required\()\s*"([A-Z_]+)\"""")
# The engine or the code itself decides these; the owner's address is for `provision` alone.
NOT_FROM_COMPOSE = {"DATABASE_OWNER_URL", "QUARTERDECK_PROCESS", "STATIC_ROOT", "SECURE_SSL_REDIRECT"}


def test_every_queue_has_exactly_one_worker_service() -> None:
    served = [_option(service["command"], "-Q") for name, service in PRODUCT.items() if name.startswith("worker")]
    assert sorted(served) == sorted(settings.QUEUES)


def test_supervisor_serves_every_queue() -> None:
    assert set(plan.QUEUES) == set(settings.QUEUES)


def test_worker_services_are_as_wide_as_the_supervisor_makes_them() -> None:
    widths = {
        _option(service["command"], "-Q"): int(_option(service["command"], "-c"))
        for name, service in PRODUCT.items()
        if name.startswith("worker")
    }
    assert widths == plan.QUEUES


def test_every_process_of_the_supervisor_has_a_service() -> None:
    names = {"web", "live", "beat", *(f"worker-{queue}" for queue in plan.QUEUES)}
    assert set(SERVING) == names


@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_command_names_something_that_exists(name: str) -> None:
    program, *arguments = PRODUCT[name]["command"]
    if program == "python":
        command = ROOT / "apps" / "audit" / "management" / "commands" / f"{arguments[1]}.py"
        assert (ROOT / arguments[0]).exists()
        assert command.exists()
    else:
        assert importlib.util.find_spec(program) is not None
        target = arguments[-1].partition(":")[0] if program != "celery" else _option(arguments, "-A")
        assert importlib.util.find_spec(target) is not None


def test_compose_provides_every_variable_that_the_settings_read() -> None:
    read: set[str] = set()
    for name in ("base", "prod"):
        read |= set(SETTINGS_READ.findall((ROOT / "controlplane" / "settings" / f"{name}.py").read_text()))
    assert {"DATABASE_URL", "REDIS_URL", "QUARTERDECK_SECRET_KEY"} <= read
    for name, service in PRODUCT.items():
        assert read - NOT_FROM_COMPOSE <= set(service["environment"]), name


def test_only_provision_reaches_the_database_as_its_owner() -> None:
    assert "quarterdeck_owner:" in PRODUCT["provision"]["environment"]["DATABASE_URL"]
    for service in SERVING.values():
        assert "quarterdeck_app:" in service["environment"]["DATABASE_URL"]
        assert "DATABASE_OWNER_URL" not in service["environment"]


def test_ports_are_mapped_where_the_servers_listen() -> None:
    for name, variable, default in (("web", "PORT", 8000), ("live", "LIVE_PORT", 8001)):
        service = PRODUCT[name]
        inside = service["environment"][variable]
        assert service["ports"] == [f"127.0.0.1:${{{variable}:-{default}}}:{inside}"]
        assert f"--port={inside}" in service["command"]
        assert service["healthcheck"]["test"][-1] == inside


def test_every_secret_is_required_and_named_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    required = set(re.findall(r"\$\{(\w+):\?\}", text))
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    optional = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)", text)) <= required | optional
    assert required == example


@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_product_services_are_hardened(name: str) -> None:
    service = PRODUCT[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_serving_waits_for_provisioning_and_redis() -> None:
    for service in SERVING.values():
        assert service["depends_on"]["provision"] == {"condition": "service_completed_successfully"}
        assert service["depends_on"]["redis"] == {"condition": "service_healthy"}


def test_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001"]
    assert DOCKERFILE.index("USER 10001") > DOCKERFILE.index("RUN useradd")


def test_image_installs_locked_requirements_and_no_embedded_server() -> None:
    assert "--require-hashes --only-binary :all: -r requirements.txt" in DOCKERFILE
    assert "embedded" not in DOCKERFILE
    assert "requirements-embedded.txt" not in (ROOT / ".dockerignore").read_text()


def test_image_copies_only_what_exists() -> None:
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_sdk_is_importable_in_the_image() -> None:
    assert "PYTHONPATH=/app:/app/sdk/src" in DOCKERFILE
    assert (ROOT / "sdk" / "src" / "quarterdeck").is_dir()


def test_database_and_redis_are_the_versions_of_the_design() -> None:
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert SERVICES["redis"]["image"] == "redis:8"


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]
