package app

import (
	"runtime/debug"
	"testing"
)

func TestRelease(t *testing.T) {
	build := func(settings ...debug.BuildSetting) *debug.BuildInfo { return &debug.BuildInfo{Settings: settings} }
	revision, modified := debug.BuildSetting{Key: "vcs.revision", Value: "abc"}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, tt := range []struct {
		want string
		info *debug.BuildInfo
	}{
		{"1.2.3", nil},
		{"1.2.3", build(modified)},
		{"1.2.3+abc", build(revision, debug.BuildSetting{Key: "vcs.modified", Value: "false"})},
		{"1.2.3+abc.modified", build(revision, modified)},
	} {
		if got := release("1.2.3", tt.info); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
