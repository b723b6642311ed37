package bus

import (
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Respond answers a request of a publisher. A publisher chooses where its answer goes, and this process may write anywhere:
// answering on any subject but an inbox would write a stream, or command JetStream, in its name.
func Respond(m *nats.Msg, data []byte) error {
	if !strings.HasPrefix(m.Reply, nats.InboxPrefix) {
		return fault.Field("reply", "it is no inbox", "send a request, whose reply subject begins with "+nats.InboxPrefix)
	}
	return m.Respond(data)
}
