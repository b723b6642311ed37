// What publishers need: the page, a publisher in each language, and the schemas with what generates them.
module github.com/touchstone-cx/touchstone/deploy/publish

go 1.26.0

require github.com/touchstone-cx/touchstone/proto v0.0.0

replace github.com/touchstone-cx/touchstone/proto => ../../proto

require (
	buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go v1.36.12-20260825204119-511051f7f437.1
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
	gopkg.in/yaml.v3 v3.0.1
)

require (
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)
