package avro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/riferrei/srclient"
)

const (
	requestTimeout = 5 * time.Second
	maxAnswer      = 2 * MaxSize // bytes of an answer: a schema, escaped
)

// registry is the Schema Registry's client. Every answer that says nothing about the schema itself is errUnreachable:
// no connection, a time-out, a server's error, a page that is not the registry's.
type registry struct {
	client *srclient.SchemaRegistryClient
}

func newRegistry(cfg Config) (*registry, error) {
	if err := checkURL(cfg.RegistryURL); err != nil {
		return nil, err
	}
	if (cfg.Username == "") != (cfg.Password == "") {
		return nil, errors.New("avro: the schema registry's user name and password go together")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // requests are rare, and a codec has no Close that could end idle connections
	client := srclient.NewSchemaRegistryClient(strings.TrimRight(cfg.RegistryURL, "/"),
		srclient.WithClient(&http.Client{Timeout: requestTimeout, Transport: guardedTransport{transport}}))
	client.CachingEnabled(false) // foreignSchemas does it, with a bound
	client.SetCredentials(cfg.Username, cfg.Password)
	return &registry{client}, nil
}

// schemaByID gives a schema's text; errUnknown when there is none of that id, or none that is usable.
func (r *registry) schemaByID(id uint32) (text string, err error) {
	schema, err := ask(func() (*srclient.Schema, error) { return r.client.GetSchema(int(id)) })
	if err != nil {
		return "", err
	}
	if schema.Schema() == "" {
		return "", fmt.Errorf("%w: it answers without a schema", errUnreachable)
	}
	return schema.Schema(), nil
}

// lookUp gives the id under which the subject has the schema; errUnknown when it has not.
func (r *registry) lookUp(ctx context.Context, subject, schema string) (uint32, error) {
	return askID(ctx, func() (*srclient.Schema, error) { return r.client.LookupSchema(subject, schema, srclient.Avro) })
}

// register gives the id of the schema under the subject, as a new version of it if need be.
func (r *registry) register(ctx context.Context, subject, schema string) (uint32, error) {
	return askID(ctx, func() (*srclient.Schema, error) { return r.client.CreateSchema(subject, schema, srclient.Avro) })
}

// askID gives up waiting when ctx ends, since srclient's requests end only by their time-out.
func askID(ctx context.Context, request func() (*srclient.Schema, error)) (uint32, error) {
	type answer struct {
		schema *srclient.Schema
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		schema, err := ask(request)
		answers <- answer{schema, err}
	}()
	select {
	case <-ctx.Done():
		return 0, &transientError{ctx.Err()}
	case a := <-answers:
		if a.err != nil {
			return 0, a.err
		}
		if a.schema.ID() <= 0 || a.schema.ID() > math.MaxInt32 {
			return 0, fmt.Errorf("%w: it answers with the schema id %d", errUnreachable, a.schema.ID())
		}
		return uint32(a.schema.ID()), nil
	}
}

// ask sorts srclient's errors. srclient panics on some answers, such as a bare null.
func ask(request func() (*srclient.Schema, error)) (schema *srclient.Schema, err error) {
	defer func() {
		if p := recover(); p != nil {
			schema, err = nil, fmt.Errorf("%w: its answer can't be read: %v", errUnreachable, p)
		}
	}()
	schema, err = request()
	if err == nil {
		return schema, nil
	}
	var refusal srclient.Error
	switch {
	case errors.Is(err, errRefusedCredentials):
		return nil, err
	case errors.Is(err, errTooLarge):
		return nil, fmt.Errorf("%w in a usable form: %w", errUnknown, err)
	case !errors.As(err, &refusal):
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	case refusal.Code/100 == http.StatusNotFound: // 40401 subject, 40402 version, 40403 schema
		return nil, errUnknown
	case refusal.Code == http.StatusConflict || refusal.Code/100 == http.StatusConflict,
		refusal.Code == http.StatusUnprocessableEntity || refusal.Code/100 == http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("the schema registry refuses it: %s", refusal.Message)
	default:
		return nil, fmt.Errorf("%w: error %d: %s", errUnreachable, refusal.Code, refusal.Message)
	}
}

var (
	errRefusedCredentials = errors.New("the schema registry refuses the credentials")
	errTooLarge           = errors.New("the answer is too large")
)

// guardedTransport turns the statuses that srclient does not tell apart into errors, and bounds the bodies it reads whole.
type guardedTransport struct{ next http.RoundTripper }

func (t guardedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		err = errRefusedCredentials
	case code == http.StatusTooManyRequests || code >= http.StatusInternalServerError:
		err = errors.New(response.Status)
	default:
		response.Body = &limitedBody{response.Body, maxAnswer}
		return response, nil
	}
	return nil, errors.Join(err, response.Body.Close())
}

// limitedBody fails past its limit, where io.LimitReader would pretend that the body ends.
type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if len(into) > b.left {
		into = into[:b.left]
	}
	n, err := b.ReadCloser.Read(into)
	b.left -= n
	return n, err
}
