package main

import (
	"fmt"
	"os"
	"strings"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate" // so that the rules of the fields are read
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// descriptors are all .proto files, with comments.
type descriptors struct {
	files *protoregistry.Files
	types *dynamicpb.Types // for the options that only the .proto files define
}

func readImage(path string) (*descriptors, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet // an image of buf has the same form
	if err := proto.Unmarshal(content, &set); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return newDescriptors(&set)
}

func newDescriptors(set *descriptorpb.FileDescriptorSet) (*descriptors, error) {
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	return &descriptors{files, dynamicpb.NewTypes(files)}, nil
}

// method finds an RPC by its operation id, "OrderService_CreateOrder"; nil when there is none.
func (d *descriptors) method(operationID string) (found protoreflect.MethodDescriptor) {
	service, _, _ := strings.Cut(operationID, "_")
	d.files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if s := file.Services().ByName(protoreflect.Name(service)); s != nil {
			found = s.Methods().ByName(protoreflect.Name(rpcName(operationID)))
		}
		return found == nil
	})
	return found
}

// access is who may call an RPC, as its option says.
type access struct {
	public, owner bool
	roles         []string
}

const accessOption = "orderflow.options.v1.access"

func (d *descriptors) access(method protoreflect.MethodDescriptor) (access, error) {
	encoded, err := proto.Marshal(method.Options())
	if err != nil {
		return access{}, err
	}
	options := &descriptorpb.MethodOptions{}
	if err := (proto.UnmarshalOptions{Resolver: d.types}).Unmarshal(encoded, options); err != nil {
		return access{}, err
	}
	var found access
	options.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.FullName() != accessOption {
			return true
		}
		rule := value.Message()
		fields := rule.Descriptor().Fields()
		found.public = rule.Get(fields.ByName("public")).Bool()
		found.owner = rule.Get(fields.ByName("owner")).Bool()
		roles := rule.Get(fields.ByName("roles")).List()
		for i := range roles.Len() {
			found.roles = append(found.roles, roles.Get(i).String())
		}
		return false
	})
	return found, nil
}

// comment is the first sentence of what stands above a declaration.
func comment(d protoreflect.Descriptor) string {
	text := strings.TrimSpace(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments)
	text = strings.Join(strings.Fields(text), " ")
	if first, _, more := strings.Cut(text, ". "); more {
		return first + "."
	}
	return text
}
