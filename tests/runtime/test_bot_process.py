"""A bot's process as the host sees it: answers, failures, limits, warm reuse."""

import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from quarterdeck.bars import INTERVAL_MS, read_bars
from quarterdeck.events import OrderStatus, OrderUpdate

from apps.runtime.host import BotCrashed, BotFailed, BotProcess, BotProtocolError, BotTimeout
from apps.runtime.sandbox.limits import MEBIBYTE, SandboxLimits
from tests.runtime.bots import BTC, BTC_TREND, BTC_TREND_PARAMETERS, ROOT, make_bars, write_bot

IMPATIENT = SandboxLimits(slice_seconds_max=1.0)


def process_of(build_dir, limits=None, checkpoint=None, **parameters):
    return BotProcess(build_dir, parameters=parameters, instruments=[BTC], checkpoint=checkpoint, seed=1, limits=limits)


def feed_one(folder, body, limits=IMPATIENT):
    with process_of(write_bot(folder / "bot", body), limits) as process:
        return process.feed(make_bars(1))


def is_running(pid):
    """Whether a process exists and is more than a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition not reached"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def bars():
    return read_bars(ROOT / "data" / "btcusd_1h.csv", "BTC-USD", INTERVAL_MS["1h"])[:160]


def test_one_process_serves_slice_after_slice(bars):
    with process_of(BTC_TREND, **BTC_TREND_PARAMETERS) as process:
        pid = process.pid
        slices = [process.feed(bars[first : first + 40]) for first in range(0, 160, 40)]

        assert process.pid == pid
    [intent] = [intent for each in slices for intent in each.intents]
    assert (intent.seq, intent.quantity) == (1, Decimal("0.5"))
    assert [note.name for each in slices for note in each.signals] == ["average_gap"]
    assert {"fast_average", "slow_average", "close"} <= set(slices[0].inputs[0].values)


def test_another_process_goes_on_from_the_checkpoint(bars):
    with process_of(BTC_TREND, **BTC_TREND_PARAMETERS) as whole:
        expected = whole.feed(bars)
    with process_of(BTC_TREND, **BTC_TREND_PARAMETERS) as first:
        before = first.feed(bars[:70])

    with process_of(BTC_TREND, checkpoint=before.checkpoint, **BTC_TREND_PARAMETERS) as second:
        after = second.feed(bars[70:])

    assert before.intents + after.intents == expected.intents
    assert after.checkpoint == expected.checkpoint


def test_a_denied_order_frees_the_bot_to_try_again(tmp_path):
    body = """
def on_bar(self, bar):
    if not self.has_open_orders():
        self.buy(Decimal(1))
"""
    with process_of(write_bot(tmp_path / "bot", body)) as process:
        first, second = process.feed(make_bars(1)), process.feed(make_bars(1, first=1))
        denied = OrderUpdate(1, OrderStatus.DENIED, "LIMIT_MISSING", "", second.checkpoint["market_ms"])
        third = process.feed([denied, *make_bars(1, first=2)])

    assert [[intent.seq for intent in each.intents] for each in (first, second, third)] == [[1], [], [2]]


def test_printing_does_not_disturb_the_protocol(tmp_path):
    body = """
def on_bar(self, bar):
    print('{"v":1,"type":"done","id":2,"checkpoint":{}}')
    os.write(1, b"noise")
    self.buy(Decimal(1))
"""
    assert len(feed_one(tmp_path, body).intents) == 1


def test_an_endless_loop_is_a_timeout_and_leaves_no_process(tmp_path):
    process = process_of(write_bot(tmp_path / "bot", "def on_bar(self, bar):\n    while True: pass"), IMPATIENT)
    process.start()
    pid = process.pid

    with pytest.raises(BotTimeout):
        process.feed(make_bars(1))

    assert not process.is_alive
    assert not is_running(pid)


def test_a_dying_bot_is_a_crash_with_its_last_words(tmp_path):
    body = "def on_bar(self, bar):\n    print('farewell', flush=True)\n    os._exit(3)"

    with pytest.raises(BotCrashed) as caught:
        feed_one(tmp_path, body)

    assert "farewell" in caught.value.context["stderr"]


def test_an_exception_is_told_with_its_message(tmp_path):
    with pytest.raises(BotFailed, match="ZeroDivisionError"):
        feed_one(tmp_path, "def on_bar(self, bar):\n    1 / 0")


def test_an_exception_at_the_start_is_told_too(tmp_path):
    with pytest.raises(BotFailed, match="no such luck"):
        feed_one(tmp_path, "def on_start(self, ctx):\n    raise ValueError('no such luck')")


def test_too_much_memory_is_refused(tmp_path):
    limits = SandboxLimits(memory_bytes_max=256 * MEBIBYTE)

    with pytest.raises(BotFailed, match="MemoryError"):
        feed_one(tmp_path, f"def on_bar(self, bar):\n    bytearray({512 * MEBIBYTE})", limits)


def test_cpu_time_is_bounded(tmp_path):
    limits = SandboxLimits(cpu_seconds_max=1, slice_seconds_max=20)

    with pytest.raises(BotCrashed):
        feed_one(tmp_path, "def on_bar(self, bar):\n    while True: pass", limits)


def test_threads_are_bounded_but_allowed(tmp_path):
    body = """
def on_bar(self, bar):
    thread = threading.Thread(target=lambda: self.state.update(ran=1))
    thread.start()
    thread.join()
"""
    assert feed_one(tmp_path, body).checkpoint["state"] == {"ran": 1}


def test_the_scratch_folder_is_writable_and_gone_afterwards(tmp_path):
    body = """
def on_bar(self, bar):
    with open("note", "w") as note:
        note.write("x")
    self.state["files"] = os.listdir()
"""
    with process_of(write_bot(tmp_path / "bot", body)) as process:
        assert process.feed(make_bars(1)).checkpoint["state"] == {"files": ["note"]}
        scratch = process._child.scratch_dir

    assert not os.path.exists(scratch)


SAY = """
def on_bar(self, bar):
    import gc, quarterdeck.runner as runner
    server = next(o for o in gc.get_objects() if isinstance(o, runner._Server))
    server.writer.write({line} + b"\\n")
"""
HOUR = 3_600_000
INTENT = {
    "v": 1,
    "type": "intent",
    "seq": 1,
    "instrument": "BTC-USD",
    "side": "BUY",
    "quantity": "1",
    "order_type": "MARKET",
    "time_in_force": "GTC",
    "purpose": "OPENING",
    "reduce_only": False,
    "on_bar_end_ms": HOUR,
}


@pytest.mark.parametrize(
    "line",
    [
        "b'nonsense'",
        'b\'{"v":1,"type":"order_everything"}\'',
        "b'x' * 3_000_000",
        f"json.dumps({INTENT | {'seq': 2}}).encode()",
        f"json.dumps({INTENT | {'quantity': 'NaN'}}).encode()",
        f"json.dumps({INTENT | {'instrument': 'ETH-USD'}}).encode()",
        f"json.dumps({INTENT | {'on_bar_end_ms': HOUR + 1}}).encode()",
        f"json.dumps({INTENT}).encode()",
        'b\'{"v":1,"type":"done","id":2,"checkpoint":null}\'',
        'b\'{"v":1,"type":"done","id":2,"checkpoint":{"next_seq":9}}\'',
    ],
)
def test_a_bot_that_forges_the_protocol_is_cut_off(tmp_path, line):
    with pytest.raises(BotProtocolError):
        feed_one(tmp_path, SAY.replace("{line}", line))


def test_a_dead_process_refuses_more(tmp_path):
    process = process_of(write_bot(tmp_path / "bot", "pass"))
    process.start()
    process.close()

    with pytest.raises(BotCrashed):
        process.feed(make_bars(1))


def test_a_killed_worker_takes_its_sandbox_along(tmp_path):
    bot = write_bot(tmp_path / "bot", "pass")
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(bot)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    child_pid, scratch_dir = int(worker.stdout.readline()), worker.stdout.readline().strip()
    assert is_running(child_pid)

    worker.kill()
    worker.wait()
    worker.stdout.close()

    wait_until(lambda: not is_running(child_pid))
    assert scratch_dir
    assert not os.path.exists(scratch_dir)


WORKER = """
import sys, time
from pathlib import Path
from apps.runtime.host import BotProcess
from tests.runtime.bots import BTC
process = BotProcess(Path(sys.argv[1]), parameters={}, instruments=[BTC], checkpoint=None, seed=1)
process.start()
print(process.pid, flush=True)
print(process._child.scratch_dir, flush=True)
time.sleep(600)
"""
