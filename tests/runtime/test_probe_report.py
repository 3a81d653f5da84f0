"""Workers probe their sandbox, report what was found, and run no live deployment where it does not hold."""

from types import SimpleNamespace

import pytest

from apps.alerts.models import Alert
from apps.audit.context import acting
from apps.common import claims
from apps.common.clocks import wall_now
from apps.deployments.models import Deployment
from apps.execution import services as execution
from apps.execution.models import Cycle
from apps.runtime import services
from apps.runtime.models import WorkerReport
from apps.runtime.sandbox.limits import SandboxReport
from apps.runtime.sandbox.probing import ProbeResult
from controlplane.celery import examine_sandbox
from tests.api.world import make_world

WALLS = SandboxReport.from_measures(["network_namespace", "seccomp", "landlock", "uid", "rlimits"])
HELD = ProbeResult(True, [], ["network: blocked"], WALLS)
LEAKED = ProbeResult(False, ["read a secret"], [], SandboxReport.from_measures([]))


@pytest.fixture(autouse=True)
def unexamined(monkeypatch):
    """A process that has not probed anything yet, and forgets afterwards what it found."""
    monkeypatch.setattr(services, "_examined", None)


@pytest.fixture
def found(monkeypatch):
    """Let the probe find what a test says; the calls it got."""

    def answer(result):
        calls = []
        monkeypatch.setattr(services, "probe", lambda **targets: calls.append(targets) or result)
        return calls

    return answer


@pytest.fixture
def due_cycle(db, tmp_path, settings):
    """Makes a claimed cycle of a deployment in a mode."""
    settings.DATASET_ROOT = tmp_path

    def make(mode):
        deployment = make_world(tmp_path).own.deployment
        with acting("job:test", "arrange"):
            Deployment.objects.filter(pk=deployment.pk).update(
                mode=mode, environment="live" if mode == "live" else "paper"
            )
        Cycle.objects.create(deployment=deployment, epoch=1, sequence=1, from_ms=0, due_at=wall_now())
        return claims.claim(Cycle.objects.all(), lease_s=15)[0]

    return make


@pytest.mark.django_db
def test_a_worker_reports_that_its_sandbox_holds():
    services.examine_worker(worker="cycles@here")

    assert services.report_worker()
    report = WorkerReport.objects.get()
    assert (report.worker, report.has_passed, report.leaks) == ("cycles@here", True, [])
    assert report.capabilities["sockets"] is True


@pytest.mark.django_db
def test_a_failed_probe_is_reported_with_what_leaked(found):
    found(LEAKED)
    services.examine_worker(worker="cycles@here")

    services.report_worker()

    report = WorkerReport.objects.get()
    assert (report.has_passed, report.leaks) == (False, ["read a secret"])
    assert not services.is_sandbox_proven()


@pytest.mark.django_db
def test_a_report_is_not_repeated_at_once(found):
    found(HELD)
    services.examine_worker(worker="cycles@here")
    services.report_worker()
    before = WorkerReport.objects.get().reported_at

    assert not services.report_worker()
    assert WorkerReport.objects.get().reported_at == before


@pytest.mark.django_db
def test_a_later_report_renews_the_same_row(found):
    found(HELD)
    services.examine_worker(worker="cycles@here")
    services.report_worker()
    before = WorkerReport.objects.get().reported_at

    services._examined.next_report = 0.0
    services.report_worker()

    assert WorkerReport.objects.get().reported_at > before


@pytest.mark.django_db
def test_a_process_that_is_no_worker_reports_nothing():
    assert not services.report_worker()
    assert not WorkerReport.objects.exists()


def test_the_probe_attacks_the_secrets_of_the_installation(found, tmp_path, settings):
    settings.VAR = tmp_path
    secret = tmp_path / "secrets" / "embedded.json"
    secret.parent.mkdir()
    secret.write_text("{}")
    calls = found(HELD)

    services.examine_worker(worker="cycles@here")

    assert calls == [{"extra_secrets": (secret,), "extra_sockets": ()}]


@pytest.mark.parametrize(("queue", "is_examined"), [("cycles", True), ("gates", True), ("orders", False)])
def test_workers_that_run_bots_examine_their_sandbox(found, queue, is_examined):
    calls = found(HELD)
    worker = SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from={queue: 1}))))

    examine_sandbox(f"{queue}@here", worker)

    assert bool(calls) is is_examined
    assert services.is_sandbox_proven() is is_examined


def test_a_live_cycle_is_left_to_others_where_the_sandbox_leaks(due_cycle, found):
    cycle = due_cycle("live")
    found(LEAKED)
    services.examine_worker(worker="cycles@here")

    execution.run_cycle(cycle)

    left = Cycle.objects.get(pk=cycle.pk)
    assert (left.state, left.lease_owner, left.attempts) == ("due", "", 0)
    assert left.due_at > wall_now()
    assert Deployment.objects.get(pk=cycle.deployment_id).observed == "starting"
    assert Alert.objects.get(code="SANDBOX_UNPROVEN").detail == {"worker": "cycles@here"}


def test_a_live_cycle_is_left_to_others_where_nothing_was_probed(due_cycle):
    cycle = due_cycle("live")

    execution.run_cycle(cycle)

    assert Cycle.objects.get(pk=cycle.pk).state == "due"
    assert Alert.objects.filter(code="SANDBOX_UNPROVEN", tier="critical").exists()


def test_a_paper_cycle_is_not_left_to_others(due_cycle):
    cycle = due_cycle("paper")

    execution.run_cycle(cycle)

    assert not Alert.objects.filter(code="SANDBOX_UNPROVEN").exists()
