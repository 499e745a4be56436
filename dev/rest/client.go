// Package rest is a small client of the platform's REST API, as any customer's would be: JSON over HTTP with a token.
package rest

import (
	"bufio"
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

// PostForLines sends a body of some type to path and hands over each line of the answer as it comes.
func (c *Client) PostForLines(ctx context.Context, path, contentType string, body []byte, handle func(line []byte) error) error {
	response, err := c.send(ctx, http.MethodPost, path, contentType, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if err := handle(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, answer proto.Message) error {
	response, err := c.send(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, answer)
}

// send returns an answer of 2xx, whose body is to be closed; any other is a Refused.
func (c *Client) send(ctx context.Context, method, path, contentType string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil || response.StatusCode/100 == 2 {
		return response, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return nil, &Refused{Code: response.StatusCode, Body: string(text)}
}
