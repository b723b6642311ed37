package access

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
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

// Allows reports whether a principal holds a role. Admin implies every other but agent; who may know whom to reach, how agents do,
// or what is contested, may know why.
func (p Principal) Allows(r accessv1.Role) bool {
	switch {
	case r == accessv1.Role_ROLE_UNSPECIFIED:
		return false
	case (p.Role == accessv1.Role_ROLE_DIRECTORY || p.Role == accessv1.Role_ROLE_OWNER) && r == accessv1.Role_ROLE_READER:
		return true
	case r == accessv1.Role_ROLE_AGENT: // nobody reads scores of single agents by being anything else, not even admin
		return p.Role == accessv1.Role_ROLE_AGENT
	case p.Role == accessv1.Role_ROLE_AGENT && r == accessv1.Role_ROLE_READER:
		return true
	}
	return p.Role == r || p.Role == accessv1.Role_ROLE_ADMIN
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
			role, err := RoleOf(md)
			if err != nil {
				return nil, err
			}
			roles["/"+name+"/"+m.Name] = role
		}
	}
	return roles, nil
}

// RoleOf returns the role that a method of the contract names; an error when it names none.
func RoleOf(m protoreflect.MethodDescriptor) (accessv1.Role, error) {
	role, ok := proto.GetExtension(m.Options(), accessv1.E_Role).(accessv1.Role)
	if !ok || role == accessv1.Role_ROLE_UNSPECIFIED {
		return role, fmt.Errorf("method %s names no role: add option (touchstone.access.v1.role)", m.FullName())
	}
	return role, nil
}

func name(r accessv1.Role) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_"))
}

// hint tells how to send a key.
func hint(role string) string {
	return fmt.Sprintf("a key with the role %s is needed: send \"Authorization: Bearer tsk_…\"", role)
}

func unauthenticated(role string) error { return fault.New(fault.Unauthenticated, "%s", hint(role)) }
