package auth

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	"orderflow.example/kit/errs"
)

// Rule says who may call a method. The zero Rule lets nobody in.
type Rule struct {
	Public bool     // anybody, without a token
	Roles  []string // any of them; Customer is any authenticated principal
}

// public are the services that every gRPC tool asks before it can have a token.
var public = []string{"/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"}

// RuleFor finds the rule of a method, by its full name "/package.Service/Method".
func RuleFor(rules map[string]Rule, method string) (Rule, bool) {
	for _, prefix := range public {
		if strings.HasPrefix(method, prefix) {
			return Rule{Public: true}, true
		}
	}
	rule, ok := rules[method]
	return rule, ok
}

// Unary lets a call through when the rule of its method does. A method without a rule is refused.
func (v *Verifier) Unary(rules map[string]Rule) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx, err := v.authorize(ctx, rules, info.FullMethod)
		if err != nil {
			return nil, err
		}
		return handler(ctx, req)
	}
}

var errExpired = errs.New(errs.Unauthenticated, "TOKEN_EXPIRED", "the token has expired")

// Stream does for streams what Unary does for calls. A stream that only the server writes to may last longer than the
// token: it ends with TOKEN_EXPIRED then, by the end of its context.
func (v *Verifier) Stream(rules map[string]Rule) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, err := v.authorize(stream.Context(), rules, info.FullMethod)
		if err != nil {
			return err
		}
		expires := FromContext(ctx).Expires
		if info.IsClientStream || expires.IsZero() {
			return handler(srv, authorizedStream{stream, ctx})
		}
		ctx, cancel := context.WithTimeoutCause(ctx, expires.Sub(v.now()), errExpired)
		defer cancel()
		err = handler(srv, authorizedStream{stream, ctx})
		if err != nil && context.Cause(ctx) == errExpired { //nolint:errorlint // the very value
			return errExpired
		}
		return err
	}
}

type authorizedStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s authorizedStream) Context() context.Context { return s.ctx }

func (v *Verifier) authorize(ctx context.Context, rules map[string]Rule, method string) (context.Context, error) {
	rule, ok := RuleFor(rules, method)
	if !ok {
		return nil, errs.New(errs.PermissionDenied, "METHOD_NOT_PERMITTED", "nobody may call %s", method)
	}
	if rule.Public {
		return ctx, nil
	}
	principal, err := v.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	if !principal.Has(rule.Roles...) {
		roles := strings.Join(rule.Roles, ",")
		return nil, errs.New(errs.PermissionDenied, "ROLE_REQUIRED", "this needs one of the roles: %s", roles).With("roles", roles)
	}
	return WithPrincipal(ctx, principal), nil
}
