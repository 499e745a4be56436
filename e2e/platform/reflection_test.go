package platform

import (
	"slices"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"orderflow.example/dev/platform"
)

// What `grpcurl -plaintext ADDRESS list` asks for: no token, no proto files.
func TestReflection(t *testing.T) {
	r := start(t, platform.Config{})
	for service, name := range map[string]string{
		"order":     "orderflow.order.v1.OrderService",
		"inventory": "orderflow.inventory.v1.InventoryService",
		"payment":   "orderflow.payment.v1.PaymentService",
		"notifier":  "orderflow.notifier.v1.NotifierService",
	} {
		t.Run(service, func(t *testing.T) {
			conn := r.dial(service)
			stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
				t.Fatal(err)
			}
			listed, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, s := range listed.GetListServicesResponse().GetService() {
				names = append(names, s.GetName())
			}
			for _, want := range []string{name, "grpc.health.v1.Health"} {
				if !slices.Contains(names, want) {
					t.Errorf("%s is not among %v", want, names)
				}
			}
			if err := stream.CloseSend(); err != nil {
				t.Error(err)
			}
			health, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
			if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
				t.Errorf("health: %v, %v", health, err)
			}
		})
	}
}
