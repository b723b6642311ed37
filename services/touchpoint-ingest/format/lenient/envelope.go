package lenient

import (
	"encoding/base64"
	"encoding/json"
	"iter"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// Enveloped is Objects for what a queue or a stream may have wrapped: in the place of an envelope it yields the objects that
// its records hold, as JSON in a string (Records[].body) or in base64 (Records[].Data, Records[].kinesis.data). They stand on
// the line of their envelope. What cannot be opened is a problem with the remedy envelope.
func Enveloped(p *format.Parsed, body []byte, whole, object, envelope string) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for line, raw := range Objects(p, body, 1, whole, object) {
			var wrapped struct {
				Records []struct {
					Kinesis    Loose[struct{ Data Text }]
					Data, Body Text
				}
			}
			if err := json.Unmarshal(raw, &wrapped); err != nil || wrapped.Records == nil {
				if !yield(line, raw) {
					return
				}
				continue
			}
			for _, x := range wrapped.Records {
				data := []byte(x.Body)
				if coded := string(x.Kinesis.Is.Data + x.Data); coded != "" {
					var err error
					if data, err = base64.StdEncoding.DecodeString(coded); err != nil {
						p.Problem(line, "data", "This is not written in base64.", envelope)
						continue
					}
				}
				if len(data) == 0 {
					p.Problem(line, "Records", "This record of the envelope holds no data.", envelope)
				}
				for line, raw := range Objects(p, data, line, whole, object) {
					if !yield(line, raw) {
						return
					}
				}
			}
		}
	}
}
