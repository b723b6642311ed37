// Publishes two calls to Touchstone. Needs Node.js 18 and nothing else.
const url = process.env.TOUCHSTONE_HTTP + "/v1/events";
const key = process.env.TOUCHSTONE_KEY;

// publish publishes at most 1,000 events and returns one result for each. It sends the same again until it is answered for good.
async function publish(events) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/cloudevents-batch+json", Authorization: "Bearer " + key },
    body: JSON.stringify(events),
  };
  for (let pause = 500; ; pause = Math.min(2 * pause, 30_000)) {
    const answer = await post(request);
    if (answer && answer.status < 500 && answer.retryAfter === null) {
      const { results, detail } = JSON.parse(answer.text);
      if (!results) throw new Error(detail); // the request as a whole: a wrong key, too many bytes
      return results;
    }
    pause = Math.max(pause, 1000 * Number(answer?.retryAfter ?? 0));
    await new Promise((done) => setTimeout(done, pause));
  }
}

// post returns nothing where no answer came: perhaps it is recorded; sent again, it counts once.
async function post(request) {
  try {
    const answer = await fetch(url, { ...request, signal: AbortSignal.timeout(30_000) });
    return { status: answer.status, retryAfter: answer.headers.get("Retry-After"), text: await answer.text() };
  } catch {
    return undefined;
  }
}

const call = (id, touchpoint, time) => ({
  specversion: "1.0", type: "touchstone.interaction.v1", source: "acd", id,
  data: { touchpoint, occurred_at: time.toISOString() },
});

const calls = [call("javascript-1", "help_line", new Date()), call("javascript-2", "help_line", new Date())];
const results = await publish(calls);
results.forEach(({ status, refusal }, i) => {
  console.log(calls[i].id, status);
  if (refusal) {
    console.error(" ", refusal.message, refusal.remedy);
    process.exitCode = 1;
  }
});
