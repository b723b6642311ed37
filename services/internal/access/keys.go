// Package access says who is calling and whether they may: API keys, kept as hashes, and the role that each method names.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	// Test marks a source that tries it out: what it publishes is checked, answered and traced as from any other, and then
	// dropped, so that it is stored and counted nowhere.
	Test bool
	// Reads says whose scores a key of the role agent reads; nil for every other.
	Reads *Agents
}

// Keys checks tokens against the bucket TS_KEY, which it follows, so that a revoked key ends everywhere at once.
type Keys struct {
	kv    jetstream.KeyValue
	clock func() time.Time

	keys atomic.Pointer[map[string]*adminv1.Key] // replaced whole, so that Authenticate takes no lock

	mu   sync.Mutex // one reading of the bucket at a time
	read uint64     // last sequence of the bucket's stream when it was read
	seen bool

	follower
}

const tokenPrefix = "tsk_"

// Authenticate returns who holds a token ("tsk_<id>_<secret>"). A wrong token is Unauthenticated, without saying why.
func (k *Keys) Authenticate(token string) (Principal, error) {
	wrong := fault.New(fault.Unauthenticated, "the key is not valid: send one made by `touchstone keys create` as \"Authorization: Bearer tsk_…\"")
	id, secret, ok := split(token)
	if !ok {
		return Principal{}, wrong
	}
	key := (*k.keys.Load())[id]
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], key.GetSecretSha256()) != 1 {
		return Principal{}, wrong
	}
	return Principal{KeyID: id, Role: roleOf(key.GetRole()), Organisation: key.GetOrganisation(), Source: key.GetSource(), Test: key.GetRole() == adminv1.KeyRole_KEY_ROLE_TEST, Reads: agentsOf(key)}, nil
}

func split(token string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "_")
}

func roleOf(r adminv1.KeyRole) accessv1.Role {
	switch r {
	case adminv1.KeyRole_KEY_ROLE_READER:
		return accessv1.Role_ROLE_READER
	case adminv1.KeyRole_KEY_ROLE_SOURCE, adminv1.KeyRole_KEY_ROLE_TEST:
		return accessv1.Role_ROLE_SOURCE
	case adminv1.KeyRole_KEY_ROLE_DIRECTORY:
		return accessv1.Role_ROLE_DIRECTORY
	case adminv1.KeyRole_KEY_ROLE_AGENT:
		return accessv1.Role_ROLE_AGENT
	case adminv1.KeyRole_KEY_ROLE_OWNER:
		return accessv1.Role_ROLE_OWNER
	case adminv1.KeyRole_KEY_ROLE_ADMIN:
		return accessv1.Role_ROLE_ADMIN
	default:
		return accessv1.Role_ROLE_UNSPECIFIED
	}
}

// Create makes a key and returns it with its token, which nobody can show again. An empty organisation means all for
// admins, "default" for every other role; a source belongs to sources and tests alone.
func (k *Keys) Create(ctx context.Context, role adminv1.KeyRole, organisation, source string) (*adminv1.Key, string, error) {
	if role == adminv1.KeyRole_KEY_ROLE_AGENT {
		return k.CreateAgent(ctx, organisation, nil, nil)
	}
	key, token, err := k.issue(role, organisation, source)
	if err != nil {
		return nil, "", err
	}
	if err := k.store(ctx, key); err != nil {
		return nil, "", err
	}
	return public(key), token, nil
}

// issue makes a key that opens nothing before it is stored.
func (k *Keys) issue(role adminv1.KeyRole, organisation, source string) (*adminv1.Key, string, error) {
	if roleOf(role) == accessv1.Role_ROLE_UNSPECIFIED {
		return nil, "", fault.Field("role", "it is none", "give reader, owner, source, test, directory, agent or admin")
	}
	if role != adminv1.KeyRole_KEY_ROLE_ADMIN && organisation == "" {
		organisation = defaultOrganisation
	}
	if (roleOf(role) == accessv1.Role_ROLE_SOURCE) != (source != "") {
		return nil, "", fault.Field("source", "a source belongs to keys of the roles source and test, and to them alone", "give a source for these roles; leave it out for others")
	}
	id, secret := strings.ToLower(rand.Text()[:10]), strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(secret))
	key := &adminv1.Key{Id: id, Role: role, Organisation: organisation, Source: source, CreatedAt: timestamppb.New(k.clock()), SecretSha256: sum[:]}
	return key, tokenPrefix + id + "_" + secret, nil
}

func (k *Keys) store(ctx context.Context, key *adminv1.Key) error {
	b, err := proto.Marshal(key)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	if _, err := k.kv.Create(ctx, key.GetId(), b); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the key could not be stored")
	}
	// Here it counts at once; other processes learn of it in a moment.
	if err := k.refresh(ctx); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the key was stored, but cannot be read yet")
	}
	return nil
}

func public(k *adminv1.Key) *adminv1.Key {
	return &adminv1.Key{Id: k.GetId(), Role: k.GetRole(), Organisation: k.GetOrganisation(), Source: k.GetSource(), CreatedAt: k.GetCreatedAt(), Agent: k.GetAgent(), Leads: k.GetLeads()}
}

// List returns all keys without their hashes, oldest first.
func (k *Keys) List() []*adminv1.Key {
	var out []*adminv1.Key
	for _, key := range *k.keys.Load() {
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

// find returns a key, nil when there is none of this id.
func (k *Keys) find(id string) *adminv1.Key { return (*k.keys.Load())[id] }

// Revoke ends a key. NotFound when there is none of this id.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	if k.find(id) == nil {
		return fault.New(fault.NotFound, "no key has the id %q: see `touchstone keys list`", id)
	}
	if err := k.kv.Purge(ctx, id); err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fault.Wrap(fault.Unavailable, err, "the key could not be revoked")
	}
	if err := k.refresh(ctx); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the key was revoked; this process learns of it in a moment")
	}
	return nil
}

const defaultOrganisation = "default"

// bucketSubjects are the subjects under which the bucket's stream keeps its entries.
const bucketSubjects = "$KV." + bus.BucketKey + ".>"
