package access

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// restRequest is what goes over the wire.
type restRequest struct {
	verb, path, contentType string
	body                    []byte
}

var variable = regexp.MustCompile(`\{([^}=]*)[^}]*\}`)

// restCall writes a request as the first of its RPC's REST paths that it has the variables of wants it: variables in the path, then the body, and the rest
// in the query.
func restCall(r rpc, request proto.Message) (restRequest, error) {
	if raw, ok := rawRoutes[rawName{r.service, r.full()}]; ok {
		return raw.request(raw, request)
	}
	content, err := protojson.Marshal(request)
	if err != nil {
		return restRequest{}, err
	}
	var fields map[string]any
	if err := json.Unmarshal(content, &fields); err != nil {
		return restRequest{}, err
	}
	b := bindingFor(r, fields)
	var failure error
	call := restRequest{verb: b.verb, contentType: "application/json"}
	call.path = variable.ReplaceAllStringFunc(b.path, func(v string) string {
		name := variable.FindStringSubmatch(v)[1]
		value, ok := take(fields, strings.Split(name, "."))
		if !ok {
			failure = fmt.Errorf("%s: the request has no %s for its path", r.short(), name)
		}
		return url.PathEscape(value)
	})
	if failure != nil {
		return restRequest{}, failure
	}
	switch b.body {
	case "":
	case "*":
		call.body, err = json.Marshal(fields)
		return call, err
	default:
		name := jsonName(b.body)
		if call.body, err = json.Marshal(fields[name]); err != nil {
			return restRequest{}, err
		}
		delete(fields, name)
		delete(fields, "updateMask") // the fields of the body
	}
	query := url.Values{}
	for name, value := range fields {
		query.Set(name, fmt.Sprint(value))
	}
	if len(query) > 0 {
		call.path += "?" + query.Encode()
	}
	return call, nil
}

// bindingFor is the first REST path whose variables the request has, else the first of all.
func bindingFor(r rpc, fields map[string]any) binding {
	for _, b := range r.bindings {
		all := true
		for _, v := range variable.FindAllStringSubmatch(b.path, -1) {
			_, there := fields[jsonName(strings.Split(v[1], ".")[0])]
			all = all && there
		}
		if all {
			return b
		}
	}
	return r.bindings[0]
}

// take removes a text from nested JSON.
func take(fields map[string]any, path []string) (string, bool) {
	name := jsonName(path[0])
	if len(path) > 1 {
		inner, ok := fields[name].(map[string]any)
		if !ok {
			return "", false
		}
		return take(inner, path[1:])
	}
	value, ok := fields[name].(string)
	delete(fields, name)
	return value, ok
}

func jsonName(name string) string {
	words := strings.Split(name, "_")
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
	}
	return strings.Join(words, "")
}
