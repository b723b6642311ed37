import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** Publishes two calls to Touchstone. Needs Java 17 and nothing else: java Publish.java. */
public class Publish {
  private static final HttpClient CLIENT = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();

  public static void main(String[] args) throws Exception {
    String calls = "[" + call("java-1", "help_line", Instant.now()) + "," + call("java-2", "help_line", Instant.now()) + "]";
    HttpResponse<String> answer = publish(calls);
    System.out.print(answer.body()); // one result for each event, in their order
    System.exit(answer.statusCode() == 200 ? 0 : 1); // 207: some were refused; 400: all were
  }

  /** Publishes a JSON array of at most 1,000 events. Sends the same again until it is answered for good. */
  static HttpResponse<String> publish(String events) throws InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv("TOUCHSTONE_HTTP") + "/v1/events"))
        .header("Content-Type", "application/cloudevents-batch+json")
        .header("Authorization", "Bearer " + System.getenv("TOUCHSTONE_KEY"))
        .timeout(Duration.ofSeconds(30))
        .POST(HttpRequest.BodyPublishers.ofString(events))
        .build();
    for (long pause = 500; ; pause = Math.min(2 * pause, 30_000)) {
      try {
        HttpResponse<String> answer = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
        Optional<String> retryAfter = answer.headers().firstValue("Retry-After");
        if (answer.statusCode() < 500 && retryAfter.isEmpty()) {
          return answer;
        }
        pause = Math.max(pause, 1000 * Long.parseLong(retryAfter.orElse("0")));
      } catch (IOException e) {
        // No answer: perhaps it is recorded; sent again, it counts once.
      }
      Thread.sleep(pause);
    }
  }

  /** A call as a CloudEvent. Ids that may hold quotes need a JSON library. */
  static String call(String id, String touchpoint, Instant time) {
    return """
        {"specversion": "1.0", "type": "touchstone.interaction.v1", "source": "acd", "id": "%s",
         "data": {"touchpoint": "%s", "occurred_at": "%s"}}""".formatted(id, touchpoint, time);
  }
}
