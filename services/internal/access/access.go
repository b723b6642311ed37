package access

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

type principalKey struct{}

// With returns a context that carries who calls.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns who calls.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Sees reports whether a principal may know of an organisation.
func (p Principal) Sees(organisation string) bool {
	return p.Organisation == "" || p.Organisation == organisation
}

// Allows reports whether a principal holds a role. Admin implies every other.
func (p Principal) Allows(r accessv1.Role) bool {
	return r != accessv1.Role_ROLE_UNSPECIFIED && (p.Role == r || p.Role == accessv1.Role_ROLE_ADMIN)
}

// Roles maps each method ("/package.Service/Method") of Touchstone to the role it names.
type Roles map[string]accessv1.Role

// RolesOf reads the roles of the registered services. A method of Touchstone without one is an error: nothing is served
// before somebody has decided who may call it. Services of gRPC itself (health, reflection) are open.
func RolesOf(services map[string]grpc.ServiceInfo) (Roles, error) {
	roles := Roles{}
	for name, info := range services {
		if !strings.HasPrefix(name, "touchstone.") {
			continue
		}
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return nil, fmt.Errorf("service %s has no descriptor: %w", name, err)
		}
		sd, ok := d.(protoreflect.ServiceDescriptor)
		if !ok {
			return nil, fmt.Errorf("%s is no service", name)
		}
		for _, m := range info.Methods {
			md := sd.Methods().ByName(protoreflect.Name(m.Name))
			if md == nil {
				return nil, fmt.Errorf("method %s.%s is not in the contract", name, m.Name)
			}
			role, ok := proto.GetExtension(md.Options(), accessv1.E_Role).(accessv1.Role)
			if !ok || role == accessv1.Role_ROLE_UNSPECIFIED {
				return nil, fmt.Errorf("method %s.%s names no role: add option (touchstone.access.v1.role)", name, m.Name)
			}
			roles["/"+name+"/"+m.Name] = role
		}
	}
	return roles, nil
}

// Guard decides on calls.
type Guard struct {
	Keys  *Keys
	Roles Roles
	// Anonymous lets calls without a key read: only for a server on loopback.
	Anonymous bool
}

// Check returns a context with the principal, or why the call may not proceed.
func (g *Guard) Check(ctx context.Context, method string) (context.Context, error) {
	if !strings.HasPrefix(method, "/touchstone.") {
		return ctx, nil
	}
	role, ok := g.Roles[method]
	if !ok {
		return nil, fault.New(fault.Denied, "nobody may call %s", method)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	p, err := g.Principal(strings.Join(md.Get("authorization"), ""))
	if err != nil {
		return nil, err
	}
	if !p.Allows(role) {
		if p.KeyID == "" {
			return nil, fault.New(fault.Unauthenticated, "%s needs a key with the role %s: send \"authorization: Bearer tsk_…\"", method, name(role))
		}
		return nil, fault.New(fault.Denied, "%s needs the role %s; this key has %s", method, name(role), name(p.Role))
	}
	return With(ctx, p), nil
}

// Principal returns who sends an Authorization header; the anonymous reader, where allowed, for none.
func (g *Guard) Principal(authorization string) (Principal, error) {
	if authorization == "" {
		if g.Anonymous {
			return Principal{Role: accessv1.Role_ROLE_READER}, nil
		}
		return Principal{}, fault.New(fault.Unauthenticated, "a key is needed: send \"Authorization: Bearer tsk_…\"")
	}
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		if token, ok = strings.CutPrefix(authorization, "bearer "); !ok {
			return Principal{}, fault.New(fault.Unauthenticated, "the Authorization header must read \"Bearer tsk_…\"")
		}
	}
	return g.Keys.Authenticate(strings.TrimSpace(token))
}

func name(r accessv1.Role) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_"))
}

// Service is the part of AdminService that deals with keys.
type Service struct{ Keys *Keys }

// CreateKey implements the RPC.
func (s *Service) CreateKey(ctx context.Context, r *adminv1.CreateKeyRequest) (*adminv1.CreateKeyResponse, error) {
	key, token, err := s.Keys.Create(ctx, r.GetRole(), r.GetOrganisation(), r.GetSource())
	if err != nil {
		return nil, err
	}
	return &adminv1.CreateKeyResponse{Key: key, Token: token}, nil
}

// ListKeys implements the RPC.
func (s *Service) ListKeys(context.Context, *adminv1.ListKeysRequest) (*adminv1.ListKeysResponse, error) {
	return &adminv1.ListKeysResponse{Keys: s.Keys.List()}, nil
}

// RevokeKey implements the RPC.
func (s *Service) RevokeKey(ctx context.Context, r *adminv1.RevokeKeyRequest) (*adminv1.RevokeKeyResponse, error) {
	return &adminv1.RevokeKeyResponse{}, s.Keys.Revoke(ctx, r.GetId())
}
