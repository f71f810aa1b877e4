"""A kill without warning: what was answered with 200 is durable, and so is what was answered with acked."""

import threading

import requests

from apus import REQUEST_SECONDS

ROUNDS = 20
WRITERS = 4
# Enough to meet different moments of a group commit from round to round.
ANSWERS_BEFORE_THE_KILL = 5
WAIT_SECONDS = 30


class Writers:
    """Threads that push as fast as they are answered, until the server is gone."""

    def __init__(self, app, goal):
        self.app = app
        self.goal = goal
        self.accepted = []
        self.unexpected = []
        self.lock = threading.Lock()
        self.reached = threading.Event()
        self.threads = [threading.Thread(target=self._write, daemon=True) for _ in range(WRITERS)]

    def run_until(self, kill):
        """Starts the threads, kills the server in the moment when the goal is reached, and joins them."""
        for thread in self.threads:
            thread.start()
        reached = self.reached.wait(WAIT_SECONDS)
        kill()
        for thread in self.threads:
            thread.join(WAIT_SECONDS)
        assert reached and not self.unexpected, self.unexpected
        assert not any(thread.is_alive() for thread in self.threads)
        return self.accepted

    def _write(self):
        push = {"platform": "android", "audience": {"tag": ["target"]}, "notification": {"alert": "hi"}}
        with requests.Session() as session:
            session.auth = (self.app.key, self.app.secret)
            while True:
                try:
                    answer = session.post(self.app.server.api + "/v3/push", json=push, timeout=REQUEST_SECONDS)
                    msg_id = answer.json()["msg_id"] if answer.status_code == 200 else None
                except requests.RequestException:
                    self.reached.set()  # the server is gone; when it was not meant to be, the goal below tells
                    return
                with self.lock:
                    if msg_id is None:
                        self.unexpected.append(answer.text)
                        self.reached.set()
                        return
                    self.accepted.append(msg_id)
                    if len(self.accepted) >= self.goal:
                        self.reached.set()


def test_nothing_accepted_is_lost_and_nothing_is_counted_twice(own_server, devices):
    app = own_server.app("crash", "--limit", "push_per_minute=0", "--limit", "report_per_minute=0")
    target = devices(own_server).register(app, tags=["target"])
    bystander = devices(own_server).register(app, tags=["other"])
    target.drop()
    bystander.drop()
    delivered = []
    for number in range(ROUNDS):
        if number % 2:
            # Every other time the device is in session and has taken some of the pushes without an ack.
            target.login()
        goal = ANSWERS_BEFORE_THE_KILL + number
        accepted = Writers(app, goal).run_until(own_server.kill)
        assert len(accepted) >= goal
        target.drop()
        own_server.start()

        # Pushes whose answer was lost in the crash may have been kept, and then they come too. Nothing that was
        # answered may be missing.
        arrived = [push["msg_id"] for push in target.pushes(target.login())]
        assert target.quiet()
        assert len(set(arrived)) == len(arrived), "a push came twice within one session"
        assert set(accepted) <= set(arrived), "an accepted push was lost"
        assert not set(arrived) & set(delivered), "a push that was acked came again"
        # The last one stays without an ack over the next crash, then it must come again.
        target.ack(*arrived[:-1])
        delivered += arrived[:-1]
        target.drop()

    counts = app.counts(*delivered)
    assert len(counts) == len(delivered)
    wrong = {
        msg_id: entry["android"]
        for msg_id, entry in counts.items()
        if (entry["android"]["target"], entry["android"]["received"]) != (1, 1)
    }
    assert not wrong
    assert bystander.login() == 0
    own_server.stop()
