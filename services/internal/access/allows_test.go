package access

import (
	"context"
	"testing"
	"time"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
)

// An owner reads, contests and rules, and does nothing else; nobody but an admin does it without that role.
func TestWhatOwnersMay(t *testing.T) {
	owner := Principal{KeyID: "x", Role: accessv1.Role_ROLE_OWNER}
	for role, may := range map[accessv1.Role]bool{
		accessv1.Role_ROLE_OWNER: true, accessv1.Role_ROLE_READER: true, accessv1.Role_ROLE_SOURCE: false, accessv1.Role_ROLE_ADMIN: false,
		accessv1.Role_ROLE_DIRECTORY: false, accessv1.Role_ROLE_UNSPECIFIED: false,
	} {
		if owner.Allows(role) != may {
			t.Errorf("an owner and %v: %v", role, !may)
		}
	}
	for role, may := range map[accessv1.Role]bool{
		accessv1.Role_ROLE_ADMIN: true, accessv1.Role_ROLE_READER: false, accessv1.Role_ROLE_SOURCE: false, accessv1.Role_ROLE_DIRECTORY: false,
	} {
		if (Principal{Role: role}).Allows(accessv1.Role_ROLE_OWNER) != may {
			t.Errorf("%v as an owner: %v", role, !may)
		}
	}
}

func TestKeysOfOwners(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	keys, err := NewKeys(ctx, bustest.New(t).JS(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	made, token, err := keys.Create(ctx, adminv1.KeyRole_KEY_ROLE_OWNER, "", "")
	if err != nil || made.GetOrganisation() != "default" {
		t.Fatalf("%v, %v", made, err)
	}
	if p, err := keys.Authenticate(token); err != nil || p.Role != accessv1.Role_ROLE_OWNER || p.KeyID != made.GetId() {
		t.Errorf("%v, %v", p, err)
	}
	if _, _, err := keys.Create(ctx, adminv1.KeyRole_KEY_ROLE_OWNER, "acme", "acd"); err == nil {
		t.Error("an owner publishes")
	}
}
