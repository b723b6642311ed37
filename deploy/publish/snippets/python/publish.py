"""Publishes two calls to Touchstone. Needs Python 3.9 and nothing else."""
import datetime
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ["TOUCHSTONE_HTTP"] + "/v1/events"
KEY = os.environ["TOUCHSTONE_KEY"]


def publish(events):
    """Publishes at most 1,000 events and returns one result for each. Sends the same again until it is answered for good."""
    body = json.dumps(events).encode()
    headers = {"Content-Type": "application/cloudevents-batch+json", "Authorization": "Bearer " + KEY}
    pause = 0.5
    while True:
        try:
            code, retry_after, text = post(body, headers)
            if code < 500 and retry_after is None:
                answer = json.loads(text)
                if "results" not in answer:  # the request as a whole: a wrong key, too many bytes
                    raise ValueError(answer["detail"])
                return answer["results"]
            pause = max(pause, float(retry_after or 0))
        except (OSError, http.client.HTTPException):
            pass  # no answer: perhaps it is recorded; sent again, it counts once
        time.sleep(pause)
        pause = min(2 * pause, 30)


def post(body, headers):
    try:
        answer = urllib.request.urlopen(urllib.request.Request(URL, body, headers), timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers["Retry-After"], answer.read()


def call(id, touchpoint, occurred_at):
    return {
        "specversion": "1.0", "type": "touchstone.interaction.v1", "source": "acd", "id": id,
        "data": {"touchpoint": touchpoint, "occurred_at": occurred_at.isoformat()},
    }


now = datetime.datetime.now(datetime.timezone.utc)
calls = [call("python-1", "help_line", now), call("python-2", "help_line", now)]
refused = 0
for event, result in zip(calls, publish(calls)):
    print(event["id"], result["status"])
    if "refusal" in result:
        refused += 1
        print(" ", result["refusal"]["message"], result["refusal"]["remedy"], file=sys.stderr)
sys.exit(refused > 0)
