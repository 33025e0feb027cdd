"""Collection: how many events a second are made durable, how long a sender waits, how far storing lags behind."""

import http.client
import math
import threading
import time

from common import CONNECTIONS, SECONDS, SHORT_SECONDS, UNAPPLIED, Sluice, memory_mb, status, sync_seconds, wrk


class Watcher(threading.Thread):
    """Looks at the lag twice a second. A look at which the server does not tell it counts as an infinite one."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.lags, self.items, self.over = server, [], [], threading.Event()

    def run(self):
        while not self.over.wait(0.5):
            try:
                now = status(self.server)
            except (OSError, http.client.HTTPException, ValueError, LookupError):
                now = {}
            self.lags.append(now.get("lag_seconds", math.inf))
            self.items.append(now["durable_seq"] - now["applied_seq"] if now else math.inf)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def drain(server, most=600):
    """Seconds until everything that is on disk is stored, too; infinite if that took longer than `most`."""
    start = time.perf_counter()
    while time.perf_counter() - start < most:
        now = status(server)
        if now["applied_seq"] >= now["durable_seq"]:
            return time.perf_counter() - start
        time.sleep(0.05)
    return math.inf


def pause_for(server, key, target):
    """The pause in ms before a request with which all connections together make `target` requests a second: what a request takes
    besides is measured at about that rate, since it is neither what it takes without a pause nor a fixed time."""
    turn = CONNECTIONS / target * 1000
    tried = max(1.0, turn * 0.8)
    first = wrk(f"{server.url}/v1/events", "batch.lua", max(3, SHORT_SECONDS // 3), KEY=key, DELAY_MS=tried)
    drain(server)
    return max(1.0, turn - (CONNECTIONS / first["rate"] * 1000 - tried))


def run(folder, results):
    server = Sluice(folder / "collect").start("--benchmark")
    key = server.write_key
    try:
        echo = wrk(f"{server.url}/echo", "batch.lua", SHORT_SECONDS, KEY=key)
        results.add("echo, batches of 100", echo["rate"] * 100, "events/s")

        with Watcher(server) as watcher:
            batch = wrk(f"{server.url}/v1/events", "batch.lua", SECONDS, KEY=key)
        results.add("collect, batches of 100", batch["rate"] * 100, "events/s")
        results.add("collect ÷ echo", batch["rate"] / echo["rate"], least=0.12)
        results.add("collect, p50", batch["p50_ms"], "ms")
        results.add("collect, p99", batch["p99_ms"], "ms", most=50)
        results.add("collect, slowest", batch["max_ms"], "ms", most=500)
        results.add("collect, refused or broken", batch["status_errors"] + batch["socket_errors"], "requests", most=0)
        results.add("lag at the end", watcher.items[-1] if watcher.items else math.inf, "events")
        results.add("lag drained after", drain(server), "s", most=120)
        results.add("peak memory of the collect run", memory_mb(server.process.pid, "VmHWM"), "MB", most=1500)

        pause = pause_for(server, key, echo["rate"] * 0.055)
        with Watcher(server) as watcher:
            paced = wrk(f"{server.url}/v1/events", "batch.lua", SHORT_SECONDS * 2, KEY=key, DELAY_MS=pause)
        results.add("paced", paced["rate"] * 100, "events/s")
        results.add("paced ÷ echo", paced["rate"] / echo["rate"], least=0.05)
        results.add("paced, greatest lag", max(watcher.lags, default=math.inf), "s", most=2)
        results.add("paced, p99", paced["p99_ms"], "ms")
        drain(server)

        sync = sync_seconds(folder)
        for kind, path, name in [("native", "/v1/events", "single events"), ("kissmetrics", "/e", "KISSmetrics GETs")]:
            bare = wrk(f"{server.url}/echo", "single.lua", SHORT_SECONDS, KEY=key)
            one = wrk(f"{server.url}{path}", "single.lua", SHORT_SECONDS, KEY=key, KIND=kind)
            bound = min(bare["rate"], CONNECTIONS / sync)
            results.add(f"{name}", one["rate"], "events/s")
            results.add(f"{name} ÷ min(echo, {CONNECTIONS} ÷ sync)", one["rate"] / bound, least=0.5)
            results.add(f"{name}, p99", one["p99_ms"], "ms")
            drain(server)
        start_after_kill(server, results)
    finally:
        server.stop(code=None)


def start_after_kill(server, results):
    """Kills the server while many events wait to be stored, and starts it again."""
    load = threading.Thread(target=lambda: wrk_until_gone(server), daemon=True)
    load.start()
    waiting, end = 0, time.perf_counter() + SECONDS * 2
    while waiting < UNAPPLIED and time.perf_counter() < end:
        now = status(server)
        waiting = now["durable_seq"] - now["applied_seq"]
        time.sleep(0.02)
    server.kill()
    load.join()
    start = time.perf_counter()
    server.start("--benchmark")
    took = time.perf_counter() - start
    # Fewer would say nothing about the bound below.
    results.add("events that waited when it was killed", waiting, "events", least=UNAPPLIED)
    results.add("ready after the kill", took, "s", most=3)
    results.add("they are stored after", drain(server), "s")


def wrk_until_gone(server):
    try:
        wrk(f"{server.url}/v1/events", "batch.lua", SECONDS * 2, KEY=server.write_key)
    except SystemExit:
        pass
