package access

import (
	"slices"
	"strings"
	"testing"

	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

// The matrix speaks of every RPC that a server has, and of every REST route.
func (w *world) testCoverage(t *testing.T) {
	declared := map[string]bool{} // "service verb path" of the RPCs
	routes := map[string]bool{}   // the same of those that are not the gateway's
	for _, r := range rpcs() {
		if !r.declared || r.rule.Public == (len(r.rule.Roles) > 0) {
			t.Errorf("%s declares no rule, or both that it is public and roles", r.short())
		}
		for _, role := range r.rule.Roles {
			if !slices.Contains(roles, role) {
				t.Errorf("%s allows %q, a role that nobody knows", r.short(), role)
			}
		}
		if len(r.rule.Roles) > 0 && r.rule.Owner != (r.rule.Owner && slices.Contains(r.rule.Roles, customer)) {
			t.Errorf("%s has owners, and no customer may call it", r.short())
		}
		raw, isRaw := rawRoutes[rawName{r.service, r.full()}]
		if len(r.bindings) == 0 && !isRaw {
			t.Errorf("%s has no REST path: declare one, or name its route in rawRoutes", r.short())
		}
		for _, b := range r.bindings {
			declared[r.service+" "+b.verb+" "+b.path] = true
		}
		if isRaw {
			declared[r.service+" "+raw.verb+" "+raw.path] = true
		}
	}
	for service, s := range w.platform.Services {
		for _, route := range s.API.Routes {
			name := service + " " + route.Method + " " + strings.ReplaceAll(route.Path, "=*}", "}")
			routes[name] = true
			if _, public := publicRoutes[name]; !declared[name] && !public {
				t.Errorf("the route %s is no RPC's and not on the list of public ones", name)
			}
		}
		want := []string{}
		for _, r := range rpcs() {
			if r.service == service {
				want = append(want, string(r.Parent().FullName()))
			}
		}
		slices.Sort(want)
		want = slices.Compact(want)
		if got := w.served(t, service); !slices.Equal(got, want) {
			t.Errorf("%s serves %v, the matrix knows %v", service, got, want)
		}
	}
	short := map[string]bool{}
	for _, r := range rpcs() {
		short[r.short()] = true
	}
	for name := range specials {
		if !short[name] {
			t.Errorf("the table of specials names %s, which is no RPC", name)
		}
	}
	for name := range publicRoutes {
		if !routes[name] {
			t.Errorf("the list of public routes names %s, which is no route", name)
		}
	}
}

// served are the gRPC services that a server says it has, without health and reflection.
func (w *world) served(t *testing.T, service string) []string {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(w.conns[service]).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, s := range answer.GetListServicesResponse().GetService() {
		if !strings.HasPrefix(s.GetName(), "grpc.") {
			got = append(got, s.GetName())
		}
	}
	slices.Sort(got)
	return got
}
