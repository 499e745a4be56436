package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxBody bounds an answer; the largest, a payment with its refunds, is some kilobytes.
const maxBody = 1 << 20

type call struct {
	name   string // for the metrics
	method string
	path   string
	key    string // idempotency key, of a call that moves money
	in     any
}

// answer is a complete HTTP answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call makes one call and decodes its answer. Its error is an *Error.
func (c *Client) call(ctx context.Context, limit time.Duration, what call, out any) error {
	return c.Do(ctx, what.name, limit, func(ctx context.Context) error {
		got, err := c.exchange(ctx, what)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(got.body, out); err != nil {
			return &Error{Class: Unknown, Status: got.status, Cause: fmt.Errorf("decode the provider's answer: %w", err)}
		}
		return nil
	})
}

// exchange sends the call and reads the whole answer; anything but a success is an *Error.
func (c *Client) exchange(ctx context.Context, what call) (answer, error) {
	request, sent, err := c.request(ctx, what)
	if err != nil {
		return answer{}, &Error{Class: Permanent, Code: "invalid_request", Reason: "The payment could not be expressed.", Cause: err}
	}
	response, err := c.HTTP().Do(request)
	if err != nil {
		return answer{}, Lost(ctx, err, *sent)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return answer{}, Lost(ctx, err, true)
	case len(body) > maxBody:
		return answer{}, &Error{Class: Unknown, Status: response.StatusCode, Cause: fmt.Errorf("the provider's answer is larger than %d bytes", maxBody)}
	}
	got := answer{status: response.StatusCode, header: response.Header, body: body}
	if got.status < 200 || got.status > 299 {
		return answer{}, refusal(got)
	}
	return got, nil
}

// request builds the HTTP request. What it answers with becomes true as soon as a connection is at hand.
func (c *Client) request(ctx context.Context, what call) (*http.Request, *bool, error) {
	ctx, sent := Watched(ctx)
	var body io.Reader
	if what.in != nil {
		text, err := json.Marshal(what.in)
		if err != nil {
			return nil, nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, what.method, c.base+what.path, body)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "orderflow-payment")
	if what.in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if what.key != "" {
		request.Header.Set("Idempotency-Key", what.key)
	}
	return request, sent, nil
}

// RetryAfter is the header's wish: seconds, or a date, which is compared with the answer's own date.
func RetryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return max(0, time.Duration(min(seconds, 24*60*60))*time.Second)
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, until.Sub(now))
}
