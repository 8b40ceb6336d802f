#!/usr/bin/env python3
"""kill -9 at any moment during writes: every acknowledged write is there after the restart.

COHORT_CRASH_CYCLES sets the number of kills (default 25; several hundred by hand).
"""
import http.client, os, random, threading, time
from harness import Case, eventually, main

CYCLES = int(os.environ.get("COHORT_CRASH_CYCLES", "25"))
WRITERS = 4


class Writer(threading.Thread):
    """Writes rising numbers to a key of its own until the agent is gone; remembers the last one acknowledged and the last one sent."""

    def __init__(self, port, number, first):
        super().__init__(daemon=True)
        self.port, self.key = port, f"crash/{number}"
        self.sent = self.acknowledged = first

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            while True:
                self.sent += 1
                connection.request("PUT", f"/v1/kv/{self.key}", body=str(self.sent))
                answer = connection.getresponse()
                if answer.status != 200 or answer.read().strip() != b"true":
                    return
                self.acknowledged = self.sent
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()


class Crash(Case):
    def test_acknowledged_writes_survive_kill_9(self):
        agent = self.agent(config='log_level = "warn"\nraft_snapshot_threshold = 2000\nraft_snapshot_interval = "1s"\n')
        seed = int(os.environ.get("COHORT_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed}, {CYCLES} cycles", flush=True)
        rng = random.Random(seed)
        values = [0] * WRITERS
        total = 0
        for cycle in range(CYCLES):
            agent.start()
            for i in range(WRITERS):
                status, _, body = agent.request("GET", f"/v1/kv/crash/{i}?raw")
                found = int(body) if status == 200 else 0
                low, high = values[i] if isinstance(values[i], tuple) else (0, 0)
                self.assertTrue(low <= found <= high,
                                f"cycle {cycle}, seed {seed}: key {i} holds {found}; acknowledged was {low}, sent was {high}")
                values[i] = found
            writers = [Writer(agent.http, i, values[i]) for i in range(WRITERS)]
            for writer in writers:
                writer.start()
            deadline = time.monotonic() + rng.uniform(0.0, 0.25)
            while time.monotonic() < deadline:
                time.sleep(0.005)
            agent.kill()
            for writer in writers:
                writer.join(15)
            for i, writer in enumerate(writers):
                total += writer.acknowledged - (values[i] if isinstance(values[i], int) else 0)
                values[i] = (writer.acknowledged, writer.sent)
        print(f"{CYCLES} kills, {total} acknowledged writes, none lost", flush=True)
        self.assertGreater(total, CYCLES, "hardly anything was written: the test proves nothing")


if __name__ == "__main__":
    main()
