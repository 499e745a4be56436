package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"orderflow.example/schemas"
)

// object is a JSON object; encoding/json writes its members in the order of their names.
type object = map[string]any

// document has the members of an AsyncAPI document in the order in which people read them.
type document struct {
	AsyncAPI           string `json:"asyncapi"`
	Info               object `json:"info"`
	DefaultContentType string `json:"defaultContentType"`
	Servers            object `json:"servers"`
	Channels           object `json:"channels"`
	Operations         object `json:"operations"`
	Components         object `json:"components"`
}

const (
	avroContent    = "application/avro"
	avroFormat     = "application/vnd.apache.avro+json;version=1.9.0"
	bindingVersion = "0.5.0"
	deadLetter     = "DeadLetter"
)

func asyncAPI(topics []topic) ([]byte, error) {
	doc := document{
		AsyncAPI: "3.0.0",
		Info: object{
			"title":   "Orderflow: events",
			"version": "v1",
			"description": "What the services of Orderflow tell each other over Kafka. Every event is a CloudEvent in binary mode: its headers say what it is, " +
				"its value is Avro in the Schema Registry's wire format (a zero byte, four bytes of schema id, the body). A topic carries several event types, " +
				"so that the registry's subject is the topic and the record's name. Events are delivered at least once; ce_sequence tells duplicates and gaps.",
			"contact": object{"name": "Orderflow", "url": "https://orderflow.example"},
			"license": object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
			"tags":    tags(),
		},
		DefaultContentType: avroContent,
		Servers: object{"development": object{
			"host": "localhost:9092", "protocol": "kafka", "description": "The broker of `go run ./dev up`.",
			"bindings": object{"kafka": object{"schemaRegistryUrl": "http://localhost:8085", "schemaRegistryVendor": "confluent", "bindingVersion": bindingVersion}},
		}},
		Channels:   object{},
		Operations: object{},
		Components: object{"messages": object{}, "messageTraits": object{"cloudEvent": cloudEvent()}},
	}
	for _, t := range topics {
		doc.addTopic(t)
	}
	doc.addDeadLetters()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(doc)
	return text.Bytes(), err
}

func (d document) addTopic(t topic) {
	id := channelID(t.Name)
	messages := object{}
	for _, e := range t.Events {
		d.Components["messages"].(object)[e.Short] = message(e)
		messages[e.Short] = ref("components", "messages", e.Short)
	}
	d.Channels[id] = object{
		"address": t.Name, "title": t.Name, "description": describeTopic(t), "messages": messages,
		"bindings": object{"kafka": topicBinding(t.Topic)},
	}
	d.operation(t.Service, "send", id, fmt.Sprintf("The %s service writes %s.", t.Service, t.Name), t.Events, func(e event) bool { return e.Emitted != "-" })
	for _, reader := range t.Readers {
		d.operation(reader, "receive", id, fmt.Sprintf("The %s service acts on these events of %s and passes over the others.", reader, t.Name), t.Events,
			func(e event) bool { return contains(e.Readers, reader) })
	}
}

func (d document) operation(service, action, channel, summary string, events []event, takesPart func(event) bool) {
	var messages []object
	for _, e := range events {
		if takesPart(e) {
			messages = append(messages, ref("channels", channel, "messages", e.Short))
		}
	}
	if len(messages) == 0 {
		return
	}
	operation := object{"action": action, "channel": ref("channels", channel), "summary": summary, "messages": messages, "tags": []object{{"name": service}}}
	if action == "receive" {
		operation["bindings"] = object{"kafka": object{"groupId": object{"type": "string", "enum": []string{service}}, "bindingVersion": bindingVersion}}
	}
	d.Operations[service+"."+action+"."+channel] = operation
}

// addDeadLetters adds the topics of what a consumer group has given up.
func (d document) addDeadLetters() {
	d.Components["messages"].(object)[deadLetter] = object{
		"name": deadLetter, "title": "A message that was given up",
		"summary":     "A copy of a message, value and headers as they came, with headers that say where it came from and why it was given up.",
		"contentType": "application/octet-stream",
		"headers": object{"type": "object", "properties": object{
			"dlq_reason":    text("Why: a word and an explanation."),
			"dlq_topic":     text("The topic that it was in."),
			"dlq_partition": text("Its partition there."),
			"dlq_offset":    text("Its offset there."),
			"dlq_group":     text("The consumer group that gave it up."),
		}, "required": []string{"dlq_reason", "dlq_topic", "dlq_partition", "dlq_offset", "dlq_group"}},
		"payload": object{"type": "string", "format": "binary", "description": "The bytes of the original."},
	}
	for _, service := range schemas.Services() {
		t := schemas.DeadLetter(service)
		id := channelID(t.Name)
		d.Channels[id] = object{
			"address": t.Name, "title": t.Name,
			"description": "What the " + service + " service could not handle after all attempts. People read it; nothing is read from it again: `" + service + " dlq` works on the service's own rows.",
			"messages":    object{deadLetter: ref("components", "messages", deadLetter)},
			"bindings":    object{"kafka": topicBinding(t)},
		}
		d.Operations[service+".send."+id] = object{
			"action": "send", "channel": ref("channels", id), "summary": "The " + service + " service writes what it gives up.",
			"messages": []object{ref("channels", id, "messages", deadLetter)}, "tags": []object{{"name": service}},
		}
	}
}

func message(e event) object {
	about := object{
		"name": e.Name, "title": e.Short, "summary": e.Doc, "contentType": avroContent,
		"description":   "Known since " + release(e.Consumed) + ", " + emitted(e.Emitted) + ".",
		"traits":        []object{ref("components", "messageTraits", "cloudEvent")},
		"correlationId": object{"description": "The order.", "location": "$message.header#/ce_correlationid"},
		"tags":          []object{{"name": e.Writer}},
		"payload":       object{"schemaFormat": avroFormat, "schema": json.RawMessage(e.Schema)},
		"bindings": object{"kafka": object{
			"key":              object{"type": "string", "description": "The same as " + e.Key + "."},
			"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent", "schemaLookupStrategy": "TopicRecordNameStrategy",
			"bindingVersion": bindingVersion,
		}},
		"examples": []object{{"name": "example", "headers": exampleHeaders(e), "payload": e.Example}},
	}
	return about
}

// release names a release of facts.txt.
func release(version string) string {
	if version == "next" {
		return "the next release"
	}
	return version
}

func emitted(version string) string {
	if version == "-" {
		return "not emitted yet"
	}
	return "emitted since " + release(version)
}

// cloudEvent is what all events have in common: kit/outbox writes these headers.
func cloudEvent() object {
	return object{"headers": object{
		"type": "object",
		"properties": object{
			"ce_specversion":   object{"type": "string", "const": "1.0"},
			"ce_id":            text("The event's id, a UUIDv7."),
			"ce_type":          text("The full name of the record."),
			"ce_source":        text("The service that says it."),
			"ce_subject":       text("The key."),
			"ce_time":          object{"type": "string", "format": "date-time", "description": "When it was written, UTC."},
			"ce_sequence":      object{"type": "string", "pattern": "^[1-9][0-9]*$", "description": "The event's number among those of its key in its topic, from 1 without gaps. A compacted topic keeps only the last."},
			"ce_correlationid": text("The order that all of it belongs to."),
			"ce_causationid":   text("The id of the event that caused this one; absent when a call did."),
			"traceparent":      text("W3C trace context."),
			"content-type":     object{"type": "string", "const": avroContent},
		},
		"required": []string{"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type"},
	}}
}

func exampleHeaders(e event) object {
	return object{
		"ce_specversion": "1.0", "ce_id": "019392f0-6d2b-7105-9c7e-31f2b5a60d18", "ce_type": e.Name, "ce_source": e.Writer,
		"ce_subject": fmt.Sprint(e.Example[e.Key]), "ce_time": "2026-11-22T15:30:45.12Z", "ce_sequence": "1", "content-type": avroContent,
	}
}

func describeTopic(t topic) string {
	keeps := fmt.Sprintf("Keeps %d days.", int(t.Retention.Hours()/24))
	if t.Compacted {
		keeps = "Compacted: keeps the last event of each key, which is the full state. A reader applies only a higher ce_sequence."
	}
	return fmt.Sprintf("Written by the %s service alone. Keyed by %s, so that the events of a key keep their order. %s", t.Service, keysOf(t), keeps)
}

// keysOf names the fields that are keys in a topic.
func keysOf(t topic) string {
	var keys []string
	for _, e := range t.Events {
		if !contains(keys, e.Key) {
			keys = append(keys, e.Key)
		}
	}
	return strings.Join(keys, " or ")
}

func topicBinding(t schemas.Topic) object {
	settings := object{"cleanup.policy": []string{"delete"}, "retention.ms": t.Retention.Milliseconds()}
	if t.Compacted {
		settings = object{"cleanup.policy": []string{"compact"}}
	}
	return object{"topic": t.Name, "partitions": t.Partitions, "topicConfiguration": settings, "bindingVersion": bindingVersion}
}

// channelID is a topic's name as a member's name: order.events is orderEvents.
func channelID(topic string) string {
	first, second, _ := strings.Cut(topic, ".")
	return first + strings.ToUpper(second[:1]) + second[1:]
}

func tags() []object {
	var all []object
	for _, service := range schemas.Services() {
		all = append(all, object{"name": service, "description": "The " + service + " service."})
	}
	return all
}

func text(description string) object { return object{"type": "string", "description": description} }

func ref(path ...string) object { return object{"$ref": "#/" + strings.Join(path, "/")} }
