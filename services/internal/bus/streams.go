package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// FactSubject is the subject of an organisation's facts of one partition.
func FactSubject(org string, partition int) string {
	return "ts.fact." + org + "." + strconv.Itoa(partition)
}

// FoldedSubject is the subject on which a service tells how far it has counted a partition's facts.
func FoldedSubject(service string, partition int) string {
	return "ts.folded." + service + "." + strconv.Itoa(partition)
}

// EnsureStreams makes the streams and buckets that are missing, one copy each, and brings the settings of others up to date.
func (b *Bus) EnsureStreams(ctx context.Context) error { return b.EnsureReplicated(ctx, 1) }

// EnsureReplicated is EnsureStreams for a cluster: replicas copies of each, 1 to 5.
func (b *Bus) EnsureReplicated(ctx context.Context, replicas int) error {
	for _, c := range streams() {
		c.Replicas = replicas
		err := ask(ctx, func(ctx context.Context) error {
			_, err := b.js.CreateOrUpdateStream(ctx, c)
			return err
		})
		if err != nil {
			return fmt.Errorf("stream %s: %w", c.Name, err)
		}
	}
	for _, name := range []string{BucketKey, BucketCursor} {
		err := ask(ctx, func(ctx context.Context) error {
			_, err := b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, Storage: jetstream.FileStorage, Replicas: replicas})
			return err
		})
		if err != nil {
			return fmt.Errorf("bucket %s: %w", name, err)
		}
	}
	return nil
}

// ask repeats a request that gets no answer: one sent just before a server ends is lost, and nobody would say so.
func ask(ctx context.Context, request func(context.Context) error) (err error) {
	for range 3 {
		once, cancel := context.WithTimeout(ctx, 5*time.Second)
		err = request(once)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// NativeKept is how long native events can be read again: what they amounted to is in TS_FACT.
const NativeKept = 90 * 24 * time.Hour

// AuditKept is how long lines of the audit are kept: 25 months.
const AuditKept = 762 * 24 * time.Hour

func streams() []jetstream.StreamConfig {
	file := func(name, subject, about string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subject}, Description: about,
			Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
			// Doubles are found by identity, for ever, not by a window of minutes: keep none of its memory.
			Duplicates: 100 * time.Millisecond,
		}
	}
	refused := file(StreamRefused, "ts.refused.>", "what ingest refused, the last of each source")
	refused.MaxMsgsPerSubject, refused.Discard = 256, jetstream.DiscardOld
	native := file(StreamNative, "ts.native.*.*", "events of native records, as they came")
	native.MaxAge = NativeKept
	// It names people: who was taken out of it is to be found nowhere, so only the newest version is kept.
	directory := file(StreamDirectory, "ts.directory.*", "who holds which role, as it is now")
	directory.MaxMsgsPerSubject, directory.Discard = 1, jetstream.DiscardOld
	sealed := file(StreamSealed, "ts.sealed.*", "before when history is sealed, as it is now")
	sealed.MaxMsgsPerSubject, sealed.Discard = 1, jetstream.DiscardOld
	forgotten := file(StreamForgotten, "ts.forgotten.*", "keyed hashes of customers who were forgotten")
	forgotten.MaxAge = AuditKept
	return []jetstream.StreamConfig{
		file(StreamFact, "ts.fact.*.*", "recorded facts, in one order"),
		file(StreamParked, "ts.parked.>", "messages that could not be processed"),
		refused,
		native,
		file(StreamMap, "ts.map.*", "every version of every experience map"),
		directory,
		audit(file(StreamAudit, "ts.audit.*", "who read or did what is confidential")),
		sealed,
		forgotten,
		file(StreamSurvey, "ts.survey.*.*", "who was asked what, and what was answered, in one order"),
	}
}

// audit keeps lines for their time: nobody takes one out.
func audit(c jetstream.StreamConfig) jetstream.StreamConfig {
	c.MaxAge, c.DenyDelete, c.DenyPurge = AuditKept, true, true
	return c
}
