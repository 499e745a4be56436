// Package rest is a small client of the platform's REST API, as any customer's would be: JSON over HTTP with a token.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	callTimeout = 30 * time.Second
	maxAnswer   = 16 << 20
)

// Client calls one service.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New makes a client of the service at an address (host:port) that sends a token with each call.
func New(addr, token string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	return &Client{base: "http://" + addr, token: token, http: &http.Client{Transport: transport, Timeout: callTimeout}}
}

// As is the same client with another token.
func (c *Client) As(token string) *Client {
	other := *c
	other.token = token
	return &other
}

// Refused is an answer other than 2xx.
type Refused struct {
	Code int
	Body string
}

// Error is what the service says in words, or the whole body when it is not in the form of the API's errors.
func (r *Refused) Error() string {
	var body struct {
		Error struct{ Message string }
	}
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil || body.Error.Message == "" {
		return fmt.Sprintf("HTTP %d: %s", r.Code, r.Body)
	}
	return fmt.Sprintf("HTTP %d: %s", r.Code, body.Error.Message)
}

// Get reads path into answer.
func (c *Client) Get(ctx context.Context, path string, answer proto.Message) error {
	return c.do(ctx, http.MethodGet, path, nil, answer)
}

// Post sends body, any JSON text, to path and reads the answer.
func (c *Client) Post(ctx context.Context, path string, body []byte, answer proto.Message) error {
	return c.do(ctx, http.MethodPost, path, body, answer)
}

// PostMessage sends a message as JSON.
func (c *Client) PostMessage(ctx context.Context, path string, body, answer proto.Message) error {
	text, err := protojson.Marshal(body)
	if err != nil {
		return err
	}
	return c.Post(ctx, path, text, answer)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, answer proto.Message) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return &Refused{Code: response.StatusCode, Body: string(text)}
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, answer)
}
