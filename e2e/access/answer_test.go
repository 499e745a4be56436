package access

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"orderflow.example/kit/errs"
)

// answer is all that a caller gets to see.
type answer struct {
	code    int    // gRPC's or HTTP's
	text    string // every message and detail, and the headers
	message string // the first message, as JSON
}

// transport is a way to call an RPC.
type transport interface {
	name() string
	call(ctx context.Context, r rpc, request proto.Message, headers ...string) (answer, error)
	// code is what this transport shows of a gRPC code.
	code(c codes.Code, r rpc) int
}

// overGRPC calls as any gRPC client does. Whatever kind of stream the method is, one message is sent and the first
// answer is enough.
type overGRPC struct{ conns map[string]*grpc.ClientConn }

func (overGRPC) name() string { return "gRPC" }

func (overGRPC) code(c codes.Code, _ rpc) int { return int(c) }

func (g overGRPC) call(ctx context.Context, r rpc, request proto.Message, headers ...string) (answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := 0; i < len(headers); i += 2 {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(headers[i]), headers[i+1])
	}
	stream, err := g.conns[r.service].NewStream(ctx,
		&grpc.StreamDesc{ServerStreams: r.IsStreamingServer(), ClientStreams: r.IsStreamingClient()}, r.full())
	if err != nil {
		return answer{}, err
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return answer{}, err
	}
	if err := stream.CloseSend(); err != nil {
		return answer{}, err
	}
	response := newResponse(r)
	said := status.Convert(stream.RecvMsg(response))
	header, err := stream.Header()
	if err != nil && said.Code() == codes.OK {
		return answer{}, err
	}
	content, err := protojson.Marshal(response)
	if err != nil {
		return answer{}, err
	}
	a := answer{code: int(said.Code()), message: string(content)}
	trailer := metadata.MD{}
	if said.Code() != codes.OK {
		trailer = stream.Trailer()
		a.message = fmt.Sprint(said.Message(), said.Details())
	}
	a.text = a.message + "\n" + headerText(header) + headerText(trailer)
	return a, nil
}

// overREST calls as curl does.
type overREST struct {
	base   map[string]string
	client *http.Client
}

func (overREST) name() string { return "REST" }

func (overREST) code(c codes.Code, r rpc) int {
	if c == codes.OK {
		return http.StatusOK
	}
	return errs.HTTPStatus(errs.Code(c))
}

func (h overREST) call(ctx context.Context, r rpc, request proto.Message, headers ...string) (answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := restCall(r, request)
	if err != nil {
		return answer{}, err
	}
	return h.do(ctx, h.base[r.service], call, headers...)
}

func (h overREST) do(ctx context.Context, base string, c restRequest, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, c.verb, base+c.path, bytes.NewReader(c.body))
	if err != nil {
		return answer{}, err
	}
	if len(c.body) > 0 {
		request.Header.Set("Content-Type", c.contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := h.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := readAnswer(response)
	if err != nil {
		return answer{}, err
	}
	code := response.StatusCode
	if code == http.StatusCreated {
		code = http.StatusOK
	}
	return answer{code: code, message: body, text: body + "\n" + headerText(metadata.MD(response.Header))}, nil
}

// readAnswer reads a whole answer, and of server-sent events, which go on, the first.
func readAnswer(response *http.Response) (string, error) {
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return nextEvent(bufio.NewScanner(response.Body))
	}
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// nextEvent reads as far as the end of the next server-sent event.
func nextEvent(lines *bufio.Scanner) (string, error) {
	var event string
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, ":"), strings.HasPrefix(line, "retry:"): // of the connection
		case line == "" && event != "":
			return event, nil
		case line != "":
			event += line + "\n"
		}
	}
	return "", fmt.Errorf("no further event: %w", cmp.Or(lines.Err(), io.EOF))
}

func headerText(headers metadata.MD) string {
	var lines []string
	for name, values := range headers {
		switch strings.ToLower(name) {
		case "date", "x-request-id", "traceparent", "content-length", "x-process-time", "grpc-status-details-bin", "retry-after":
			continue // of the call, not of what it found
		}
		if strings.HasPrefix(strings.ToLower(name), "x-ratelimit") {
			continue
		}
		lines = append(lines, strings.ToLower(name)+": "+strings.Join(values, ", ")+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

var requestID = regexp.MustCompile(`("?requestId"?|request_id) ?: ?"[^"]*"`)

// without is the text with nothing in it that belongs to this one call: its request id, and what it asked for.
func (a answer) without(asked ...string) string {
	text := requestID.ReplaceAllString(a.text, "REQUEST-ID")
	for _, each := range asked {
		text = strings.ReplaceAll(text, each, "ASKED")
	}
	// Texts of protobuf messages vary their spaces on purpose.
	return strings.Join(strings.Fields(text), " ")
}
