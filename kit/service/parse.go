package service

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Parse reads a service's configuration from environment variables ("NAME=value"). The error names each bad variable,
// its value and what is allowed.
func Parse[T any](environ []string) (T, error) {
	values := env.ToMap(environ)
	cfg, err := env.ParseAsWithOptions[T](env.Options{Environment: values})
	var lines []string
	if many, ok := errors.AsType[env.AggregateError](err); ok {
		for _, one := range many.Errors {
			lines = append(lines, describe(one, reflect.TypeFor[T](), values))
		}
	} else if err != nil {
		return cfg, err
	} else if lines, err = tooSmall(reflect.ValueOf(cfg)); err != nil {
		return cfg, err
	}
	if len(lines) == 0 {
		return cfg, nil
	}
	slices.Sort(lines) // a variable that two parts of the configuration read is told of once
	return cfg, errors.New(strings.Join(slices.Compact(lines), "; "))
}

// tooSmall names the variables that are below the least value that the tag atLeast of their field gives: a number, or a duration.
func tooSmall(config reflect.Value) ([]string, error) {
	var lines []string
	for i := range config.NumField() {
		field, value := config.Type().Field(i), config.Field(i)
		if field.Type.Kind() == reflect.Struct {
			inner, err := tooSmall(value)
			if err != nil {
				return nil, err
			}
			lines = append(lines, inner...)
			continue
		}
		tag := field.Tag.Get("atLeast")
		if tag == "" {
			continue
		}
		least, err := parseLeast(field.Type, tag)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name, err)
		}
		if value.Int() < least {
			name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
			lines = append(lines, fmt.Sprintf("%s=%v: must be at least %s", name, value.Interface(), tag))
		}
	}
	return lines, nil
}

func parseLeast(t reflect.Type, tag string) (int64, error) {
	if t == reflect.TypeFor[time.Duration]() {
		least, err := time.ParseDuration(tag)
		return int64(least), err
	}
	return strconv.ParseInt(tag, 10, 64)
}

// describe says in terms of variables what the library says in terms of fields.
func describe(err error, config reflect.Type, values map[string]string) string {
	if missing, ok := errors.AsType[env.VarIsNotSetError](err); ok {
		return missing.Key + " is required"
	}
	if empty, ok := errors.AsType[env.EmptyVarError](err); ok {
		return empty.Key + " is required"
	}
	if wrong, ok := errors.AsType[env.ParseError](err); ok {
		if name := variableOf(config, wrong.Name); name != "" {
			return fmt.Sprintf("%s=%q: must be %s", name, values[name], allowed(wrong.Type))
		}
	}
	return err.Error()
}

// variableOf finds the variable that a field is read from, in the struct or those inside of it.
func variableOf(config reflect.Type, field string) string {
	for i := range config.NumField() {
		f := config.Field(i)
		if f.Name == field && f.Tag.Get("env") != "" {
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			return name
		}
		if f.Type.Kind() == reflect.Struct {
			if name := variableOf(f.Type, field); name != "" {
				return name
			}
		}
	}
	return ""
}

func allowed(t reflect.Type) string {
	if t.String() == "time.Duration" {
		return "a duration such as 500ms, 10s or 2h"
	}
	if t.Kind() == reflect.Pointer { // may be left out
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, not negative"
	}
	return "a " + t.String()
}
