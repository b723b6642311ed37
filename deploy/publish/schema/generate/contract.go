package main

import (
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// contract is the descriptors of the contract, with comments.
type contract struct {
	set   *descriptorpb.FileDescriptorSet
	files *protoregistry.Files
}

func readContract(b []byte) (*contract, error) {
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(b, set); err != nil {
		return nil, fmt.Errorf("the set is no descriptor set: %w", err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("the set is not whole: %w", err)
	}
	return &contract{set, files}, nil
}

func (c *contract) message(name protoreflect.FullName) (protoreflect.MessageDescriptor, error) {
	d, err := c.files.FindDescriptorByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no message", name)
	}
	return m, nil
}

func (c *contract) enum(name protoreflect.FullName) (protoreflect.EnumDescriptor, error) {
	d, err := c.files.FindDescriptorByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	e, ok := d.(protoreflect.EnumDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no enum", name)
	}
	return e, nil
}

// descriptors returns the set as publishers get it: comments without their places, which every edit moves, and only our own.
func (c *contract) descriptors() ([]byte, error) {
	set := proto.CloneOf(c.set)
	for _, f := range set.GetFile() {
		if !strings.HasPrefix(f.GetName(), "touchstone/") {
			f.SourceCodeInfo = nil
			continue
		}
		info := f.GetSourceCodeInfo()
		if info == nil {
			return nil, fmt.Errorf("%s has no comments: build the set with source info", f.GetName())
		}
		info.Location = slices.DeleteFunc(info.GetLocation(), func(l *descriptorpb.SourceCodeInfo_Location) bool {
			return l.GetLeadingComments() == "" && l.GetTrailingComments() == ""
		})
		for _, l := range info.GetLocation() {
			l.Span = []int32{0, 0, 0}
		}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(set)
}

// comment returns what the contract says of a descriptor, on one line; "" where it says nothing.
func comment(d protoreflect.Descriptor) string {
	return strings.Join(strings.Fields(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments), " ")
}

// rules returns the constraints of a field; never nil.
func rules(fd protoreflect.FieldDescriptor) *validate.FieldRules {
	if r, ok := proto.GetExtension(fd.Options(), validate.E_Field).(*validate.FieldRules); ok && r != nil {
		return r
	}
	return &validate.FieldRules{}
}

// isRequired reports whether a field must be there: where the contract says so, or where its zero value would be refused.
func isRequired(fd protoreflect.FieldDescriptor) bool {
	r := rules(fd)
	return r.GetRequired() || r.GetString().GetMinLen() > 0 || r.GetRepeated().GetMinItems() > 0 || r.GetUint64().GetGte() > 0 ||
		slices.Contains(r.GetEnum().GetNotIn(), 0)
}

// isOneofRequired reports whether one of its fields must be there.
func isOneofRequired(od protoreflect.OneofDescriptor) bool {
	r, ok := proto.GetExtension(od.Options(), validate.E_Oneof).(*validate.OneofRules)
	return ok && r.GetRequired()
}
