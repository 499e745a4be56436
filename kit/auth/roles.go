package auth

import (
	"fmt"
	"strings"
)

// rolesIn finds the roles in a token's claims: under the whole name, as a namespaced claim has dots in it, or along the path.
// A token without them has none.
func rolesIn(claims map[string]any, path string) ([]string, error) {
	value, ok := claims[path]
	if !ok {
		value, ok = walkClaims(claims, strings.Split(path, "."))
	}
	if !ok || value == nil {
		return nil, nil
	}
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("the claim %s is no list", path)
	}
	roles := make([]string, len(list))
	for i, each := range list {
		if roles[i], ok = each.(string); !ok {
			return nil, fmt.Errorf("the claim %s holds what is no text", path)
		}
	}
	return roles, nil
}

func walkClaims(claims map[string]any, path []string) (any, bool) {
	value, ok := claims[path[0]]
	if len(path) == 1 || !ok {
		return value, ok
	}
	inner, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	return walkClaims(inner, path[1:])
}
