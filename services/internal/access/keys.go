// Package access says who is calling and whether they may: API keys, kept as hashes, and the role that each method names.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Principal is who calls.
type Principal struct {
	KeyID        string // "" for the anonymous reader on loopback
	Role         accessv1.Role
	Organisation string // the one organisation it is confined to; "" = all
	Source       string // the one source it publishes as
}

// Keys checks tokens against the bucket TS_KEY, which it follows, so that a revoked key ends everywhere at once.
type Keys struct {
	kv    jetstream.KeyValue
	clock func() time.Time

	mu   sync.RWMutex
	keys map[string]*adminv1.Key

	stop context.CancelFunc
	done chan struct{}
}

// NewKeys loads all keys, then follows changes until Close.
func NewKeys(ctx context.Context, js jetstream.JetStream, clock func() time.Time) (*Keys, error) {
	kv, err := js.KeyValue(ctx, bus.BucketKey)
	if err != nil {
		return nil, fmt.Errorf("opening the bucket of keys: %w", err)
	}
	follow, stop := context.WithCancel(context.Background())
	w, err := kv.WatchAll(follow)
	if err != nil {
		stop()
		return nil, fmt.Errorf("following the bucket of keys: %w", err)
	}
	k := &Keys{kv: kv, clock: clock, keys: map[string]*adminv1.Key{}, stop: stop, done: make(chan struct{})}
	loaded := make(chan struct{})
	go func() {
		defer close(k.done)
		for e := range w.Updates() {
			if e == nil {
				close(loaded)
				continue
			}
			k.take(e)
		}
	}()
	select {
	case <-loaded:
	case <-ctx.Done():
		k.Close()
		return nil, fmt.Errorf("loading keys: %w", ctx.Err())
	}
	go func() {
		<-follow.Done()
		// The watcher's channel closes with it; an error here means that the connection went first.
		if err := w.Stop(); err != nil {
			return
		}
	}()
	return k, nil
}

// Close ends the following.
func (k *Keys) Close() { k.stop() }

func (k *Keys) take(e jetstream.KeyValueEntry) {
	key := &adminv1.Key{}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.Operation() != jetstream.KeyValuePut || proto.Unmarshal(e.Value(), key) != nil {
		delete(k.keys, e.Key()) // a key that cannot be read lets nobody in
		return
	}
	k.keys[e.Key()] = key
}

const tokenPrefix = "tsk_"

// Authenticate returns who holds a token ("tsk_<id>_<secret>"). A wrong token is Unauthenticated, without saying why.
func (k *Keys) Authenticate(token string) (Principal, error) {
	wrong := fault.New(fault.Unauthenticated, "the key is not valid: send one made by `touchstone keys create` as \"Authorization: Bearer tsk_…\"")
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return Principal{}, wrong
	}
	id, secret, ok := strings.Cut(rest, "_")
	if !ok {
		return Principal{}, wrong
	}
	k.mu.RLock()
	key := k.keys[id]
	k.mu.RUnlock()
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], key.GetSecretSha256()) != 1 {
		return Principal{}, wrong
	}
	return Principal{KeyID: id, Role: roleOf(key.GetRole()), Organisation: key.GetOrganisation(), Source: key.GetSource()}, nil
}

func roleOf(r adminv1.KeyRole) accessv1.Role {
	switch r {
	case adminv1.KeyRole_KEY_ROLE_READER:
		return accessv1.Role_ROLE_READER
	case adminv1.KeyRole_KEY_ROLE_SOURCE:
		return accessv1.Role_ROLE_SOURCE
	case adminv1.KeyRole_KEY_ROLE_ADMIN:
		return accessv1.Role_ROLE_ADMIN
	default:
		return accessv1.Role_ROLE_UNSPECIFIED
	}
}

// Create makes a key and returns it with its token, which nobody can show again.
func (k *Keys) Create(ctx context.Context, role adminv1.KeyRole, organisation, source string) (*adminv1.Key, string, error) {
	if role != adminv1.KeyRole_KEY_ROLE_ADMIN && organisation == "" {
		organisation = "default"
	}
	if (role == adminv1.KeyRole_KEY_ROLE_SOURCE) != (source != "") {
		return nil, "", fault.Field("source", "a source belongs to keys of the role source, and to them alone", "give a source for role source; leave it out for other roles")
	}
	id, secret := strings.ToLower(rand.Text()[:10]), strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(secret))
	key := &adminv1.Key{Id: id, Role: role, Organisation: organisation, Source: source, CreatedAt: timestamppb.New(k.clock()), SecretSha256: sum[:]}
	b, err := proto.Marshal(key)
	if err != nil {
		return nil, "", err
	}
	if _, err := k.kv.Create(ctx, id, b); err != nil {
		return nil, "", fault.Wrap(fault.Unavailable, err, "the key could not be stored")
	}
	// At once here; other processes learn of it in a moment.
	k.mu.Lock()
	k.keys[id] = key
	k.mu.Unlock()
	return public(key), tokenPrefix + id + "_" + secret, nil
}

func public(k *adminv1.Key) *adminv1.Key {
	c := proto.Clone(k).(*adminv1.Key)
	c.SecretSha256 = nil
	return c
}

// List returns all keys without their hashes, oldest first.
func (k *Keys) List() []*adminv1.Key {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var out []*adminv1.Key
	for _, key := range k.keys {
		out = append(out, public(key))
	}
	slices.SortFunc(out, func(a, b *adminv1.Key) int {
		if c := a.GetCreatedAt().AsTime().Compare(b.GetCreatedAt().AsTime()); c != 0 {
			return c
		}
		return strings.Compare(a.GetId(), b.GetId())
	})
	return out
}

// Revoke ends a key.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	k.mu.RLock()
	_, ok := k.keys[id]
	k.mu.RUnlock()
	if !ok {
		return fault.New(fault.NotFound, "no key has the id %q: see `touchstone keys list`", id)
	}
	if err := k.kv.Purge(ctx, id); err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fault.Wrap(fault.Unavailable, err, "the key could not be revoked")
	}
	k.mu.Lock()
	delete(k.keys, id)
	k.mu.Unlock()
	return nil
}

// Fingerprint identifies a token in a log without telling it.
func Fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:4])
}
