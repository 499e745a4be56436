package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	"orderflow.example/kit/auth"
	"orderflow.example/kit/avro"
	"orderflow.example/kit/kafka"
	"orderflow.example/kit/server"
)

// Types are the event types of a Spec, from structs of the same fields.
func Types[T ~struct {
	Name   string
	Schema string
	New    func() any
}](types []T) []avro.Type {
	all := make([]avro.Type, len(types))
	for i, t := range types {
		all[i] = avro.Type(t)
	}
	return all
}

type topic struct {
	Name       string
	Service    string
	Compacted  bool
	Retention  time.Duration
	Partitions int
}

// Topics are the topics of a Spec, from structs of these fields.
func Topics[T ~struct {
	Name       string
	Service    string
	Compacted  bool
	Retention  time.Duration
	Partitions int
}](topics []T) []kafka.Topic {
	all := make([]kafka.Topic, len(topics))
	for i, each := range topics {
		t := topic(each)
		all[i] = kafka.Topic{Name: t.Name, Partitions: t.Partitions, Compacted: t.Compacted, Retention: t.Retention}
	}
	return all
}

type rule struct {
	Public bool
	Roles  []string
	Owner  bool
}

// Rules are the access rules of an API by full method, from structs of these fields. That an owner sees only what is
// theirs is the domain's part.
func Rules[T ~struct {
	Public bool
	Roles  []string
	Owner  bool
}](rules map[string]T) map[string]auth.Rule {
	all := make(map[string]auth.Rule, len(rules))
	for method, each := range rules {
		r := rule(each)
		all[method] = auth.Rule{Public: r.Public, Roles: r.Roles}
	}
	return all
}

// API is what a service answers.
type API struct {
	Documents fs.FS // has the OpenAPI document <name of the service>.json
	Events    fs.FS // has the catalogue of events as asyncapi.json and as a page, events.html
	Register  func(grpc.ServiceRegistrar)
	Gateway   func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error
	Created   []string // full methods whose REST answer is 201
	Rules     map[string]auth.Rule
}

// Describe fills the service's API in. When it fails, it frees what Open opened.
func (s *Service) Describe(api API) error {
	if err := s.document(api); err != nil {
		return errors.Join(fmt.Errorf("the API's description: %w", err), s.Close())
	}
	s.API.Register = api.Register
	s.API.Gateway = append(s.API.Gateway, api.Gateway)
	s.API.Created = api.Created
	s.API.Rules = api.Rules
	return nil
}

// document shows the API and the events to people, unless the configuration says no.
func (s *Service) document(api API) error {
	text, err := fs.ReadFile(api.Documents, s.Spec.Name+".json")
	if err != nil {
		return err
	}
	var described struct {
		Info struct{ Title string }
	}
	if err := json.Unmarshal(text, &described); err != nil {
		return err
	}
	asyncAPI, err := fs.ReadFile(api.Events, "asyncapi.json")
	if err != nil {
		return err
	}
	page, err := fs.ReadFile(api.Events, "events.html")
	if err != nil {
		return err
	}
	if !s.Config.showsDocs() {
		return nil
	}
	s.API.OpenAPI = text
	s.API.Docs = server.Docs{Title: described.Info.Title, Pages: []server.DocsPage{
		{Name: "events", Link: "Events", Type: "text/html; charset=utf-8", Content: page},
		{Name: "asyncapi.json", Link: "asyncapi.json", Type: "application/json", Content: asyncAPI},
	}}
	return nil
}
