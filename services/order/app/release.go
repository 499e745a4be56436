package app

import "runtime/debug"

// release names what this process was built from, for what two builds of one version must not share. Without the revision of its sources,
// which go build notes when it knows them, it is the version alone.
func release(version string, build *debug.BuildInfo) string {
	if build == nil {
		return version
	}
	settings := map[string]string{}
	for _, s := range build.Settings {
		settings[s.Key] = s.Value
	}
	if settings["vcs.revision"] == "" {
		return version
	}
	version += "+" + settings["vcs.revision"]
	if settings["vcs.modified"] == "true" {
		version += ".modified"
	}
	return version
}
