package access

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Guard decides on calls.
type Guard struct {
	Keys  *Keys
	Roles Roles
	// Anonymous lets calls without a key read: only for a server on loopback.
	Anonymous bool
}

// Check returns a context with the principal, or why the call may not proceed. It needs nothing but the method and the
// call's Authorization header, so that it can run before a request is read.
func (g *Guard) Check(ctx context.Context, method, authorization string) (context.Context, error) {
	if !guarded(method) {
		return ctx, nil
	}
	role, ok := g.Roles[method]
	if !ok {
		return nil, fault.New(fault.Denied, "nobody may call %s", method)
	}
	p, err := g.Principal(authorization)
	if err != nil {
		return nil, err
	}
	switch {
	case !p.Allows(role) && p.KeyID == "":
		return nil, unauthenticated(name(role))
	case !p.Allows(role):
		return nil, fault.New(fault.Denied, "%s needs the role %s; this key has %s", method, name(role), name(p.Role))
	case p.Organisation != "" && wholeInstance(method):
		return nil, fault.New(fault.Denied, "%s concerns every organisation; this key is confined to one", method)
	}
	return With(ctx, p), nil
}

// Confine holds a request to the principal's organisation, where the request names one. It is what every method has in
// common; methods that find organisations elsewhere check Sees themselves.
func (g *Guard) Confine(ctx context.Context, req proto.Message) error {
	p, ok := PrincipalFrom(ctx)
	if !ok || p.Organisation == "" {
		return nil
	}
	m := req.ProtoReflect()
	f := m.Descriptor().Fields().ByName("organisation")
	if f == nil || f.Kind() != protoreflect.StringKind || f.Cardinality() == protoreflect.Repeated {
		return nil
	}
	org := m.Get(f).String()
	if org == "" {
		org = defaultOrganisation
	}
	if !p.Sees(org) {
		return fault.New(fault.Denied, "this key is confined to another organisation than %q", org)
	}
	return nil
}

// Called reports whether a context has passed Check, as far as its method needs it.
func Called(ctx context.Context, method string) bool {
	_, ok := PrincipalFrom(ctx)
	return ok || !guarded(method)
}

// guarded tells methods of Touchstone from those of gRPC itself, which everybody may call.
func guarded(method string) bool { return strings.HasPrefix(method, "/touchstone.") }

// wholeInstance reports whether a method acts on all organisations at once.
func wholeInstance(method string) bool {
	m, ok := strings.CutPrefix(method, "/touchstone.admin.v1.AdminService/")
	if !ok {
		return false
	}
	switch m {
	case "GetStatus", "ListRefused", "CreateKey", "ListKeys", "RevokeKey", "ListAudit":
		return false
	default:
		return true
	}
}

// Principal returns who sends an Authorization header; the anonymous reader, where allowed, for none.
func (g *Guard) Principal(authorization string) (Principal, error) {
	if authorization == "" {
		if g.Anonymous {
			return Principal{Role: accessv1.Role_ROLE_READER}, nil
		}
		return Principal{}, unauthenticated("reader, owner, source, directory or admin")
	}
	const scheme = "bearer "
	if len(authorization) <= len(scheme) || !strings.EqualFold(authorization[:len(scheme)], scheme) {
		return Principal{}, fault.New(fault.Unauthenticated, "the Authorization header must read \"Bearer tsk_…\"")
	}
	return g.Keys.Authenticate(strings.TrimSpace(authorization[len(scheme):]))
}
